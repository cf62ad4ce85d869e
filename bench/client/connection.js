// @ts-check
// HTTP/1.1 on a bare socket: just enough for the answers of tus servers, and light enough not to be the bottleneck.
import { once } from 'node:events'
import { connect } from 'node:net'

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {(name: string) => string | null} header
 * @property {string} head status line and headers
 */

/**
 * One connection; requests go one after the other.
 * @param {number} port
 */
export async function openConnection(port) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  let received = ''
  let closed = false
  /** @type {{ method: string, done: (answer: Answer) => void, fail: (error: Error) => void } | null} */
  let waiting = null
  /** @type {(() => void) | null} */
  let drained = null

  const drain = () => {
    drained?.()
    drained = null
  }
  socket.on('drain', drain)
  socket.setEncoding('latin1').on('data', (/** @type {string} */ text) => {
    received += text
    if (waiting === null) return
    const parsed = parse(received, waiting.method)
    if (parsed === null) return
    received = received.slice(parsed.end)
    const { done } = waiting
    waiting = null
    done(parsed.answer)
    drain()
  })
  /** @param {string} why */
  const end = (why) => {
    closed = true
    waiting?.fail(new Error(why))
    waiting = null
    drain()
  }
  socket.on('error', (error) => end(`the connection broke: ${error.message}`))
  socket.on('close', () => end('the server closed the connection without an answer'))

  return {
    isOpen: () => !closed,
    /**
     * Sends a request and returns the answer. A body is sent as fast as the socket takes it, and no further once there is an answer.
     * @param {string} method
     * @param {string} path
     * @param {string} headers lines, each with its line end
     * @param {Iterable<Buffer> | AsyncIterable<Buffer>} body
     * @returns {Promise<Answer>}
     */
    async request(method, path, headers = '', body = []) {
      /** @type {Promise<Answer>} */
      const answer = new Promise((done, fail) => {
        waiting = { method, done, fail }
        if (closed) end('the connection is closed')
      })
      // Heard below, after the body
      answer.catch(() => {})
      socket.cork()
      socket.write(`${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nTus-Resumable: 1.0.0\r\n${headers}\r\n`)
      // In one packet with the first piece of the body
      process.nextTick(() => socket.uncork())
      for await (const piece of body) {
        if (waiting === null) break
        if (!socket.write(piece)) await new Promise((done) => (drained = () => done(null)))
      }
      return answer
    },
    close: () => socket.destroy(),
  }
}

/** @typedef {Awaited<ReturnType<typeof openConnection>>} Connection */

/**
 * @param {string} text
 * @param {string} method
 * @returns {{ answer: Answer, end: number } | null}
 */
function parse(text, method) {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd < 0) return null
  const head = text.slice(0, headEnd + 2)
  const status = Number(head.slice(9, 12))
  const start = headEnd + 4
  // An interim answer has another behind it
  if (status < 200) return parse(text.slice(start), method)
  const end = bodyEnd(text, start, head, method === 'HEAD' || status === 204)
  if (end === null) return null
  return { answer: { status, head, header: (name) => headerOf(head, name) }, end }
}

/**
 * @param {string} text
 * @param {number} start
 * @param {string} head
 * @param {boolean} empty
 */
function bodyEnd(text, start, head, empty) {
  if (empty) return start
  if (headerOf(head, 'transfer-encoding') !== null) {
    const last = text.startsWith('0\r\n\r\n', start) ? start - 2 : text.indexOf('\r\n0\r\n\r\n', start)
    return last < 0 ? null : last + 7
  }
  const end = start + Number(headerOf(head, 'content-length') ?? 0)
  return text.length < end ? null : end
}

/**
 * @param {string} head
 * @param {string} name
 */
function headerOf(head, name) {
  return new RegExp(`\r\n${name}: *([^\r]*)`, 'i').exec(head)?.[1] ?? null
}
