import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2'
import type { Target } from './address.ts'

/** Milliseconds after which something is given up. */
export interface Patience {
  /** A connection that has no stream. */
  readonly idle: number
  /** A connection that is not ready for streams: TCP, TLS and the first word of the server. */
  readonly arrival: number
  /** How long a stream is open, or was last asked after, until the server is asked whether it is still there. */
  readonly silence: number
  /** Its answer. */
  readonly sign: number
}

/**
 * An idle connection is closed before the balancers and address translators on the way forget it, which they do without a word;
 * most keep it for more than a minute. Servers take it for an abuse to be asked more often than every five minutes (gRPC, A8).
 */
const PATIENCE: Patience = { idle: 60_000, arrival: 20_000, silence: 300_000, sign: 15_000 }

/**
 * A connection to one server, which is opened when a stream is wanted and there is none that takes it. Without streams it does not
 * keep the process alive.
 */
export interface Connection {
  readonly origin: string
  /** A new stream. If the connection fails, so does the stream. Throws after `close`. */
  stream(headers: OutgoingHttpHeaders): ClientHttp2Stream
  /** Ends all streams; there are no more. */
  close(): void
}

// Connect has an `Http2SessionManager`, but leaves sessions without anybody who hears their errors, which ends the process
export function connectionTo({ origin, nodeOptions }: Target, patience = PATIENCE): Connection {
  /** One, and those that a server wants to get rid of, as long as streams are open on them. */
  const sessions = new Set<ClientHttp2Session>()
  let keeper: Keeper | null = null
  let closed = false

  function open(): Keeper {
    const session = connect(origin, nodeOptions)
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
    return keep(session, patience)
  }

  return {
    origin,
    stream(headers) {
      if (closed) throw new Error('the connection was closed')
      if (keeper === null || keeper.session.closed || keeper.session.destroyed) keeper = open()
      const stream = keeper.session.request(headers)
      // Who asked for it may come to listen a moment too late
      stream.on('error', () => undefined)
      keeper.count(stream)
      return stream
    },
    close() {
      closed = true
      for (const session of sessions) session.destroy()
    },
  }
}

/** Looks after one session until it is closed. */
interface Keeper {
  readonly session: ClientHttp2Session
  count(stream: ClientHttp2Stream): void
}

function keep(session: ClientHttp2Session, { idle, arrival, silence, sign }: Patience): Keeper {
  let streams = 0
  let resting: NodeJS.Timeout | undefined
  let asking: NodeJS.Timeout | undefined
  const arriving = setTimeout(() => session.destroy(new Error(`not ready within ${arrival} ms`)), arrival)
  let waiting: NodeJS.Timeout | undefined

  function ask(): void {
    if (session.destroyed || waiting !== undefined) return
    waiting = setTimeout(() => session.destroy(new Error(`no sign of life within ${sign} ms`)), sign)
    session.ping(() => {
      clearTimeout(waiting)
      waiting = undefined
    })
  }

  function rest(): void {
    clearInterval(asking)
    clearTimeout(resting)
    if (session.destroyed) return
    session.unref()
    resting = setTimeout(() => session.close(), idle).unref()
  }

  // Streams hear of it themselves
  session.on('error', () => undefined)
  session.once('remoteSettings', () => clearTimeout(arriving))
  session.once('close', () => {
    for (const timer of [arriving, resting, asking, waiting]) clearTimeout(timer)
  })
  return {
    session,
    count(stream) {
      if (streams++ === 0) {
        clearTimeout(resting)
        session.ref()
        asking = setInterval(ask, silence)
      }
      stream.once('close', () => {
        if (--streams === 0) rest()
      })
    },
  }
}
