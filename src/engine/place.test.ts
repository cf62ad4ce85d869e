import { expect, it } from 'vitest'
import { caller, creation } from '../../test/support/engine.ts'
import { silent } from '../core/log.ts'
import type { NewUpload } from '../core/upload.ts'
import { memoryLocker } from '../lockers/memory.ts'
import { memoryStore } from '../stores/memory.ts'
import { createEngine } from './engine.ts'

const storage = { Bucket: 'films', Key: 'a/b.mp4' }

function engineThat(takesStorage: boolean, asked: NewUpload[]) {
  const kept = memoryStore()
  return createEngine({
    store: {
      ...kept,
      ...(takesStorage && { takesStorage }),
      create(upload) {
        asked.push(upload)
        return kept.create(upload)
      },
    },
    locker: memoryLocker(),
    hooks: { preCreate: () => ({ storage }) },
    log: silent,
    maxSize: Number.POSITIVE_INFINITY,
    expireAfter: null,
    networkTimeout: 0,
    acquireLockTimeout: 30_000,
    maxBufferedBytes: 1 << 20,
  })
}

it('a place that a hook chooses is handed to a store that takes it', async () => {
  const asked: NewUpload[] = []
  const engine = await engineThat(true, asked)
  await engine.create(creation, caller)
  expect(asked).toMatchObject([{ storage }])
  await engine.close()
})

it('a hook that chooses a place where nobody can is refused, and nothing is created', async () => {
  const asked: NewUpload[] = []
  const engine = await engineThat(false, asked)
  await expect(engine.create(creation, caller)).rejects.toMatchObject({ code: 'hook_failed' })
  expect(asked).toEqual([])
  await engine.close()
})
