import type { Socket } from 'node:net'

/** What a client sends first that knows that the server speaks HTTP/2 (RFC 9113, section 3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/**
 * Tells HTTP/2 from HTTP/1.1 by the first bytes of a connection, which stay to be read. Calls `decide` once, as soon as the bytes
 * allow; a client that has not sent them within `patience` milliseconds is cut.
 */
export function awaitPreface(socket: Socket, patience: number, decide: (http2: boolean) => void): void {
  let seen = Buffer.alloc(0)
  const done = () => {
    clearTimeout(timer)
    socket.off('readable', look)
    socket.off('close', done)
    socket.off('error', ignore)
    socket.off('end', cut)
  }
  const cut = () => socket.destroy()
  // Whoever goes before a word was spoken needs no answer
  const ignore = () => undefined
  const look = () => {
    const chunk: Buffer | null = socket.read()
    if (chunk === null) return
    seen = Buffer.concat([seen, chunk])
    const known = Math.min(seen.length, PREFACE.length)
    const same = seen.subarray(0, known).equals(PREFACE.subarray(0, known))
    if (same && known < PREFACE.length) return
    done()
    socket.unshift(seen)
    decide(same)
  }
  const timer = setTimeout(cut, patience)
  socket.on('readable', look).once('close', done).on('error', ignore).once('end', cut)
}
