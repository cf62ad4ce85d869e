import { describe, expect, it } from 'vitest'
import { parseUploadId } from '../core/upload.ts'
import { lockerSuite } from '../testing/locker-suite.ts'
import { memoryLocker } from './memory.ts'

describe('the memory locker', () => {
  lockerSuite({ describe, it }, async () => ({ locker: memoryLocker(), close: async () => undefined }))

  it('serves a thousand waiters in order', async () => {
    const locker = memoryLocker()
    const served: number[] = []
    const all = Array.from({ length: 1000 }, async (_, number) => {
      const lock = await locker.acquire(parseUploadId('popular'), new AbortController().signal)
      served.push(number)
      await lock.release()
    })
    await Promise.all(all)
    expect(served).toEqual(Array.from({ length: 1000 }, (_, number) => number))
  })

  it('gives the same signal however often it is asked for', async () => {
    const lock = await memoryLocker().acquire(parseUploadId('a'), new AbortController().signal)
    expect(lock.revoked).toBe(lock.revoked)
    await lock.release()
  })
})
