import { type ClientHttp2Stream, connect } from 'node:http2'
import { expect, test, vi } from 'vitest'
import type { Store, StoredUpload } from '../../src/core/store.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { createUploads } from '../../src/uploads.ts'
import { serveWith } from '../tus/support/served.ts'
import { sample } from './client.ts'

const MIB = 2 ** 20
const STREAMS = 50
const LENGTH = 3 * MIB
const BUFFERED = 8 * MIB

/** A store in memory whose bytes are not taken before `open` resolves, as on a disk that hangs. */
function hanging(open: Promise<void>): Store {
  const store = memoryStore()
  const held = (stored: StoredUpload): StoredUpload =>
    new Proxy(stored, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        if (name !== 'append') return value.bind(target)
        return async (...args: unknown[]) => {
          await open
          return await Reflect.apply(value, target, args)
        }
      },
    })
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (name !== 'open') return value.bind(target)
      return async (...args: unknown[]) => held(await Reflect.apply(value, target, args))
    },
  })
}

test(`${STREAMS} uploads that are held back on one connection stop their client, and all arrive in the end`, async () => {
  let letGo: () => void = () => undefined
  const store = hanging(new Promise((done) => (letGo = done)))
  const uploads = await createUploads({ store, maxBufferedBytes: BUFFERED })
  const { served, close } = await serveWith(uploads, () => ['-enable-h2c', '-max-buffered-bytes', String(BUFFERED)])
  const port = served.endpoint.kind === 'tcp' ? served.endpoint.port : 0
  const session = connect(`http://127.0.0.1:${port}`)
  try {
    const bytes = sample(LENGTH)
    const paths = await Promise.all(
      Array.from({ length: STREAMS }, async () => {
        const fields = { ...at('POST', '/files/'), 'upload-length': String(LENGTH) }
        const stream = session.request(fields, { endStream: true })
        return new URL((await answer(stream)).location).pathname
      }),
    )
    const before = session.socket.bytesWritten
    const going = paths.map((path) => {
      const media = 'application/offset+octet-stream'
      const stream = session.request({ ...at('PATCH', path), 'upload-offset': '0', 'content-type': media })
      stream.end(bytes)
      return answer(stream)
    })
    const sent = await settled(() => session.socket.bytesWritten - before)
    // What the engine gathers for each of them until its ceiling is reached, what windows may hold, and one window that was
    // granted before there were so many
    expect(sent).toBeGreaterThan(BUFFERED)
    expect(sent).toBeLessThan(3 * BUFFERED)
    letGo()
    expect(new Set((await Promise.all(going)).map(({ status }) => status))).toEqual(new Set([204]))
    for (const path of paths) {
      const { body } = await answer(session.request(at('GET', path)))
      expect(Buffer.compare(body, bytes)).toBe(0)
    }
  } finally {
    letGo()
    session.destroy()
    await close()
  }
})

function at(method: string, path: string) {
  return { ':method': method, ':path': path, 'tus-resumable': '1.0.0' }
}

function answer(stream: ClientHttp2Stream): Promise<{ status: number; location: string; body: Buffer }> {
  return new Promise((done, fail) => {
    let [status, location] = [0, '']
    const parts: Buffer[] = []
    stream.once('response', (headers) => {
      status = headers[':status'] ?? 0
      location = headers.location ?? ''
    })
    stream.on('data', (part: Buffer) => parts.push(part))
    stream.once('end', () => done({ status, location, body: Buffer.concat(parts) }))
    stream.once('error', fail)
  })
}

/** A number once it has stopped growing. */
async function settled(read: () => number): Promise<number> {
  let most = 0
  let since = performance.now()
  await vi.waitFor(
    () => {
      if (read() > most) since = performance.now()
      most = Math.max(most, read())
      expect(performance.now() - since).toBeGreaterThan(1000)
    },
    { timeout: 60_000, interval: 20 },
  )
  return most
}
