import { existsSync, readdirSync, readlinkSync, statSync } from 'node:fs'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { afterStalls, timed } from '../support/calm.ts'
import { create, offsetOf, open, patch, raw, sample, TUS } from './client.ts'
import { newFolder, type Program, setUp, start } from './program.ts'

setUp()

const sessions = new Set<ClientHttp2Session>()
afterEach(() => {
  for (const session of sessions) session.destroy()
  sessions.clear()
})

/** A session of prior knowledge. */
function speak(program: Program, windowSize = 65_535): ClientHttp2Session {
  const session = connect(new URL(program.url).origin, { settings: { initialWindowSize: windowSize } })
  session.on('error', () => undefined)
  sessions.add(session)
  return session
}

function ask(session: ClientHttp2Session, method: string, url: string, fields: OutgoingHttpHeaders, endStream = true) {
  const { pathname } = new URL(url)
  const stream = session.request({ ':method': method, ':path': pathname, ...TUS, ...fields }, { endStream })
  stream.on('error', () => undefined)
  return stream
}

/** Starts a PATCH at 0 that promises `length` bytes. */
function append(session: ClientHttp2Session, url: string, length: number): ClientHttp2Stream {
  const media = 'application/offset+octet-stream'
  const fields = { 'upload-offset': '0', 'content-type': media, 'content-length': String(length) }
  return ask(session, 'PATCH', url, fields, false)
}

function statusOf(stream: ClientHttp2Stream): Promise<number> {
  return new Promise((done, fail) => {
    stream.once('response', (headers) => done(headers[':status'] ?? 0))
    stream.once('close', () => fail(new Error(`no answer; the stream was closed with ${stream.rstCode}`)))
    stream.resume()
  })
}

const closed = (thing: ClientHttp2Session | ClientHttp2Stream) =>
  new Promise((done) => (thing.destroyed ? done(null) : thing.once('close', done)))

/** Waits until a file holds as many bytes as that. */
function stored(path: string, least: number): Promise<void> {
  return vi.waitFor(() => expect(existsSync(path) && statSync(path).size >= least).toBe(true), 60_000)
}

/** How often a server has the file of an upload open (Linux). */
function openFiles({ process: { pid } }: Program, url: string): number {
  const folder = `/proc/${pid}/fd`
  const target = (name: string): string => {
    try {
      return readlinkSync(join(folder, name))
    } catch {
      // Closed since we looked
      return ''
    }
  }
  return readdirSync(folder).filter((name) => target(name).endsWith(url.split('/').at(-1) ?? '?')).length
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** A frame (RFC 9113, section 4.1). */
function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Fields of less than 127 bytes as literals without index (RFC 7541, section 6.2.2). */
function literals(fields: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => Buffer.from([value.length, ...Buffer.from(value)])
  return Buffer.concat(
    Object.entries(fields).map(([name, value]) => Buffer.concat([Buffer.from([0]), text(name), text(value)])),
  )
}

/** A server with h2c. */
function h2c(directory: string, ...flags: readonly string[]): Promise<Program> {
  return start('-enable-h2c', '-upload-dir', directory, ...flags)
}

describe('h2c', () => {
  test('is spoken to clients that begin with it, beside HTTP/1.1 on the same port', async () => {
    const program = await h2c(newFolder())
    const bytes = sample(3_000_000)
    const url = await create(program.url, bytes.length)
    const stream = append(speak(program), url, bytes.length)
    stream.end(bytes)
    expect(await statusOf(stream)).toBe(204)
    expect(Buffer.compare(Buffer.from(await (await fetch(url)).arrayBuffer()), bytes)).toBe(0)
  })

  test('is known by its first bytes however they are cut, and so is HTTP/1.1', async () => {
    const program = await h2c(newFolder())
    const preface = Buffer.concat([PREFACE, frame(4, 0, 0)])
    const socket = open(program.url)
    socket.setNoDelay(true)
    for (const byte of preface) await new Promise((done) => socket.write(Buffer.from([byte]), done))
    const first = await new Promise<Buffer>((done) => socket.once('data', done))
    // The server's own SETTINGS: length, type 4, stream 0
    expect(first[3]).toBe(4)
    socket.destroy()
    const pieces = ['P', 'R', 'OPFIND /files/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n']
    expect(await raw(program.url, ...pieces)).toMatch(/^HTTP\/1\.1 405 /)
  })

  test('is not spoken unless it is enabled', async () => {
    const program = await start('-upload-dir', newFolder())
    const session = speak(program)
    await closed(session)
    expect((await fetch(program.url, { method: 'OPTIONS' })).status).toBe(204)
  })
})

describe('HTTP/2', () => {
  test('SIGTERM ends sessions in order: what came is kept, the request answered, and the exit code 0', async () => {
    const directory = newFolder()
    const program = await h2c(directory)
    const bytes = sample(1_000_000)
    const url = await create(program.url, bytes.length)
    const session = speak(program)
    const idle = speak(program)
    await new Promise((done) => idle.once('remoteSettings', done))
    const goaway = new Promise((done) => session.once('goaway', done))
    const stream = append(session, url, bytes.length)
    stream.write(bytes.subarray(0, 600_000))
    await stored(join(directory, url.split('/').at(-1) ?? ''), 600_000)
    program.kill('SIGTERM')
    const { took } = await timed(async () => {
      expect(await statusOf(stream)).toBe(503)
      await goaway
      expect((await program.ended()).code).toBe(0)
    })
    expect(took).toBeLessThan(8000)
    const next = await start('-upload-dir', directory)
    const again = url.replace(program.url, next.url)
    expect(await offsetOf(again)).toBe(600_000)
    expect((await patch(again, 600_000, bytes.slice(600_000))).status).toBe(204)
  })

  test('a stream that is reset keeps what came, and does not count as the end of its body', async () => {
    const directory = newFolder()
    const program = await h2c(directory)
    const url = await create(program.url, 1000)
    const media = 'application/offset+octet-stream'
    const socket = open(program.url)
    const path = new URL(url).pathname
    const pseudo = { ':method': 'PATCH', ':scheme': 'http', ':authority': 'x', ':path': path }
    // Without a length, so that nothing but the reset tells that it is not whole
    const fields = { ...pseudo, 'tus-resumable': '1.0.0', 'upload-offset': '0', 'content-type': media }
    socket.write(
      Buffer.concat([PREFACE, frame(4, 0, 0), frame(1, 4, 1, literals(fields)), frame(0, 0, 1, sample(400))]),
    )
    await stored(join(directory, url.split('/').at(-1) ?? ''), 400)
    // By hand, as Node's client ends the body of a stream before it resets it
    socket.write(frame(3, 0, 1, Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL])))
    await vi.waitFor(() => expect(program.output()).toContain('code=connection_lost'), 60_000)
    expect(await offsetOf(url)).toBe(400)
    socket.destroy()
  })

  test('-keep-alive-timeout ends an idle session, and not one with a request under way', {
    retry: afterStalls,
  }, async () => {
    const program = await h2c(newFolder(), '-keep-alive-timeout', '300ms', '-header-timeout', '300ms')
    const url = await create(program.url, 10)
    const [unused, busy] = [speak(program), speak(program)]
    const stream = append(busy, url, 10)
    stream.write(sample(5))
    await closed(unused)
    expect(busy.closed).toBe(false)
    stream.end(sample(10).slice(5))
    expect(await statusOf(stream)).toBe(204)
    await closed(busy)
  })

  test('a header beyond -max-header-bytes is refused, and the server goes on', async () => {
    const program = await h2c(newFolder(), '-max-header-bytes', '8KiB')
    const session = speak(program)
    await new Promise((done) => session.once('remoteSettings', done))
    const large = ask(session, 'OPTIONS', program.url, { 'x-large': 'x'.repeat(20_000) })
    await closed(large)
    expect(large.rstCode).not.toBe(constants.NGHTTP2_NO_ERROR)
    expect(await statusOf(ask(speak(program), 'OPTIONS', program.url, {}))).toBe(204)
  })

  test('a client that opens and resets streams at a high rate loses its session, and nobody else', async () => {
    const program = await h2c(newFolder())
    const [attacker, other] = [speak(program), speak(program)]
    await new Promise((done) => attacker.once('remoteSettings', done))
    const lost = closed(attacker)
    for (let n = 0; n < 20_000 && !attacker.destroyed; n++) {
      ask(attacker, 'OPTIONS', program.url, {}, false).close(constants.NGHTTP2_CANCEL)
      if (n % 50 === 0) await new Promise((done) => setImmediate(done))
    }
    await lost
    expect(await statusOf(ask(other, 'OPTIONS', program.url, {}))).toBe(204)
  })

  test('a download that nobody reads ends after -network-timeout, others on the connection go on', {
    retry: afterStalls,
  }, async () => {
    const program = await h2c(newFolder(), '-network-timeout', '500ms')
    const bytes = sample(5_000_000)
    const url = await create(program.url, bytes.length)
    await patch(url, 0, bytes)
    const session = speak(program)
    const stalled = ask(session, 'GET', url, {})
    await new Promise((done) => stalled.once('response', done))
    // Its window is used up; that of the connection is not
    await vi.waitFor(() => expect(stalled.rstCode).toBe(constants.NGHTTP2_CANCEL), 60_000)
    stalled.resume()
    expect(await statusOf(ask(session, 'OPTIONS', program.url, {}))).toBe(204)
    await vi.waitFor(() => expect(openFiles(program, url)).toBe(0), 60_000)
  })
})

describe('a download over HTTP/1.1 that nobody reads', () => {
  test('ends after -network-timeout, and the file is closed', { retry: afterStalls }, async () => {
    const program = await start('-network-timeout', '500ms', '-upload-dir', newFolder())
    const bytes = sample(20_000_000)
    const url = await create(program.url, bytes.length)
    await patch(url, 0, bytes)
    const reader = open(program.url)
    reader.on('error', () => undefined)
    reader.write(`GET ${new URL(url).pathname} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await new Promise((done) => reader.once('readable', done))
    await vi.waitFor(() => expect(openFiles(program, url)).toBe(1), 60_000)
    await vi.waitFor(() => expect(openFiles(program, url)).toBe(0), 60_000)
    let read = 0
    await new Promise((done) => reader.on('data', (chunk: Buffer) => (read += chunk.length)).once('close', done))
    expect(read).toBeLessThan(bytes.length)
  })
})
