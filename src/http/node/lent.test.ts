import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import {
  type ClientHttp2Session,
  connect,
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { markAsUntransferable } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { memoryStore } from '../../stores/memory.ts'
import { createUploads } from '../../uploads.ts'
import { NodeBody } from './body.ts'
import { createDirectReaders } from './direct.ts'
import { LentChunks } from './lent.ts'

const KiB = 1024
const MiB = 1024 * KiB
const FRAME = 9

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** Memory as a read of the network makes it: of its own, not from the pool of small buffers. */
const memoryOf = (size: number): Buffer => Buffer.from(new ArrayBuffer(size))
const isGone = (chunk: Uint8Array): boolean => chunk.buffer.byteLength === 0

describe('the memory of chunks', () => {
  it('goes back when the sink has freed all of it, the oldest first, and the newest stays', () => {
    const lent = new LentChunks(0, 0)
    const chunks = [memoryOf(100), memoryOf(200), memoryOf(300)]
    for (const chunk of chunks) lent.add(chunk, true)
    lent.free(99)
    expect(chunks.map(isGone)).toEqual([false, false, false])
    lent.free(1)
    expect(chunks.map(isGone)).toEqual([true, false, false])
    lent.free(500)
    expect(chunks.map(isGone)).toEqual([true, true, false])
    const next = memoryOf(10)
    lent.add(next, true)
    lent.free(10)
    expect([...chunks, next].map(isGone)).toEqual([true, true, true, false])
  })

  it('goes back only behind what was lent before', () => {
    const lent = new LentChunks(0, 50)
    const chunks = [memoryOf(100), memoryOf(100)]
    for (const chunk of chunks) lent.add(chunk, true)
    lent.free(149)
    expect(chunks.map(isGone)).toEqual([false, false])
    lent.free(1)
    expect(chunks.map(isGone)).toEqual([true, false])
  })

  it('stays if somebody else has got a chunk', () => {
    const lent = new LentChunks(0, 0)
    const chunks = [memoryOf(10), memoryOf(10), memoryOf(10)]
    for (const [index, chunk] of chunks.entries()) lent.add(chunk, index !== 0)
    lent.free(20)
    expect(chunks.map(isGone)).toEqual([false, true, false])
  })

  it('stays if it cannot be transferred, and so does what would go with it; nothing fails', () => {
    const lent = new LentChunks(0, 0)
    const chunks = [memoryOf(10).fill(1), memoryOf(10).fill(2), memoryOf(10)]
    markAsUntransferable(Object(chunks[0]).buffer)
    for (const chunk of chunks) lent.add(chunk, true)
    lent.free(20)
    expect(chunks[0]).toEqual(Buffer.alloc(10, 1))
  })

  describe('that hold several frames of HTTP/2', () => {
    /** Whether a block with these chunks, each [from, to], goes back. */
    function goes(size: number, ...places: readonly (readonly [number, number])[]): boolean {
      const block = memoryOf(size)
      const lent = new LentChunks(FRAME, 0)
      for (const [from, to] of places) lent.add(block.subarray(from, to), true)
      lent.add(memoryOf(1), true)
      lent.free(size)
      return isGone(block)
    }

    it('goes back if headers of frames are all that stands between', () => {
      expect(goes(100, [9, 100])).toBe(true)
      expect(goes(100, [0, 30], [39, 60], [69, 100])).toBe(true)
      expect(goes(100, [4, 30], [30, 95])).toBe(true)
      expect(goes(100, [9, 91])).toBe(true)
    })

    it('stays if there is room for a byte of another stream before, between or behind', () => {
      expect(goes(100, [10, 100])).toBe(false)
      expect(goes(100, [0, 30], [40, 100])).toBe(false)
      expect(goes(100, [9, 90])).toBe(false)
    })
  })
})

/** Takes a body as a store does: keeps the chunks, and frees them in batches. */
class Keeper {
  readonly chunks: Buffer[] = []
  readonly kept: Buffer[] = []
  readonly ended: Promise<void>
  #end: () => void = () => undefined
  #held = 0
  #freed = 0

  constructor(body: NodeBody) {
    this.ended = new Promise((done) => {
      this.#end = done
    })
    body.open({
      data: (chunk) => {
        // What is not freed must be as it came, whatever became of older chunks
        this.kept.push(Buffer.from(chunk))
        this.chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
        this.#held += chunk.length
        if (this.#held < MiB) return
        this.#freed = this.chunks.length
        body.free(this.#held)
        this.#held = 0
      },
      end: () => this.#end(),
      cut: () => this.#end(),
    })
  }

  check(content: Buffer): { gone: number; all: number } {
    expect(Buffer.concat(this.kept).equals(content)).toBe(true)
    const intact = this.chunks.every((chunk, index) => isGone(chunk) || this.kept[index]?.equals(chunk))
    expect(intact).toBe(true)
    expect(this.chunks.slice(this.#freed).some(isGone)).toBe(false)
    const lengths = this.chunks.map((chunk, index) => (isGone(chunk) ? (this.kept[index]?.length ?? 0) : 0))
    return { gone: lengths.reduce((sum, length) => sum + length, 0), all: content.length }
  }
}

async function portOf(server: ReturnType<typeof createServer> | ReturnType<typeof createHttp2Server>) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => new Promise((done) => server.close(done)))
  const { port }: AddressInfo | { port: number } = Object(server.address())
  return port
}

async function http2To(port: number): Promise<ClientHttp2Session> {
  // All bodies wait in it
  const session = connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 200 })
  closers.push(async () => session.destroy())
  await once(session, 'remoteSettings')
  return session
}

async function put(
  session: ClientHttp2Session,
  content: Buffer,
  headers: Record<string, string> = {},
): Promise<number> {
  const stream = session.request({ ':method': 'PUT', ':path': '/', ...headers })
  stream.end(content)
  const [{ ':status': status }] = await once(stream, 'response')
  stream.resume()
  await once(stream, 'close')
  return Number(status)
}

describe('a body of 8 MiB whose sink frees what it took', () => {
  const readers = createDirectReaders()
  const content = randomBytes(8 * MiB)

  it('over HTTP/1.1 has its memory back behind the first MiB, and no other', async () => {
    const keepers: Keeper[] = []
    const server = createServer(async (incoming: IncomingMessage, response: ServerResponse) => {
      const keeper = new Keeper(new NodeBody(incoming, response, readers))
      keepers.push(keeper)
      await keeper.ended
      response.end()
    })
    const port = await portOf(server)
    // Chunked
    const asked = request({ port, method: 'PUT', path: '/', agent: false })
    asked.end(content)
    const [answer]: IncomingMessage[] = await once(asked, 'response')
    answer?.resume()
    const { gone, all } = keepers[0]?.check(content) ?? { gone: 0, all: 0 }
    expect(gone).toBeGreaterThan(all - 4 * MiB)
    expect(gone).toBeLessThan(all - MiB + 64 * KiB)
  })

  it('over HTTP/2 has too, also with other streams on the connection', async () => {
    const keepers = new Map<string, Keeper>()
    const server = createHttp2Server(async (incoming: Http2ServerRequest, response: Http2ServerResponse) => {
      const keeper = new Keeper(new NodeBody(incoming, response, readers))
      keepers.set(String(incoming.headers['x-name']), keeper)
      await keeper.ended
      response.end()
    })
    const session = await http2To(await portOf(server))
    await put(session, content, { 'x-name': 'alone' })
    const alone = keepers.get('alone')?.check(content) ?? { gone: 0, all: 0 }
    expect(alone.gone).toBeGreaterThan(alone.all / 4)
    const contents = Array.from({ length: 8 }, () => randomBytes(4 * MiB + 123))
    await Promise.all(contents.map((one, index) => put(session, one, { 'x-name': String(index) })))
    for (const [index, one] of contents.entries()) keepers.get(String(index))?.check(one)
    expect(keepers.size).toBe(9)
  })

  it('is left alone where somebody else listens to it', async () => {
    const heard: Buffer[] = []
    const keepers: Keeper[] = []
    const server = createHttp2Server(async (incoming: Http2ServerRequest, response: Http2ServerResponse) => {
      const keeper = new Keeper(new NodeBody(incoming, response, readers))
      keepers.push(keeper)
      incoming.stream.on('data', (chunk: Buffer) => heard.push(chunk))
      await keeper.ended
      response.end()
    })
    await put(await http2To(await portOf(server)), content)
    expect(Buffer.concat(heard).equals(content)).toBe(true)
    expect(keepers[0]?.check(content).gone).toBe(0)
  })
})

it('uploads that share a connection of HTTP/2 are stored byte by byte', async () => {
  const uploads = await createUploads({ store: memoryStore() })
  closers.push(() => uploads.close(1000))
  const session = await http2To(await portOf(createHttp2Server(uploads.node)))
  const tus = { 'tus-resumable': '1.0.0' }
  const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
  const ask = async (headers: Record<string, string>, body?: Buffer) => {
    const stream = session.request({ ...tus, ...headers })
    stream.end(body)
    const [answer] = await once(stream, 'response')
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk)
    return { answer, bytes: Buffer.concat(chunks) }
  }
  const hashes = Array.from({ length: 6 }, async (_, index) => {
    const content = randomBytes(6 * MiB + index)
    const { answer } = await ask({ ':method': 'POST', ':path': '/files/', 'upload-length': String(content.length) })
    const { pathname } = new URL(answer.location, 'http://x')
    const type = { 'content-type': 'application/offset+octet-stream', 'upload-offset': '0' }
    await ask({ ':method': 'PATCH', ':path': pathname, ...type }, content)
    const { bytes } = await ask({ ':method': 'GET', ':path': pathname })
    return [sha256(bytes), sha256(content)]
  })
  for (const [stored, sent] of await Promise.all(hashes)) expect(stored).toBe(sent)
})
