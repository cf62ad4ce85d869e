import { describe, expect, it } from 'vitest'
import { altered, appending, caller, creation, HandBody, withResolvers } from '../../test/support/engine.ts'
import { silent } from '../core/log.ts'
import type { Store } from '../core/store.ts'
import { memoryLocker } from '../lockers/memory.ts'
import { memoryStore } from '../stores/memory.ts'
import type { Declaration, Engine, Witness } from './commands.ts'
import { createEngine } from './engine.ts'

const last: Declaration = {
  last: true,
  least: 0,
  most: Number.POSITIVE_INFINITY,
  resumable: true,
  fatal: true,
  replays: true,
  whole: () => ({ expected: [], wanted: ['sha256'] }),
}

function start(store: Store): Promise<Engine> {
  return createEngine({
    store,
    locker: memoryLocker(),
    hooks: {},
    log: silent,
    maxSize: Number.POSITIVE_INFINITY,
    expireAfter: null,
    networkTimeout: 0,
    acquireLockTimeout: 5_000,
    maxBufferedBytes: 1024 * 1024,
  })
}

const declared = { ...creation, length: null, completion: 'declared' } as const

describe('the digest of a whole upload', () => {
  /** A store whose reading stops between two batches until the gate opens. */
  function gated() {
    const gate = withResolvers()
    const reading = withResolvers()
    const store = altered(memoryStore(), () => ({
      read: async function* () {
        yield [Buffer.from('he')]
        reading.resolve(undefined)
        await gate.promise
        yield [Buffer.from('llo')]
      },
    }))
    return { store, gate, reading: reading.promise }
  }

  it('tells who waits for it that there is progress', async () => {
    const { store, gate, reading } = gated()
    const engine = await start(store)
    const { upload } = await engine.create({ ...declared, declaration: { ...last, last: false } }, caller)
    const saved: number[] = []
    const witness: Witness = { saved: (offset) => void saved.push(offset) }
    const command = { ...appending(upload.id, 0, new HandBody('hello')), declaration: last, witness }
    const appended = engine.append(command, caller)
    await reading
    expect(saved).toEqual([5])
    gate.resolve(undefined)
    const outcome = await appended
    expect(outcome.upload.complete).toBe(true)
    expect(outcome.digests.map(({ digest }) => Buffer.from(digest).toString('hex'))).toEqual([
      '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
    ])
    await engine.close()
  })

  it('is given up for a newcomer, and computed by the next request that declares the upload complete', async () => {
    const { store, gate, reading } = gated()
    const engine = await start(store)
    const { upload } = await engine.create({ ...declared, declaration: { ...last, last: false } }, caller)
    const first = engine.append({ ...appending(upload.id, 0, new HandBody('hello')), declaration: last }, caller)
    const refused = expect(first).rejects.toMatchObject({ code: 'upload_interrupted' })
    await reading
    const told = engine.stat(upload.id, caller)
    gate.resolve(undefined)
    await refused
    expect(await told).toMatchObject({ offset: 5, complete: false })
    const again = { ...appending(upload.id, 5, new HandBody('')), declaration: last }
    expect((await engine.append(again, caller)).upload.complete).toBe(true)
    await engine.close()
  })
})
