// @ts-check
import { connect } from 'node:net'
import { isContent, PIECE } from '../body.js'

/** Room for a header in front of the content. */
const HEADER = 16 << 10

/** Kept between downloads: fresh memory would be paid for in each. */
let room = Buffer.alloc(0)

/**
 * Downloads an upload straight into memory, and compares it when the clock has stopped. The connection stays open until the server ends:
 * on Node.js 20, @tus/server 2.4.5 dies of a client that closes it.
 * @param {{ port: number, upload: import('./tus.js').Upload }} order
 */
export async function download({ port, upload: { path, seed, length } }) {
  if (room.length < length + HEADER) room = Buffer.alloc(length + HEADER, 1)
  const begun = performance.now()
  const { start, received } = await receive(port, path, length)
  const seconds = (performance.now() - begun) / 1000
  const head = room.toString('latin1', 0, start)
  if (!head.startsWith('HTTP/1.1 200 ')) throw new Error(`GET was answered: ${head}`)
  if (received !== start + length) throw new Error(`GET gave ${received - start} bytes, and ${length} were sent`)
  if (!isContent(room.subarray(start, received), seed, 0)) throw new Error('GET gave other bytes than were sent')
  return { seconds }
}

/**
 * Where the content starts in the room, and how much came until there was enough or the server closed.
 * @param {number} port
 * @param {string} path
 * @param {number} length
 * @returns {Promise<{ start: number, received: number }>}
 */
function receive(port, path, length) {
  return new Promise((done, fail) => {
    let received = 0
    let start = 0
    const socket = connect({
      port,
      host: '127.0.0.1',
      onread: {
        // Bytes stay where the kernel puts them
        buffer: () => room.subarray(received, received + PIECE),
        callback: (count) => {
          received += count
          if (start === 0) start = headerEnd(received)
          if (start > 0 && received >= start + length) done({ start, received })
          return true
        },
      },
    })
    socket.on('error', fail)
    socket.on('close', () => done({ start, received }))
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nTus-Resumable: 1.0.0\r\n\r\n`)
  })
}

/** Returns 0 while the header is not whole. @param {number} received */
function headerEnd(received) {
  const end = room.subarray(0, Math.min(received, HEADER)).indexOf('\r\n\r\n')
  return end < 0 ? 0 : end + 4
}
