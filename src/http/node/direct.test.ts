import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { memoryStore } from '../../stores/memory.ts'
import { createUploads } from '../../uploads.ts'
import { createDirectReaders, type DirectReader, LARGE } from './direct.ts'

const MiB = 1024 * 1024
const SIZE = LARGE + 16 * MiB + 777
const content = varied(SIZE)
const digest = sha256(content)

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** Bytes of which no two megabytes are alike. */
function varied(size: number): Buffer {
  const seed = randomBytes(MiB)
  const bytes = Buffer.alloc(size)
  for (let at = 0; at < size; at += MiB) {
    seed.writeUInt32LE(at, 0)
    seed.copy(bytes, at, 0, Math.min(MiB, size - at))
  }
  return bytes
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(async () => {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
  })
  const { port }: AddressInfo | { port: number } = Object(server.address())
  return port
}

/** An upload server in memory. */
async function serve(): Promise<{ port: number }> {
  const uploads = await createUploads({ store: memoryStore() })
  closers.push(() => uploads.close(1000))
  return { port: await listen(createServer({ requestTimeout: 0 }, uploads.node)) }
}

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

function send(port: number, method: string, path: string, headers: Record<string, string>, body?: Buffer) {
  return new Promise<Answer>((resolve, reject) => {
    const asked = request({ port, method, path, agent: false, headers: { 'Tus-Resumable': '1.0.0', ...headers } })
    asked.on('error', reject)
    asked.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) })
      })
    })
    asked.end(body)
  })
}

async function create(port: number, length: number): Promise<string> {
  const { headers } = await send(port, 'POST', '/files/', { 'Upload-Length': String(length), 'Content-Length': '0' })
  return new URL(headers.location ?? '', 'http://x').pathname
}

const patchFields = (offset: number) => ({
  'Upload-Offset': String(offset),
  'Content-Type': 'application/offset+octet-stream',
})

async function offsetOf(port: number, path: string): Promise<number> {
  return Number((await send(port, 'HEAD', path, {})).headers['upload-offset'])
}

function patchText(path: string, offset: number, length: number): string {
  return (
    `PATCH ${path} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: ${offset}\r\n` +
    `Content-Type: application/offset+octet-stream\r\nContent-Length: ${length}\r\n\r\n`
  )
}

describe('a large body from a quick client', () => {
  test('is read past the parser of Node, and is whole', async () => {
    const { port } = await serve()
    const path = await create(port, SIZE)
    const answer = await send(port, 'PATCH', path, patchFields(0), content)
    expect(answer.status).toBe(204)
    expect(answer.headers['upload-offset']).toBe(String(SIZE))
    // The sign that it was: the connection cannot go back to the parser.
    expect(answer.headers.connection).toBe('close')
    expect(sha256((await send(port, 'GET', path, {})).body)).toBe(digest)
  })

  test('that is cut off keeps what arrived, and goes on exactly there', async () => {
    const { port } = await serve()
    const path = await create(port, SIZE)
    const sent = 20 * MiB + 13
    const client = connect(port, '127.0.0.1')
    client.write(patchText(path, 0, SIZE))
    await new Promise<void>((done) => client.write(content.subarray(0, sent), () => done()))
    client.destroy()
    const offset = await offsetOf(port, path)
    expect(offset).toBeLessThanOrEqual(sent)
    expect((await send(port, 'PATCH', path, patchFields(offset), content.subarray(offset))).status).toBe(204)
    expect(sha256((await send(port, 'GET', path, {})).body)).toBe(digest)
  })

  test('that stalls gives way to the next request at once, and keeps what was read', async () => {
    const { port } = await serve()
    const path = await create(port, SIZE)
    const client = connect(port, '127.0.0.1')
    const answer = new Promise<string>((done) => client.once('data', (data: Buffer) => done(data.toString())))
    client.on('error', () => undefined)
    client.write(patchText(path, 0, SIZE))
    await new Promise<void>((done) => client.write(content.subarray(0, 12 * MiB), () => done()))
    const offset = await offsetOf(port, path)
    expect(offset).toBeLessThanOrEqual(12 * MiB)
    expect(offset).toBeGreaterThan(MiB)
    expect(await answer).toContain('ERR_UPLOAD_INTERRUPTED')
    client.destroy()
    expect((await send(port, 'PATCH', path, patchFields(offset), content.subarray(offset))).status).toBe(204)
    expect(sha256((await send(port, 'GET', path, {})).body)).toBe(digest)
  })

  test('takes nothing of what follows it on the connection', async () => {
    const { port } = await serve()
    const path = await create(port, SIZE)
    const client = connect(port, '127.0.0.1')
    client.on('error', () => undefined)
    const answer = new Promise<string>((done) => client.once('data', (data: Buffer) => done(data.toString())))
    client.write(patchText(path, 0, SIZE))
    client.write(content)
    client.write(`HEAD ${path} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\n\r\n`)
    expect(await answer).toMatch(/^HTTP\/1\.1 204 /)
    client.destroy()
    expect(sha256((await send(port, 'GET', path, {})).body)).toBe(digest)
  })
})

test('a large body to which somebody else listens is left to the parser, so that they get all of it', async () => {
  const uploads = await createUploads({ store: memoryStore() })
  closers.push(() => uploads.close(1000))
  const hash = createHash('sha256')
  const server = createServer({ requestTimeout: 0 }, (incoming, response) => {
    // Not before the upload server begins to read: what others have read by then is lost for it
    if (incoming.method === 'PATCH') {
      incoming.once('resume', () => incoming.on('data', (chunk: Buffer) => hash.update(chunk)))
    }
    return uploads.node(incoming, response)
  })
  const port = await listen(server)
  const path = await create(port, SIZE)
  const answer = await send(port, 'PATCH', path, patchFields(0), content)
  expect(answer.status).toBe(204)
  expect(hash.digest('hex')).toBe(digest)
  expect(sha256((await send(port, 'GET', path, {})).body)).toBe(digest)
})

test('a body that is not large leaves its connection open', async () => {
  const { port } = await serve()
  const path = await create(port, LARGE - 1)
  const answer = await send(
    port,
    'PATCH',
    path,
    { ...patchFields(0), Connection: 'keep-alive' },
    content.subarray(1 - LARGE),
  )
  expect(answer).toMatchObject({ status: 204, headers: { connection: 'keep-alive' } })
})

/** Takes a connection over at the first bytes of its body, and tells when the request has ended. */
async function takeOver(
  deliver: (chunk: Uint8Array, reader: () => DirectReader) => void,
): Promise<{ port: number; taken: Promise<DirectReader>; ended: Promise<unknown> }> {
  const readers = createDirectReaders()
  let settle: (reader: DirectReader) => void = () => undefined
  let end: (value?: unknown) => void = () => undefined
  const taken = new Promise<DirectReader>((done) => (settle = done))
  const ended = new Promise((done) => (end = done))
  const server = createServer({ requestTimeout: 0 }, (incoming: IncomingMessage, response: ServerResponse) => {
    let parsed = 0
    let reader: DirectReader | null = null
    const current = (): DirectReader => {
      if (reader === null) throw new Error('not taken over yet')
      return reader
    }
    incoming.on('error', () => undefined)
    incoming.on('end', () => {
      reader?.close()
      response.end()
      end()
    })
    incoming.on('data', (chunk: Buffer) => {
      parsed += chunk.length
      first.push(Buffer.from(chunk))
    })
    const first: Buffer[] = []
    incoming.once('data', () =>
      globalThis.setImmediate(() => {
        for (const chunk of first) deliver(chunk, current)
        const left = SIZE - parsed
        reader = readers.takeOver(incoming, response, left, (chunk) => deliver(chunk, current))
        if (reader === null) throw new Error('could not be taken over')
        settle(reader)
      }),
    )
  })
  return { port: await listen(server), taken, ended }
}

test('bytes that are lent stay as they are, whatever the order of pauses, frees and reads', async () => {
  const hash = createHash('sha256')
  const lent: { readonly chunk: Uint8Array; readonly copy: Buffer }[] = []
  let owned = false
  let seed = 20_260
  const chance = (): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    return seed / 2 ** 31
  }
  const { port, taken, ended } = await takeOver((chunk, reader) => {
    hash.update(chunk)
    if (!owned) return
    lent.push({ chunk, copy: Buffer.from(chunk) })
    if (chance() < 0.2) reader().pause()
  })
  void taken.then(() => (owned = true))
  const client = request({ port, method: 'PUT', agent: false, headers: { 'Content-Length': String(SIZE) } })
  client.on('error', () => undefined)
  client.end(content)
  const reader = await taken
  let over = false
  void ended.then(() => (over = true))
  while (!over) {
    await setImmediate()
    if (chance() < 0.5) reader.resume()
    if (chance() < 0.3) continue
    const oldest = lent.shift()
    if (oldest === undefined) continue
    expect(Buffer.compare(oldest.chunk, oldest.copy)).toBe(0)
    reader.free(oldest.chunk.length)
  }
  expect(hash.digest('hex')).toBe(digest)
  for (const { chunk, copy } of lent) expect(Buffer.compare(chunk, copy)).toBe(0)
})

test('nothing is read while nothing is freed, so a client is held back', async () => {
  let delivered = 0
  const { port, taken } = await takeOver((chunk) => {
    delivered += chunk.length
  })
  const client = connect(port, '127.0.0.1')
  client.on('error', () => undefined)
  client.write(`PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: ${SIZE}\r\n\r\n`)
  client.write(content)
  const reader = await taken
  let before = -1
  // Until a whole round of the event loop, and the kernel's time to fill its buffers, brings nothing more.
  for (let still = 0; still < 200; still = delivered === before ? still + 1 : 0) {
    before = delivered
    await setImmediate()
  }
  expect(delivered).toBeGreaterThan(MiB)
  expect(delivered).toBeLessThan(4 * MiB)
  client.destroy()
  reader.close()
})

test('many connections have less memory each, and those beyond go the common way', async () => {
  const readers = createDirectReaders()
  const taken: { reader: DirectReader; lent: number }[] = []
  let refused = 0
  const server = createServer({ requestTimeout: 0 }, (incoming: IncomingMessage, response: ServerResponse) => {
    incoming.on('error', () => undefined)
    incoming.once('data', () =>
      globalThis.setImmediate(() => {
        const one = { lent: 0 }
        const reader = readers.takeOver(incoming, response, SIZE - 1, (chunk) => {
          one.lent += chunk.length
        })
        if (reader === null) refused++
        else taken.push(Object.assign(one, { reader }))
      }),
    )
  })
  const port = await listen(server)
  const clients = Array.from({ length: 60 }, () => {
    const client = connect(port, '127.0.0.1')
    client.on('error', () => undefined)
    client.write(`PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: ${SIZE}\r\n\r\n`)
    client.write(content.subarray(0, 1))
    return client
  })
  closers.push(async () => {
    for (const client of clients) client.destroy()
  })
  await until(() => taken.length + refused === clients.length)
  expect(refused).toBe(4)
  // As much as they take, which nobody frees
  for (const client of clients) client.write(content.subarray(1, 4 * MiB))
  await until(() => taken.every(({ reader }) => reader.isFull))
  const sizes = taken.map(({ lent }) => lent).sort((one, other) => other - one)
  const [large, small] = [sizes.slice(0, 8), sizes.slice(8)]
  for (const size of large) expect(Math.abs(size - 2 * MiB)).toBeLessThanOrEqual(64 * 1024)
  for (const size of small) expect(Math.abs(size - MiB)).toBeLessThanOrEqual(64 * 1024)
  for (const { reader } of taken) reader.close()
})

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await setImmediate()
}
