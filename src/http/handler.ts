import { type ErrorCode, UploadError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { type Observer, unobserved } from '../core/observer.ts'
import type { Asking, Engine } from '../engine/commands.ts'
import { callerOf, type Protocol, type Reply, type UploadRequest } from '../protocols/exchange.ts'
import { Account } from './account.ts'
import type { Arrival, Handle } from './arrival.ts'
import type { Cors } from './cors.ts'
import { download } from './download.ts'
import type { Location } from './location.ts'
import type { Proxies } from './proxy.ts'
import type { Rate } from './rate.ts'
import { createRequestIds } from './request-id.ts'
import { understand } from './understand.ts'

export interface HandlerOptions {
  readonly engine: Engine
  /** The first is spoken to clients who do not say which they mean. */
  readonly protocols: readonly [Protocol, ...Protocol[]]
  readonly location: Location
  readonly proxies: Proxies
  readonly cors: Cors
  readonly rate: Rate
  readonly log: Log
  /** Is told of every request. Default: nobody. */
  readonly observer?: Observer
  /** Whether GET answers with the bytes of complete uploads. */
  readonly downloads: boolean
  /** Whether DELETE is answered. */
  readonly termination: boolean
}

/**
 * One request's way between a door and a protocol: what its URL and method mean, who answers it, and the only `catch`: whatever
 * is thrown below becomes a reply here.
 */
export function createHandler(options: HandlerOptions): Handle {
  const { protocols, cors, location, proxies, log, observer = unobserved } = options
  const requestId = createRequestIds()
  return async (arrival) => {
    const account = new Account(log)
    const outside = proxies.outside(arrival)
    const request = understand(arrival, outside, location, requestId(arrival.header('x-request-id')), account)
    const span = observer.request(request, outside.secure, location.basePath)
    const claimant = protocols.find((one) => one.claims(request))
    let protocol = claimant ?? protocols[0]
    const respond = async (): Promise<Reply> => {
      options.rate.check(request.remoteAddress)
      if (claimant === undefined) protocol = await protocolOf(options, request)
      return answer(options, protocol, request)
    }
    let error: UploadError | null = null
    const reply = await span.run(respond).catch((thrown: unknown) => {
      error = explain(options, thrown, request)
      return protocol.refuse(error, request)
    })
    // V8 takes 20 us to spread a second object into a literal, and less than one for this.
    const headers = cors.apply(arrival, Object.assign({}, protocol.stamp, reply.headers))
    const whole = forMethod(arrival, request, { status: reply.status, headers, body: reply.body })
    return account.settle(request, span, Object.assign({}, reply, whole), error, () => arrival.signal)
  }
}

/** What methods are about. */
const OPERATIONS: Readonly<Record<string, Asking['operation']>> = {
  HEAD: 'head',
  GET: 'read',
  PATCH: 'append',
  DELETE: 'terminate',
}

/** Who answers a request that does not say in which protocol it speaks: that of the upload, if it is about one. */
async function protocolOf({ protocols, engine }: HandlerOptions, request: UploadRequest): Promise<Protocol> {
  const { method, target } = request
  const operation = OPERATIONS[method]
  if (protocols.length === 1 || target.kind !== 'upload' || operation === undefined) return protocols[0]
  const kind = await engine.kindOf(target.id, { request, operation })
  return protocols.find(({ completion }) => completion === kind) ?? protocols[0]
}

/** A reply to HEAD has no body. If the method on the wire was another, the client must not be told to wait for one, either. */
function forMethod(arrival: Arrival, { method }: UploadRequest, { status, headers, body }: Reply): Reply {
  if (method !== 'HEAD') return { status, headers, body }
  if (arrival.method === 'HEAD') return { status, headers, body: null }
  const { 'Content-Length': _, ...rest } = headers
  return { status, headers: rest, body: '' }
}

async function answer(options: HandlerOptions, protocol: Protocol, request: UploadRequest): Promise<Reply> {
  if (request.method === 'OPTIONS') return discover(options, request)
  if (request.method !== 'GET' || request.target.kind === 'base') return protocol.answer(request)
  if (request.target.kind !== 'upload') {
    throw new UploadError(options.downloads ? 'upload_not_found' : 'method_not_allowed')
  }
  const { id } = request.target
  const state = await protocol.state?.(request, id)
  if (state !== undefined && !(state.complete && options.downloads)) {
    return { status: 204, headers: state.headers, body: null }
  }
  if (!options.downloads) throw new UploadError('method_not_allowed')
  const readable = await options.engine.read(id, callerOf(request))
  // What a link answers does not say in which coding the bytes are; only the record of the upload knows
  const isCoded = state?.headers['Content-Encoding'] !== undefined
  const { upload, read } = readable
  const reply = await download(isCoded ? { upload, read } : readable, request, false)
  return state === undefined ? reply : { ...reply, headers: { ...reply.headers, ...state.headers } }
}

/** OPTIONS: what every protocol here can do. A CORS preflight is one, too. */
function discover({ protocols, cors }: HandlerOptions, request: UploadRequest): Reply {
  if (cors.refuses(request)) throw new UploadError('origin_not_allowed')
  const headers = Object.assign({}, ...protocols.map((protocol) => protocol.discovery(request)))
  return { status: 204, headers, body: null }
}

/** Failures on our side, for the operator to mend. All others are the client's, or the course of things. */
const OURS: ReadonlySet<ErrorCode> = new Set([
  'storage_failed',
  'storage_full',
  'storage_busy',
  'hook_failed',
  'lock_lost',
  'body_consumed',
  'internal',
])

/** Invariant 7: what is thrown is an `UploadError`, or a bug of ours that is logged and not told. */
function explain(options: HandlerOptions, thrown: unknown, request: UploadRequest): UploadError {
  const { log } = options
  if (!(thrown instanceof UploadError)) {
    log.error('request.crashed', { request: request.id, method: request.method }, thrown)
    return new UploadError('internal', {}, { cause: thrown })
  }
  if (OURS.has(thrown.code)) {
    const { code, status, details } = thrown
    log.error(
      'request.failed',
      { request: request.id, method: request.method, code, status, hint: details.hint },
      thrown.cause,
    )
  }
  if (thrown.code !== 'method_not_allowed') return thrown
  return new UploadError('method_not_allowed', { headers: { Allow: allowed(options, request) } })
}

function allowed({ downloads, termination }: HandlerOptions, { target }: UploadRequest): string {
  if (target.kind === 'base') return 'OPTIONS, POST'
  return ['OPTIONS', 'HEAD', 'PATCH', ...(downloads ? ['GET'] : []), ...(termination ? ['DELETE'] : [])].join(', ')
}
