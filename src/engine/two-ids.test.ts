import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { altered, appending, caller, creation, HandBody } from '../../test/support/engine.ts'
import { silent } from '../core/log.ts'
import type { Store } from '../core/store.ts'
import { parseUploadId, type UploadId } from '../core/upload.ts'
import { memoryLocker } from '../lockers/memory.ts'
import { memoryStore } from '../stores/memory.ts'
import type { CreateCommand } from './commands.ts'
import { createEngine } from './engine.ts'

const short = (id: UploadId): UploadId => parseUploadId(id.split('+', 1)[0] ?? id)
const long = (id: UploadId): UploadId => parseUploadId(`${short(id)}+more`)

/** A store that makes every id longer, and knows an upload by either. */
function growing(): Store {
  const kept = memoryStore()
  const store = altered(kept, (stored) => ({
    get upload() {
      return { ...stored.upload, id: long(stored.upload.id) }
    },
  }))
  return {
    ...store,
    lockName: short,
    open: (id) => store.open(short(id)),
    tidy: (id, before) => kept.tidy(short(id), before),
  }
}

const partial: CreateCommand = { ...creation, length: 5, concat: { role: 'partial' } }

describe('an upload that has two ids', () => {
  const finished: UploadId[] = []
  let engine: Awaited<ReturnType<typeof createEngine>>
  beforeEach(async () => {
    engine = await createEngine({
      store: growing(),
      locker: memoryLocker(),
      hooks: { postFinish: (upload) => void finished.push(short(upload.id)) },
      log: silent,
      maxSize: Number.POSITIVE_INFINITY,
      expireAfter: null,
      networkTimeout: 0,
      acquireLockTimeout: 30_000,
      maxBufferedBytes: 1 << 20,
    })
  })
  afterEach(() => engine.close())

  it('is known by the one that the store gave it', async () => {
    const { upload } = await engine.create(creation, caller)
    expect(upload.id).toBe(long(upload.id))
    for (const id of [upload.id, short(upload.id)]) expect((await engine.stat(id, caller)).id).toBe(upload.id)
  })

  it.each([
    ['long', 'short', long, short],
    ['short', 'long', short, long],
  ])(
    'has one lock: an append by the %s one ends when somebody asks by the %s one',
    async (_one, _other, one, other) => {
      const { upload } = await engine.create(creation, caller)
      const body = new HandBody()
      const appended = engine.append(appending(one(upload.id), 0, body), caller)
      const interrupted = expect(appended).rejects.toMatchObject({ code: 'upload_interrupted' })
      await vi.waitFor(() => expect(body.sink).not.toBeNull(), 30_000)
      body.sink?.data(Buffer.from('hello'))
      expect(await engine.stat(other(upload.id), caller)).toMatchObject({ id: upload.id, offset: 5 })
      await interrupted
    },
  )

  it('may be part of a whole by both of them', async () => {
    const { upload: part } = await engine.create(partial, caller)
    await engine.append(appending(part.id, 0, new HandBody('hello')), caller)
    const concat = { role: 'final' as const, parts: [short(part.id), long(part.id)] }
    const { upload: whole } = await engine.create({ ...creation, length: null, concat }, caller)
    expect(whole).toMatchObject({ offset: 10, complete: true })
  })

  it.each([
    ['short', short],
    ['long', long],
  ])('completes a whole that waits for it by its %s one', async (_name, named) => {
    const { upload: part } = await engine.create(partial, caller)
    const concat = { role: 'final' as const, parts: [named(part.id)] }
    const { upload: whole } = await engine.create({ ...creation, length: null, concat }, caller)
    expect(whole).toMatchObject({ length: 5, offset: 0, complete: false })
    await engine.append(appending(part.id, 0, new HandBody('hello')), caller)
    // By itself: nobody asks for it meanwhile, which would complete it as well
    await vi.waitFor(() => expect(finished).toContain(short(whole.id)), 15_000)
  })
})
