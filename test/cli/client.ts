import { type ClientRequest, request } from 'node:http'
import { connect, type Socket } from 'node:net'

/** The words that every tus request carries. */
export const TUS = { 'Tus-Resumable': '1.0.0' }
const BYTES = { ...TUS, 'Content-Type': 'application/offset+octet-stream' }

/** Creates an upload of `length` bytes, the first of which may come along, and returns its URL. */
export async function create(
  url: string,
  length: number,
  headers: Readonly<Record<string, string>> = {},
  bytes: Uint8Array<ArrayBuffer> | null = null,
): Promise<string> {
  const media = bytes === null ? TUS : BYTES
  const answer = await fetch(url, {
    method: 'POST',
    headers: { ...media, 'Upload-Length': String(length), ...headers },
    body: bytes,
  })
  if (answer.status !== 201) throw new Error(`POST answered ${answer.status} ${await answer.text()}`)
  return new URL(answer.headers.get('Location') ?? '', url).href
}

/** Sends `bytes` to an upload that stands at `offset`. */
export function patch(url: string, offset: number, bytes: Uint8Array<ArrayBuffer>): Promise<Response> {
  return fetch(url, { method: 'PATCH', headers: { ...BYTES, 'Upload-Offset': String(offset) }, body: bytes })
}

export function head(url: string): Promise<Response> {
  return fetch(url, { method: 'HEAD', headers: TUS })
}

/** Where an upload stands. */
export async function offsetOf(url: string): Promise<number> {
  return Number((await head(url)).headers.get('Upload-Offset') ?? Number.NaN)
}

/** A PATCH that promises `length` bytes and has sent `bytes` of them; the caller goes on, or not. */
export function startPatch(url: string, length: number, bytes: Uint8Array): ClientRequest {
  const started = request(url, {
    method: 'PATCH',
    headers: { ...BYTES, 'Upload-Offset': '0', 'Content-Length': String(length) },
  })
  started.on('error', () => undefined)
  started.write(bytes)
  return started
}

/** A bare connection: what it was sent comes back as text once the server has closed it. */
export function raw(url: string, ...pieces: readonly string[]): Promise<string> {
  return new Promise((done, fail) => {
    const socket = open(url)
    let text = ''
    socket.setEncoding('latin1').on('data', (piece: string) => (text += piece))
    socket.once('close', () => done(text))
    socket.once('error', fail)
    for (const piece of pieces) socket.write(piece)
  })
}

export function open(url: string): Socket {
  const { hostname, port } = new URL(url)
  return connect(Number(port), hostname)
}

/** Bytes that are unlike each other, so that a mixture shows. */
export function sample(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >> 8) * 17) & 255
  return bytes
}
