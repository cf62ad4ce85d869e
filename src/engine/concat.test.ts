import { describe, expect, it } from 'vitest'
import { emptyBody } from '../core/body.ts'
import { silent } from '../core/log.ts'
import { memoryLocker } from '../lockers/memory.ts'
import { memoryStore } from '../stores/memory.ts'
import type { Caller, CreateCommand } from './commands.ts'
import { createEngine } from './engine.ts'

const caller: Caller = {
  request: { method: 'TEST', uri: '/', remoteAddress: null, header: () => null },
  signal: new AbortController().signal,
}
const partial: CreateCommand = {
  length: null,
  metadata: new Map(),
  concat: { role: 'partial' },
  completion: 'at_length',
  echo: {},
  content: null,
}

describe('a final upload of parts whose lengths are declared late', () => {
  it('T-105 may not become larger than the maximum', async () => {
    const engine = await createEngine({
      store: memoryStore(),
      locker: memoryLocker(),
      hooks: {},
      log: silent,
      maxSize: 10,
      expireAfter: null,
      networkTimeout: 0,
      acquireLockTimeout: 1000,
      maxBufferedBytes: 1 << 20,
    })
    const { upload: part } = await engine.create(partial, caller)
    const concat = { role: 'final' as const, parts: [part.id, part.id] }
    const { upload: whole } = await engine.create({ ...partial, concat }, caller)
    expect(whole.length).toBeNull()
    await engine.append({ id: part.id, offset: 0, length: 6, content: { body: emptyBody, checksum: null } }, caller)
    await expect(engine.stat(whole.id, caller)).rejects.toMatchObject({ code: 'max_size_exceeded' })
    await engine.terminate(whole.id, caller)
    await engine.close()
  })
})
