import { type ClientHttp2Stream, constants, type Http2Session } from 'node:http2'
import { Code, ConnectError, createClient } from '@connectrpc/connect'
import { createGrpcTransport, type GrpcTransportOptions } from '@connectrpc/connect-node'
import type { Connection } from './connection.ts'
import { HookHandler, type HookRequest, type HookResponse } from './hook_pb.ts'

/** What went wrong in one call. */
export interface Failure {
  /** By whom: the hook itself said it, or it was not heard. */
  readonly from: 'hook' | 'connection' | 'time' | 'protocol'
  readonly error: ConnectError
  /** Whether another attempt makes sense. */
  readonly passing: boolean
}

export interface AttemptOptions {
  readonly headers: Headers
  readonly signal: AbortSignal
  /** Milliseconds; the server is told. */
  readonly timeoutMs?: number
}

/** Most bytes of an answer; what gRPC for Go, and so tusd, takes. */
const LARGEST_ANSWER = 4 * 1024 * 1024

/** One call. Never throws. */
export async function attempt(
  connection: Connection,
  request: HookRequest,
  { signal, ...options }: AttemptOptions,
): Promise<HookResponse | Failure> {
  const line = watched(connection)
  const transport = createGrpcTransport({
    baseUrl: connection.origin,
    sessionManager: line.manager,
    readMaxBytes: LARGEST_ANSWER,
    acceptCompression: [],
  })
  try {
    const bound = { ...options, signal: AbortSignal.any([signal, line.ended]) }
    return await createClient(HookHandler, transport).invokeHook(request, bound)
  } catch (thrown) {
    return failureOf(ConnectError.from(thrown), line.isLost())
  }
}

function failureOf(error: ConnectError, lost: boolean): Failure {
  const { code } = error
  // Only what the other side said has this: an error that is made here may have the same code
  if (error.metadata.has('grpc-status')) {
    return { from: 'hook', error, passing: code === Code.Unavailable || code === Code.ResourceExhausted }
  }
  if (code === Code.DeadlineExceeded) return { from: 'time', error, passing: false }
  if (lost) return { from: 'connection', error, passing: true }
  return { from: 'protocol', error, passing: code === Code.Unavailable }
}

/** The connection as one call uses it. */
interface Line {
  readonly manager: NonNullable<GrpcTransportOptions['sessionManager']>
  /** Fires when the stream of the call is closed, soon after everything that came on it was read. */
  readonly ended: AbortSignal
  /** Whether the call found no connection, or lost it. gRPC calls this UNAVAILABLE; here it shows in many disguises. */
  isLost(): boolean
}

function watched(connection: Connection): Line {
  const ended = new AbortController()
  let stream: ClientHttp2Stream | null = null
  let session: Http2Session | undefined
  return {
    manager: {
      authority: connection.origin,
      request: async (method, path, headers) => {
        stream = connection.stream({ ...headers, ':method': method, ':path': path })
        session = stream.session
        // A stream that is reset with NO_ERROR is no error to anybody, and would never be an answer
        stream.once('close', () => {
          setImmediate(() => ended.abort(new ConnectError('the stream ended without an answer', Code.Internal)))
        })
        return stream
      },
      notifyResponseByteRead: () => undefined,
    },
    ended: ended.signal,
    isLost: () => session === undefined || session.destroyed || stream?.rstCode === constants.NGHTTP2_REFUSED_STREAM,
  }
}
