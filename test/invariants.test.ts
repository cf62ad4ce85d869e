import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { emptyBody } from '../src/core/body.ts'
import { UploadError } from '../src/core/errors.ts'
import type { Locker } from '../src/core/locker.ts'
import type { Store } from '../src/core/store.ts'
import type { UploadId } from '../src/core/upload.ts'
import { memoryLocker } from '../src/lockers/memory.ts'
import { diskStore } from '../src/stores/disk.ts'
import { memoryStore } from '../src/stores/memory.ts'
import { createUploads, type Uploads, type UploadsOptions } from '../src/uploads.ts'
import { altered, appending, caller, creation, HandBody, withResolvers } from './support/engine.ts'

async function textOf(uploads: Uploads, id: UploadId): Promise<string> {
  const chunks: Buffer[] = []
  const { read } = await uploads.engine.read(id, caller)
  for await (const batch of read()) for (const chunk of batch) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString()
}

describe('the invariants', () => {
  let folder: string
  const open: Uploads[] = []

  async function start(options: UploadsOptions): Promise<Uploads> {
    const uploads = await createUploads(options)
    open.push(uploads)
    return uploads
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tusker-invariants-'))
  })

  afterEach(async () => {
    for (const uploads of open.splice(0)) await uploads.close(0)
    await rm(folder, { recursive: true, force: true })
  })

  describe('1. The offset is the number of contiguous bytes, from 0, that the store holds', () => {
    it('derived from the bytes, not believed from a record', async () => {
      const uploads = await start({ store: diskStore({ directory: folder }) })
      const { upload } = await uploads.engine.create(creation, caller)
      await uploads.engine.append(appending(upload.id, 0, new HandBody('abcdef')), caller)
      const path = join(folder, `${upload.id}.info`)
      const record = JSON.parse(await readFile(path, 'utf8'))
      await writeFile(path, JSON.stringify({ ...record, Offset: 9 }))
      expect((await uploads.engine.stat(upload.id, caller)).offset).toBe(6)
      await truncate(join(folder, upload.id), 4)
      expect((await uploads.engine.stat(upload.id, caller)).offset).toBe(4)
    })

    it('and no acknowledged byte is lost by the death of the process, as it is with the operating system by then', async () => {
      const first = await start({ store: diskStore({ directory: folder }) })
      const { upload } = await first.engine.create(creation, caller)
      const { upload: acknowledged } = await first.engine.append(appending(upload.id, 0, new HandBody('abc')), caller)
      // Nothing of the first server is closed or told: the second sees what another process would see.
      const second = await start({ store: diskStore({ directory: folder }) })
      expect((await second.engine.stat(upload.id, caller)).offset).toBe(acknowledged.offset)
      expect(execFileSync('cat', [join(folder, upload.id)], { encoding: 'utf8' })).toBe('abc')
    })
  })

  describe('2. Nothing changes without the lock of that upload', () => {
    it('whatever the verb, the lock is held while the store changes something', async () => {
      const held = new Set<string>()
      const inner = memoryLocker()
      const watch = (id: UploadId, lock: Awaited<ReturnType<Locker['acquire']>>) => {
        held.add(id)
        return {
          ...lock,
          revoked: lock.revoked,
          held: () => lock.held(),
          release: () => {
            held.delete(id)
            return lock.release()
          },
        }
      }
      const locker: Locker = {
        name: 'watched',
        acquire: async (id, signal) => watch(id, await inner.acquire(id, signal)),
        tryAcquire: async (id) => {
          const lock = await inner.tryAcquire(id)
          return lock === null ? null : watch(id, lock)
        },
      }
      const changes: string[] = []
      const noted = <T>(what: string, id: string, change: () => T): T => {
        changes.push(`${what} ${held.has(id) ? 'locked' : 'UNLOCKED'}`)
        return change()
      }
      const memory = memoryStore()
      const watched = altered(memory, (stored) => ({
        append: (bytes) => noted('append', stored.upload.id, () => stored.append(bytes)),
        setLength: (length) => noted('setLength', stored.upload.id, () => stored.setLength(length)),
        finish: () => noted('finish', stored.upload.id, () => stored.finish()),
        remove: () => noted('remove', stored.upload.id, () => stored.remove()),
      }))
      const store: Store = {
        ...watched,
        create: (upload) => noted('create', upload.id, () => watched.create(upload)),
        tidy: (id, before) => noted('tidy', id, () => watched.tidy(id, before)),
      }
      const { engine } = await start({ store, locker, expireAfter: 3_600_000 })
      const partial = { ...creation, length: null, concat: { role: 'partial' as const } }
      const { upload } = await engine.create(partial, caller)
      await engine.append({ ...appending(upload.id, 0, new HandBody('abc')), length: 3 }, caller)
      const concat = { role: 'final' as const, parts: [upload.id, upload.id] }
      const final = await engine.create({ ...creation, length: null, concat }, caller)
      expect(final.upload).toMatchObject({ offset: 6, complete: true })
      await engine.terminate(final.upload.id, caller)
      await engine.create(creation, caller)
      await engine.sweep(new Date(Date.now() + 7_200_000))
      expect(new Set(changes)).toEqual(
        new Set(['create', 'append', 'setLength', 'finish', 'remove', 'tidy'].map((what) => `${what} locked`)),
      )
    })

    it('A holder that lost its lock writes nothing more', async () => {
      let held = true
      const inner = memoryLocker()
      const locker: Locker = {
        name: 'losing',
        acquire: (id, signal) => inner.acquire(id, signal),
        tryAcquire: async (id) => {
          const lock = await inner.tryAcquire(id)
          return lock === null ? null : { revoked: lock.revoked, held: () => held, release: () => lock.release() }
        },
      }
      const store = diskStore({ directory: folder })
      const { engine } = await start({ store, locker })
      const { upload } = await engine.create(creation, caller)
      const body = new HandBody()
      const running = engine.append(appending(upload.id, 0, body), caller)
      const failed = expect(running).rejects.toMatchObject({ code: 'lock_lost' })
      await vi.waitUntil(() => body.sink !== null, 10_000)
      body.sink?.data(Buffer.from('abc'))
      await vi.waitUntil(async () => (await store.open(upload.id)).upload.offset === 3, 10_000)
      held = false
      body.sink?.data(Buffer.from('defghij'))
      body.sink?.end()
      await failed
      expect((await store.open(upload.id)).upload).toMatchObject({ offset: 3, complete: false })
    })
  })

  describe('3. An upload becomes complete in one place, once', () => {
    it('an upload whose finish failed is not reported complete, and the next request finishes it', async () => {
      let broken = true
      let finished = 0
      const store = altered(memoryStore(), (stored) => ({
        finish: () => {
          if (broken) throw new UploadError('storage_failed')
          finished++
          return stored.finish()
        },
      }))
      const told: string[] = []
      const hooks = { postFinish: (upload: { id: string }) => void told.push(upload.id) }
      const uploads = await start({ store, hooks })
      const { upload } = await uploads.engine.create({ ...creation, length: 3 }, caller)
      const last = appending(upload.id, 0, new HandBody('abc'))
      await expect(uploads.engine.append(last, caller)).rejects.toMatchObject({ code: 'storage_failed' })
      await expect(uploads.engine.stat(upload.id, caller)).rejects.toMatchObject({ code: 'storage_failed' })
      await expect(uploads.engine.read(upload.id, caller)).rejects.toMatchObject({ code: 'storage_failed' })
      expect(told).toEqual([])
      broken = false
      expect(await uploads.engine.stat(upload.id, caller)).toMatchObject({ offset: 3, complete: true })
      expect(await textOf(uploads, upload.id)).toBe('abc')
      await uploads.engine.append(appending(upload.id, 3, emptyBody), caller)
      expect(finished).toBe(1)
      expect(told).toEqual([upload.id])
    })

    it('and finish may be repeated after a crash', async () => {
      const store = diskStore({ directory: folder })
      const uploads = await start({ store })
      const { upload } = await uploads.engine.create({ ...creation, length: 3 }, caller)
      await uploads.engine.append(appending(upload.id, 0, new HandBody('abc')), caller)
      const again = await store.open(upload.id)
      expect(await again.finish()).toMatchObject({ offset: 3, complete: true })
      expect(await textOf(uploads, upload.id)).toBe('abc')
    })
  })

  describe('4. Bytes given to a store end for every ordinary reason, and throw for one', () => {
    it.each([
      ['the client leaves', 'connection_lost', (body: HandBody) => body.sink?.cut(new Error('reset'))],
      ['too many come', 'length_exceeded', (body: HandBody) => body.sink?.data(Buffer.alloc(100))],
      ['nothing comes', 'read_timeout', () => undefined],
    ])('when %s they end, and what came is kept', async (_, code, happen) => {
      const ends: string[] = []
      const store = altered(memoryStore(), (stored) => ({
        append: async (bytes) => {
          try {
            return await stored.append(bytes)
          } finally {
            ends.push('returned')
          }
        },
      }))
      const { engine } = await start({ store, networkTimeout: 100 })
      const { upload } = await engine.create(creation, caller)
      const body = new HandBody()
      const running = engine.append(appending(upload.id, 0, body), caller)
      const failed = expect(running).rejects.toMatchObject({ code })
      await vi.waitUntil(() => body.sink !== null, 10_000)
      body.sink?.data(Buffer.from('abc'))
      happen(body)
      await failed
      expect(ends).toEqual(['returned'])
      expect((await engine.stat(upload.id, caller)).offset).toBeGreaterThanOrEqual(3)
    })

    it('when another request takes over they end, and it sees what came', async () => {
      const { engine } = await start({ store: memoryStore() })
      const { upload } = await engine.create(creation, caller)
      const body = new HandBody()
      const running = engine.append(appending(upload.id, 0, body), caller)
      const failed = expect(running).rejects.toMatchObject({ code: 'upload_interrupted' })
      await vi.waitUntil(() => body.sink !== null, 10_000)
      body.sink?.data(Buffer.from('abc'))
      expect((await engine.stat(upload.id, caller)).offset).toBe(3)
      await failed
    })

    it('when the server shuts down they end, and what came is there after the restart', async () => {
      const store = diskStore({ directory: folder })
      const uploads = await start({ store })
      const { upload } = await uploads.engine.create(creation, caller)
      const body = new HandBody()
      const running = uploads.engine.append(appending(upload.id, 0, body), caller)
      const failed = expect(running).rejects.toMatchObject({ code: 'shutdown' })
      await vi.waitUntil(() => body.sink !== null, 10_000)
      body.sink?.data(Buffer.from('abc'))
      await uploads.close()
      await failed
      expect((await diskStore({ directory: folder }).open(upload.id)).upload.offset).toBe(3)
      await expect(uploads.engine.stat(upload.id, caller)).rejects.toMatchObject({ code: 'shutdown' })
    })
  })

  describe('5. complete is recorded, not computed from offset and length', () => {
    it.each(['memory', 'disk'])('on %s', async (kind) => {
      const store = kind === 'disk' ? diskStore({ directory: folder }) : memoryStore()
      const { engine } = await start({ store })
      const { upload } = await engine.create({ ...creation, length: 3, completion: 'declared' }, caller)
      await engine.append(appending(upload.id, 0, new HandBody('abc')), caller)
      expect(await engine.stat(upload.id, caller)).toMatchObject({ offset: 3, length: 3, complete: false })
      await expect(engine.read(upload.id, caller)).rejects.toMatchObject({ code: 'upload_incomplete' })
    })
  })

  describe('6. An optional method of a contract is a shortcut, never a feature', () => {
    const checksum = (text: string) => ({
      expected: { algorithm: 'sha1', digest: createHash('sha1').update(text).digest() },
      trailer: () => {
        throw new UploadError('invalid_checksum')
      },
    })

    it('a store with and one without appendChecked give the same answers', async () => {
      const without = diskStore({ directory: join(folder, 'without') })
      const stores = [
        diskStore({ directory: join(folder, 'with') }),
        {
          ...without,
          ...altered(without, () => ({ appendChecked: undefined as never })),
          start: () => without.start?.(),
        },
      ] as Store[]
      for (const store of stores) {
        const uploads = await start({ store })
        const { upload } = await uploads.engine.create({ ...creation, length: 6 }, caller)
        const send = (offset: number, text: string, claimed: string) =>
          uploads.engine.append(
            {
              ...appending(upload.id, offset, emptyBody),
              content: { body: new HandBody(text), checksum: checksum(claimed) },
            },
            caller,
          )
        await expect(send(0, 'abc', 'abd')).rejects.toMatchObject({ code: 'checksum_mismatch' })
        expect((await uploads.engine.stat(upload.id, caller)).offset).toBe(0)
        expect((await send(0, 'abc', 'abc')).upload.offset).toBe(3)
        expect((await send(3, 'def', 'def')).upload.complete).toBe(true)
        expect(await textOf(uploads, upload.id)).toBe('abcdef')
      }
      expect((await readdir(tmpdir())).filter((name) => name.endsWith('.spool'))).toEqual([])
    })
  })

  describe('7. Whatever is thrown is an UploadError with a code, or it is our bug', () => {
    it('a bug is logged with its stack, answered with 500, and the client is told nothing about our insides', async () => {
      const store = altered(memoryStore(), () => ({
        append: () => Promise.reject(new RangeError('secret insides at /etc/shadow')),
      }))
      const logged: unknown[] = []
      const quiet = () => undefined
      const log = { debug: quiet, info: quiet, warn: quiet, error: (...all: unknown[]) => void logged.push(all) }
      const uploads = await start({ store, log })
      const { upload } = await uploads.engine.create(creation, caller)
      const server = createServer({ requestTimeout: 0 }, uploads.node).listen(0, '127.0.0.1')
      await vi.waitUntil(() => server.listening, 10_000)
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/files/${upload.id}`
      const answer = await fetch(url, {
        method: 'PATCH',
        body: 'abc',
        headers: {
          'Tus-Resumable': '1.0.0',
          'Upload-Offset': '0',
          'Content-Type': 'application/offset+octet-stream',
        },
      })
      expect(answer.status).toBe(500)
      expect(await answer.text()).toBe('ERR_INTERNAL_SERVER_ERROR: internal server error\n')
      expect(logged).toEqual([
        ['request.crashed', { request: expect.any(String), method: 'PATCH' }, expect.any(RangeError)],
      ])
      server.closeAllConnections()
      server.close()
    })
  })

  describe('8. A finished upload is immutable, on every store', () => {
    it.each(['memory', 'disk'])('on %s', async (kind) => {
      const store = kind === 'disk' ? diskStore({ directory: folder }) : memoryStore()
      const uploads = await start({ store })
      const { upload } = await uploads.engine.create({ ...creation, length: 3 }, caller)
      await uploads.engine.append(appending(upload.id, 0, new HandBody('abc')), caller)
      const tries: [number, string, string][] = [
        [3, 'x', 'length_exceeded'],
        [0, 'xyz', 'offset_mismatch'],
        [2, 'z', 'offset_mismatch'],
      ]
      for (const [offset, text, code] of tries) {
        const trying = uploads.engine.append(appending(upload.id, offset, new HandBody(text)), caller)
        await expect(trying).rejects.toMatchObject({ code })
      }
      const longer = uploads.engine.append({ ...appending(upload.id, 3, emptyBody), length: 4 }, caller)
      await expect(longer).rejects.toMatchObject({ code: 'length_mismatch' })
      expect(await textOf(uploads, upload.id)).toBe('abc')
    })
  })

  describe('9. Memory is bounded', () => {
    it('clients are held back at the ceiling of the process, and every byte arrives all the same', async () => {
      const ceiling = 1024 * 1024
      const gate = withResolvers()
      const store = altered(memoryStore(), (stored) => ({
        append: async (bytes) => {
          await gate.promise
          return stored.append(bytes)
        },
      }))
      const uploads = await start({ store, maxBufferedBytes: ceiling })
      const server = createServer({ requestTimeout: 0 }, uploads.node).listen(0, '127.0.0.1')
      await vi.waitUntil(() => server.listening, 10_000)
      const { port } = server.address() as AddressInfo
      const content = Buffer.alloc(2 * 1024 * 1024, 'tusker')
      const clients = Array.from({ length: 16 }, async () => {
        const { upload } = await uploads.engine.create({ ...creation, length: content.length }, caller)
        return fetch(`http://127.0.0.1:${port}/files/${upload.id}`, {
          method: 'PATCH',
          body: content,
          headers: {
            'Tus-Resumable': '1.0.0',
            'Upload-Offset': '0',
            'Content-Type': 'application/offset+octet-stream',
          },
        })
      })
      await vi.waitUntil(() => uploads.engine.buffered() >= ceiling, 10_000)
      // Each socket may deliver what one read of it holds, 64 KiB, on top.
      expect(uploads.engine.buffered()).toBeLessThanOrEqual(ceiling + 16 * 64 * 1024)
      gate.resolve(undefined)
      for (const answer of await Promise.all(clients)) expect(answer.status).toBe(204)
      expect(uploads.engine.buffered()).toBe(0)
      server.closeAllConnections()
      server.close()
    })
  })
})
