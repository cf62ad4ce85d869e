import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { constants, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import type { Bytes } from '../../core/store.ts'
import type { Reply } from '../../protocols/exchange.ts'
import { type Client, socketClient, streamClient } from './download.ts'

/** A request as Node has it: HTTP/1.1, or HTTP/2 by way of the compatibility API. */
export type NodeRequest = IncomingMessage | Http2ServerRequest

/** The response to a {@link NodeRequest}. */
export type NodeResponse = ServerResponse | Http2ServerResponse

/** Rest of a refused body, in bytes, that is read for the sake of keeping the connection. */
const DRAIN = 256 * 1024

/** Milliseconds that a client whose body is not wanted gets to notice the answer before the connection is cut. */
const LINGER = 2_000

/**
 * What of a request's body nobody has read: nothing; all of it; or somebody began and stopped, so that its client stalls or
 * sends too much and is not waited for.
 */
export type Rest = 'none' | 'unopened' | 'abandoned'

/**
 * Sends a reply, whatever has become of the request's body. `patience`: longest time, in milliseconds, for which a client takes nothing
 * of a download before it is given up; 0 is for ever.
 */
export async function send(
  request: NodeRequest,
  response: NodeResponse,
  reply: Reply,
  rest: Rest,
  patience: number,
): Promise<void> {
  if (response.destroyed) return
  if ('stream' in request) {
    // A request and its response are made as a pair
    if ('stream' in response) await sendStream(request, response, reply, patience)
    return
  }
  if (!('stream' in response)) await sendMessage(request, response, reply, rest, patience)
}

/** In HTTP/2 every request has a stream of its own: who does not want its body says so, and nobody else is held up. */
async function sendStream(
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  { status, headers, body }: Reply,
  patience: number,
): Promise<void> {
  const { stream } = response
  const text = typeof body === 'string' ? Buffer.from(body) : null
  const length = text !== null && { 'Content-Length': text.length }
  // Not by `writeHead`, which makes every response wait for trailers: a stream that is closed meanwhile loses all of it
  const fields = { ...response.getHeaders(), ...headers, ...length, ':status': status }
  if (stream.destroyed) return
  stream.respond(fields, { endStream: body === null })
  const unread = !request.complete && !stream.endAfterHeaders
  const client = streamClient(stream, patience)
  if (text !== null) {
    // A client that grants no window keeps the smallest answer waiting
    if (await client.write(text)) client.end()
  } else if (body !== null && typeof body !== 'string') await download(body, client)
  // RFC 9113, section 8.1: the response is whole, and the client may stop sending. It is not lost by that, as in HTTP/1.1
  // Never before it is: Node destroys a stream that is closed while it ends, and nghttp2 then spins for ever
  if (unread) stream.once('finish', () => setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR)))
}

async function sendMessage(
  request: IncomingMessage,
  response: ServerResponse,
  reply: Reply,
  rest: Rest,
  patience: number,
): Promise<void> {
  if (response.destroyed || request.socket.destroyed) return
  const abandon = rest === 'abandoned' || (rest === 'unopened' && !isWorthDraining(request, response))
  const { body } = reply
  const text = typeof body === 'string' ? Buffer.from(body) : null
  response.writeHead(reply.status, text === null && !abandon ? reply.headers : framed(reply.headers, text, abandon))
  if (body !== null && typeof body !== 'string') return await download(body, socketClient(request, response, patience))
  if (abandon) {
    if (text === null) response.flushHeaders()
    else response.write(text)
    linger(request, response)
    return
  }
  response.end(text ?? undefined)
  // The rest of a small body that nobody wanted, or merely its end, must go before the next request on this connection can be
  // read.
  if (!request.complete) request.resume()
}

function framed(headers: Reply['headers'], text: Buffer | null, closing: boolean): OutgoingHttpHeaders {
  return {
    ...headers,
    ...(text !== null && { 'Content-Length': text.length }),
    ...(closing && { Connection: 'close' }),
  }
}

/**
 * Whether the rest of a body that nobody read is read for the sake of the next request. A client that asked for the
 * connection to be closed sends none, and Node would close under it, with its answer unread.
 */
function isWorthDraining(request: IncomingMessage, response: ServerResponse): boolean {
  if (!response.shouldKeepAlive) return false
  return Number(request.headers['content-length']) <= DRAIN
}

/**
 * A client that is still sending would lose the answer if the connection were closed under it (a TCP reset drops what it
 * has not read yet). So the answer goes out first, and the connection ends when the client has stopped or its time is up. Little
 * is read meanwhile: back-pressure makes the client wait.
 */
function linger(request: IncomingMessage, response: ServerResponse): void {
  let drained = 0
  const end = (): void => {
    clearTimeout(timer)
    request.off('data', drain)
    response.end()
  }
  const drain = (chunk: Buffer): void => {
    drained += chunk.length
    if (drained > DRAIN) request.pause()
  }
  const timer = setTimeout(() => {
    end()
    // Not destroySoon: that would wait for a peer that may have vanished.
    request.socket.destroy()
  }, LINGER)
  request.on('error', end)
  request.once('end', end)
  response.once('close', end)
  request.on('data', drain)
  request.resume()
}

/** Writes bytes as fast as the client takes them; ends quietly when it leaves, or takes none for too long. */
async function download(bytes: Bytes, client: Client): Promise<void> {
  for await (const batch of bytes) {
    for (const chunk of batch) {
      if (!(await client.write(chunk))) return
    }
  }
  client.end()
}
