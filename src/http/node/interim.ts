import { constants } from 'node:http2'
import type { NodeResponse } from './send.ts'

/** What may be sent as the value of a field without another look. */
const VALUE = /^[\x20-\x7e]*$/

const PHRASES: Readonly<Record<number, string>> = { 104: 'Upload Resumption Supported' }

/**
 * Sends an interim response (RFC 9110, section 15.2) with a status of our choice. Says nothing where it could do harm: to
 * HTTP/1.0, behind the final response, or before it is this response's turn on the connection.
 *
 * Node has calls for 100, 102 and 103 only. Over HTTP/1.1 the text is written to the connection, which is sound as long as
 * nothing of this response is: what a response writes goes the same way.
 */
export function sendInterim(response: NodeResponse, status: number, headers: Readonly<Record<string, string>>): void {
  const fields = Object.entries(headers).filter(([, value]) => VALUE.test(value))
  if ('stream' in response) {
    const { stream } = response
    if (stream.headersSent || stream.closed || stream.destroyed) return
    stream.additionalHeaders({ ':status': status, ...Object.fromEntries(fields) })
    return
  }
  const { socket, req } = response
  // A response that waits for one before it has no socket yet.
  if (socket === null || socket.destroyed || !socket.writable) return
  if (response.headersSent || response.writableLength > 0 || req.httpVersionMinor < 1) return
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`HTTP/1.1 ${status} ${PHRASES[status] ?? 'Interim'}\r\n${lines.join('')}\r\n`, 'latin1')
}

/** Ends the connection, or the stream, without another word. What was said before on a connection still arrives. */
export function endAbruptly(response: NodeResponse): void {
  if ('stream' in response) response.stream.close(constants.NGHTTP2_CANCEL)
  else response.req.socket.destroySoon()
}
