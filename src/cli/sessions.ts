import {
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type Http2Session,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Duplex } from 'node:stream'
import type { Log } from '../core/log.ts'
import { createWindows, SMALLEST } from './windows.ts'

export interface SessionLimits {
  /** Longest time for the first request, in milliseconds. */
  readonly headerTimeout: number
  /** Longest time without a request under way, in milliseconds. */
  readonly keepAliveTimeout: number
  readonly maxHeaderBytes: number
  /** Bytes that all bodies together may wait with in memory, beside what the engine holds. */
  readonly maxBufferedBytes: number
}

/** The connections on which HTTP/2 is spoken. */
export interface Sessions {
  /** Speaks HTTP/2 on a connection that somebody else has accepted. */
  begin(socket: Duplex): void
  /** Takes no more requests. Resolves once none is under way and the answers have gone out. */
  drained(): Promise<void>
}

/** Bytes that may be on their way on one connection. Node frees them as they arrive: they hold nothing in memory. */
const CONNECTION_WINDOW = 16 * 1024 * 1024

/** Requests at once on one connection; more wait in the client. As RFC 9113, section 6.5.2, has it. */
const STREAMS = 100

/** How long a client may take to close a connection that has ended, in milliseconds. */
const LINGER = 1000

/**
 * Speaks HTTP/2 on what it is given. Against clients that mean harm, streams, headers, settings and pings are limited here and by
 * Node's own bounds (the memory of a session, frames without sense), and nghttp2 ends a session that resets its streams at a
 * high rate (CVE-2023-44487).
 */
export function createSessions(
  answer: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
  limits: SessionLimits,
  log: Log,
): Sessions {
  const open = new Map<Http2Session, Session>()
  const windows = createWindows(limits.maxBufferedBytes, () => {
    for (const session of open.values()) session.grant(windows.size)
  })
  let draining = false
  // Never listens: it is given connections
  const server = createServer({
    settings: {
      initialWindowSize: SMALLEST,
      maxConcurrentStreams: STREAMS,
      maxHeaderListSize: limits.maxHeaderBytes,
    },
    maxSettings: 32,
    maxOutstandingPings: 10,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
  })
  server.on('request', answer)
  // As in HTTP/1.1, the door says "100 Continue" when it wants the body
  server.on('checkContinue', answer)
  server.on('sessionError', (error: Error) => log.info('session.failed', { reason: error.message }))
  server.on('stream', (stream: ServerHttp2Stream) => {
    const session = stream.session === undefined ? undefined : open.get(stream.session)
    session?.began(stream)
    if (stream.endAfterHeaders) return
    windows.opened()
    session?.grant(windows.size)
    stream.once('close', windows.closed)
  })

  return {
    begin(socket) {
      const begun = (session: ServerHttp2Session) => {
        open.set(session, watch(session, socket, limits))
        session.once('close', () => open.delete(session))
        if (draining) session.close()
      }
      server.once('session', begun)
      server.emit('connection', socket)
      // It is made at once, or not at all
      server.off('session', begun)
    },
    async drained() {
      draining = true
      const last = [...open]
      // GOAWAY (RFC 9113, section 6.8): what has begun goes on, and the connection ends with it
      for (const [session] of last) session.close()
      await Promise.all(last.map(([, { gone }]) => gone))
    },
  }
}

interface Session {
  /** Resolves when all that was to be sent is on its way. */
  readonly gone: Promise<void>
  began(stream: ServerHttp2Stream): void
  /** Tells the client the window of each of its streams. */
  grant(window: number): void
}

/** Ends a session on which nothing is asked, and a connection that its client does not close. */
function watch(
  session: ServerHttp2Session,
  socket: Duplex,
  { headerTimeout, keepAliveTimeout }: SessionLimits,
): Session {
  let streams = 0
  let granted = SMALLEST
  // Pings and settings do not keep a connection that nobody uses
  let idle = setTimeout(() => session.close(), headerTimeout)
  const gone = new Promise<void>((done) => socket.once('finish', done).once('close', done))
  session.setLocalWindowSize(CONNECTION_WINDOW)
  session.once('close', () => clearTimeout(idle))
  socket.once('finish', () => {
    const cut = setTimeout(() => socket.destroy(), LINGER)
    socket.once('close', () => clearTimeout(cut))
  })
  return {
    gone,
    began(stream) {
      streams += 1
      clearTimeout(idle)
      stream.once('close', () => {
        streams -= 1
        if (streams === 0 && !session.destroyed) idle = setTimeout(() => session.close(), keepAliveTimeout)
      })
    },
    grant(window) {
      if (window === granted || session.closed) return
      granted = window
      session.settings({ initialWindowSize: window })
    },
  }
}
