import { writeFile } from 'node:fs/promises'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { join } from 'node:path'
import type { Uploads } from '../../../src/uploads.ts'
import { selfSigned } from '../../support/certificate.ts'
import { type Answer, answerOf, type Fields, isChunks, linesOf } from './answer.ts'
import type { Door, Entrance } from './doors.ts'
import { targetOf } from './node-door.ts'
import { serveWith } from './served.ts'
import { PATIENCE } from './stores.ts'

const certificate = selfSigned()

/** The server of the command line behind TLS, where HTTP/2 is agreed on by ALPN. All requests share a connection. */
export const tlsDoor: Door = {
  name: 'TLS and HTTP/2',
  trailers: true,
  network: true,
  http1: false,
  open: (uploads) =>
    entrance(uploads, 'https', async (folder) => {
      const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
      await Promise.all([writeFile(cert, certificate.cert), writeFile(key, certificate.key)])
      return ['-tls-certificate', cert, '-tls-key', key]
    }),
}

/** The server of the command line, where clients begin with HTTP/2. All requests share a connection. */
export const h2cDoor: Door = {
  name: 'h2c',
  trailers: true,
  network: true,
  http1: false,
  open: (uploads) => entrance(uploads, 'http', () => ['-enable-h2c']),
}

async function entrance(
  uploads: Uploads,
  scheme: 'http' | 'https',
  flags: Parameters<typeof serveWith>[1],
): Promise<Entrance> {
  const running = await serveWith(uploads, flags)
  const { endpoint } = running.served
  if (endpoint.kind !== 'tcp') throw new Error('the server has no port')
  const origin = `${scheme}://127.0.0.1:${endpoint.port}`
  let session: ClientHttp2Session | null = null
  const ask = (method: string, url: string, fields: Fields, endStream: boolean): ClientHttp2Stream => {
    if (session === null || session.closed || session.destroyed) {
      session = connect(origin, { ca: certificate.cert })
      session.on('error', () => undefined)
    }
    return session.request(headersOf(method, targetOf(url), fields), { endStream, waitForTrailers: !endStream })
  }
  return {
    origin,
    port: endpoint.port,
    async send(method, url, fields, body) {
      const framed = body === undefined || isChunks(body) ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }
      const stream = ask(method, url, { ...framed, ...fields }, body === undefined)
      const answer = answerTo(stream)
      if (body !== undefined) {
        trail(stream, isChunks(body) ? (body.trailers ?? {}) : {})
        for (const chunk of isChunks(body) ? body.chunks : []) stream.write(chunk)
        stream.end(isChunks(body) ? undefined : body)
      }
      return await answer
    },
    begin(method, url, fields, { length, first }) {
      const stream = ask(
        method,
        url,
        { ...fields, ...(length !== undefined && { 'Content-Length': String(length) }) },
        false,
      )
      trail(stream, {})
      const answer = answerTo(stream)
      answer.catch(() => undefined)
      let left = length === undefined ? Number.POSITIVE_INFINITY : length
      const write = (bytes: string | Uint8Array): Promise<void> => {
        left -= Buffer.byteLength(bytes)
        return new Promise((done) => {
          if (!stream.writable) return done()
          stream.write(bytes, () => done())
          if (left <= 0) stream.end()
        })
      }
      const started = write(first)
      return {
        write: async (bytes) => await started.then(() => write(bytes)),
        end: async () => void started.then(() => stream.end()),
        cut: () => void started.then(() => stream.close(constants.NGHTTP2_CANCEL)),
        answer,
        closed: new Promise((done) => stream.once('close', done)),
      }
    },
    async close() {
      session?.destroy()
      await running.close()
    },
  }
}

function headersOf(method: string, path: string, fields: Fields): OutgoingHttpHeaders {
  const headers: Record<string, string[]> = {}
  for (const [name, value] of linesOf(fields)) {
    const values = headers[name.toLowerCase()] ?? []
    // White space at the ends makes a field malformed (RFC 9113, section 8.2.1): like Headers of Fetch, clients take it off
    headers[name.toLowerCase()] = [...values, value.replace(/^[ \t]+|[ \t]+$/g, '')]
  }
  const single = Object.entries(headers).map(([name, values]) => [name, values.length === 1 ? values[0] : values])
  return { ':method': method, ':path': path, ...Object.fromEntries(single) }
}

function trail(stream: ClientHttp2Stream, trailers: Readonly<Record<string, string>>): void {
  stream.once('wantTrailers', () => stream.sendTrailers(trailers))
}

function answerTo(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((done, fail) => {
    const patience = setTimeout(() => {
      stream.close(constants.NGHTTP2_CANCEL)
      fail(new Error(`no answer in ${PATIENCE} ms`))
    }, PATIENCE)
    let status = 0
    let fields: [string, string][] = []
    const parts: Buffer[] = []
    stream.on('response', (headers) => {
      status = headers[':status'] ?? 0
      fields = Object.entries(headers).flatMap(([name, value]) =>
        name.startsWith(':') || value === undefined
          ? []
          : [value].flat().map((one): [string, string] => [name, `${one}`]),
      )
    })
    stream.on('data', (part: Buffer) => parts.push(part))
    stream.once('end', () => status > 0 && done(answerOf(status, fields, Buffer.concat(parts))))
    stream.on('error', fail)
    stream.once('close', () => {
      clearTimeout(patience)
      fail(new Error(`the stream was closed with code ${stream.rstCode} before the answer was whole`))
    })
  })
}
