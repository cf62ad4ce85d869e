// @ts-check
/** @typedef {import('./connection.js').Connection} Connection */
/** @typedef {import('./connection.js').Answer} Answer */

/**
 * @typedef {object} Upload
 * @property {string} path of its URL
 * @property {number} seed what its content is made from
 * @property {number} length
 */

const OCTETS = 'Content-Type: application/offset+octet-stream\r\n'

/**
 * Creates an upload and returns the path of its URL.
 * @param {Connection} connection
 * @param {number} length
 */
export async function create(connection, length, headers = '') {
  const lines = `Upload-Length: ${length}\r\nContent-Length: 0\r\n${headers}`
  return statusOf(await connection.request('POST', '/files/', lines), 201, 'POST')
}

/**
 * Sends all of an upload as one PATCH.
 * @param {Connection} connection
 * @param {Upload} upload
 * @param {Iterable<Buffer> | AsyncIterable<Buffer>} body
 */
export function send(connection, { path, length }, body) {
  return append(connection, path, 0, length, body)
}

/**
 * Sends `length` bytes at an offset as one PATCH.
 * @param {Connection} connection
 * @param {string} path
 * @param {number} offset
 * @param {number} length
 * @param {Iterable<Buffer> | AsyncIterable<Buffer>} body
 */
export async function append(connection, path, offset, length, body) {
  const answer = await connection.request('PATCH', path, patchHeaders(length, offset), body)
  statusOf(answer, 204, 'PATCH')
  offsetOf(answer, offset + length, 'PATCH')
}

/** @param {number} length */
export function patchHeaders(length, offset = 0) {
  return `Upload-Offset: ${offset}\r\nContent-Length: ${length}\r\n${OCTETS}`
}

/**
 * Throws if the answer is not as it must be; returns the path that it names.
 * @param {Answer} answer
 * @param {number} status
 * @param {string} what
 */
export function statusOf(answer, status, what) {
  if (answer.status !== status) throw new Error(`${what} was answered ${answer.status}: ${answer.head}`)
  return (answer.header('location') ?? '').replace(/^(?:https?:)?\/\/[^/]+/, '')
}

/**
 * @param {Answer} answer
 * @param {number} offset
 * @param {string} what
 */
export function offsetOf(answer, offset, what) {
  if (answer.header('upload-offset') !== String(offset)) {
    throw new Error(`${what} was not answered with offset ${offset}: ${answer.head}`)
  }
}
