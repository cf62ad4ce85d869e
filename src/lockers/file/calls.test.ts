import { expect, it } from 'vitest'
import { storageError } from './calls.ts'

it.each([
  ['EMFILE', 'storage_busy', 2],
  ['ENFILE', 'storage_busy', 2],
  ['ENOSPC', 'storage_full', undefined],
  ['EROFS', 'storage_failed', undefined],
])(
  'a call of the locker that fails with %s is %s to clients, and the log names the file',
  (code, expected, retryAfter) => {
    const error = storageError(Object.assign(new Error(code), { code }), '/srv/uploads/.locks/x')
    expect(error).toMatchObject({ code: expected, cause: { code } })
    expect(error.details.retryAfter).toBe(retryAfter)
    expect(error.details.hint).toContain(`/srv/uploads/.locks/x (${code})`)
  },
)
