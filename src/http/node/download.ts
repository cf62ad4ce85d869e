import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants, type ServerHttp2Stream } from 'node:http2'

/** Who takes the bytes of an answer. */
export interface Client {
  /** Resolves once the system has the chunk, as its memory is used again afterwards: whether the client is still there. */
  write(chunk: Uint8Array): Promise<boolean>
  end(): void
}

/** One piece of a chunk for HTTP/2: what a client must take in the time that it has, in bytes. */
const PIECE = 64 * 1024

/**
 * The client behind an HTTP/1.1 response. Once it has taken nothing for `patience` milliseconds (0 is for ever), the connection
 * is cut: Node looks at what the socket still has to send, so a slow client is none that stands still.
 */
export function socketClient(request: IncomingMessage, response: ServerResponse, patience: number): Client {
  const { socket } = request
  let settle: ((open: boolean) => void) | null = null
  let gone = false
  const answer = (open: boolean) => {
    settle?.(open)
    settle = null
  }
  const leave = () => {
    gone = true
    answer(false)
  }
  response.once('close', leave)
  response.on('error', leave)
  // Node does not tell a response that waits for its turn in a pipeline that the connection has gone.
  socket.once('close', leave)
  response.once('close', () => socket.off('close', leave))
  // While the disk lets us wait, the client is not to blame
  if (patience > 0) response.setTimeout(patience, () => settle !== null && response.destroy())
  return {
    write: (chunk) =>
      new Promise((resolve) => {
        settle = resolve
        if (gone || response.closed || response.destroyed) answer(false)
        else response.write(chunk, (error) => answer(error === null || error === undefined))
      }),
    end() {
      // The connection goes on to other requests, and to its own time-outs
      if (patience > 0) response.setTimeout(0)
      response.end()
    },
  }
}

/**
 * The client behind an HTTP/2 stream, which is cut likewise. Node would take the progress of another stream of the connection
 * for ours, so each piece has a time of its own.
 */
export function streamClient(stream: ServerHttp2Stream, patience: number): Client {
  let settle: ((open: boolean) => void) | null = null
  let ended = false
  const answer = (open: boolean) => {
    settle?.(open)
    settle = null
  }
  const giveUp = () => {
    if (settle === null && !ended) return
    stream.close(constants.NGHTTP2_CANCEL)
    // Not left to the connection, which may stand still itself
    stream.destroy()
  }
  const timer = patience > 0 ? setTimeout(giveUp, patience) : null
  stream.once('close', () => {
    if (timer !== null) clearTimeout(timer)
    answer(false)
  })
  stream.on('error', () => answer(false))
  const writePiece = (piece: Uint8Array): Promise<boolean> =>
    new Promise((resolve) => {
      settle = resolve
      timer?.refresh()
      if (stream.closed || stream.destroyed) answer(false)
      else stream.write(piece, (error) => answer(error === null || error === undefined))
    })
  return {
    async write(chunk) {
      for (let at = 0; at < chunk.length; at += PIECE) {
        if (!(await writePiece(chunk.subarray(at, at + PIECE)))) return false
      }
      return true
    },
    end() {
      ended = true
      timer?.refresh()
      stream.end()
    },
  }
}
