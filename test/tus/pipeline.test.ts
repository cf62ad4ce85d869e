import { once } from 'node:events'
import { createConnection } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import type { Bytes, Store, StoredUpload } from '../../src/core/store.ts'
import { diskStore } from '../../src/stores/disk.ts'
import { nodeDoor } from './support/node-door.ts'
import { host, pattern } from './support/site.ts'

/** A store that tells how many downloads have begun and how many of them have ended, and so let go of their file. */
function counting(store: Store) {
  const count = { begun: 0, ended: 0 }
  async function* counted(bytes: Bytes): Bytes {
    count.begun++
    try {
      yield* bytes
    } finally {
      count.ended++
    }
  }
  const wrap = (stored: StoredUpload): StoredUpload =>
    new Proxy(stored, {
      get(target, name) {
        if (name === 'read') return (...args: Parameters<StoredUpload['read']>) => counted(target.read(...args))
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  const wrapped: Store = { ...store, open: async (id) => wrap(await store.open(id)) }
  return { count, store: wrapped }
}

describe('a pipeline whose client leaves', () => {
  const counts: { readonly begun: number; readonly ended: number }[] = []
  const site = host(nodeDoor, (directory) => {
    const { count, store } = counting(diskStore({ directory }))
    counts.push(count)
    return { store }
  })

  it('lets go of the files of all its downloads, also of those that were still to be sent', async () => {
    const url = await site.create({ 'Upload-Length': '3000000' }, pattern(3_000_000))
    const one = site.text('GET', url)
    for (let round = 0; round < 5; round++) {
      const socket = createConnection({ port: Number(new URL(site.origin).port), host: '127.0.0.1' })
      socket.on('error', () => undefined)
      // Reads a little and leaves, so that the first answer is not out while the next one is begun.
      socket.write(Buffer.concat([one, one, one, one]))
      for (let seen = 0; seen < 2_000_000 + round * 800_000; )
        seen += Buffer.byteLength((await once(socket, 'data'))[0])
      socket.pause()
      await vi.waitFor(() => expect(counts[0]?.begun).toBeGreaterThan(0), 60_000)
      socket.resetAndDestroy()
    }
    await vi.waitFor(
      () => {
        expect(counts[0]?.begun).toBeGreaterThan(5)
        expect(counts[0]?.ended).toBe(counts[0]?.begun)
      },
      { timeout: 60_000 },
    )
  })
})
