import type { UploadEvents } from './core/events.ts'
import type { Hooks, RequestInfo } from './core/hooks.ts'
import type { Locker } from './core/locker.ts'
import { type Log, silent } from './core/log.ts'
import { together as allOf, type Observer } from './core/observer.ts'
import type { Authorize } from './core/rights.ts'
import type { Store } from './core/store.ts'
import type { Engine, Readiness } from './engine/commands.ts'
import type { Quotas } from './engine/context.ts'
import { createEngine } from './engine/engine.ts'
import { together } from './engine/together.ts'
import { type CorsOptions, createCors } from './http/cors.ts'
import { representation } from './http/download.ts'
import { createFetchDoor, type FetchDoor } from './http/fetch.ts'
import { createHandler } from './http/handler.ts'
import { createLocation } from './http/location.ts'
import { createNodeDoor, type NodeDoor } from './http/node.ts'
import { createProxies } from './http/proxy.ts'
import { createRate } from './http/rate.ts'
import { memoryLocker } from './lockers/memory.ts'
import { checkOptions } from './options.ts'
import { createIetf } from './protocols/ietf/ietf.ts'
import { INTEROP_VERSIONS } from './protocols/ietf/interop.ts'
import { createTus, tusExtensions } from './protocols/tus/tus.ts'

export type { Quotas } from './engine/context.ts'
export type { CorsOptions } from './http/cors.ts'
export type { FetchContext } from './http/fetch.ts'

/** What an upload server is made of. Only `store` is needed. Times are in milliseconds, sizes in bytes. */
export interface UploadsOptions {
  /** Where uploads are kept: `diskStore({ directory })`. */
  readonly store: Store
  /** Keeps requests for one upload apart. Default: `memoryLocker()`, right as long as one process serves the store. */
  readonly locker?: Locker
  /**
   * Path of the URL under which uploads are created and found, or the whole URL as clients see it
   * (`https://cdn.example.org/files/`). Default: `/files/`.
   */
  readonly basePath?: string
  /** Names new uploads by a path instead of a URL. Default: false. */
  readonly relativeLocation?: boolean
  /**
   * Whose Forwarded and X-Forwarded-* are believed: addresses, networks (`10.0.0.0/8`), `loopback`, `private`, `any`; `true` is
   * loopback and private. Default: false, nobody's.
   */
  readonly trustProxy?: boolean | readonly string[]
  /** What pages of other origins may do; `false` sends no CORS headers. Default: everything, without credentials. */
  readonly cors?: false | CorsOptions
  /**
   * Largest upload: a number, or a function of the request that creates it, which may take its time. 0 is no limit, which is the default.
   */
  readonly maxSize?: number | ((request: RequestInfo) => number | Promise<number>)
  /** Time after its creation at which an unfinished upload expires and is removed. Default: 0, never. */
  readonly expireAfter?: number
  /** Default: false. GET answers 405. */
  readonly disableDownload?: boolean
  /** Default: false. DELETE answers 405. */
  readonly disableTermination?: boolean
  /** Default: false. */
  readonly disableConcatenation?: boolean
  /** Default: false. Only tus is spoken, and not the IETF draft "Resumable Uploads for HTTP". */
  readonly disableIetf?: boolean
  /** Smallest upload that may be made in several requests of the IETF draft; smaller ones come in one. Default: 0, no limit. */
  readonly minSize?: number
  /** Most bytes of one request of the IETF draft. Default: 0, no limit. */
  readonly maxAppendSize?: number
  /** Fewest bytes of one request of the IETF draft that is not the last. Default: 0, no limit. */
  readonly minAppendSize?: number
  /**
   * POST or PUT of a body to the base path, without a word on resumption, is stored as a whole. Default: false, as any page of
   * any origin can make a browser send such a request. Not where the IETF draft is off.
   */
  readonly acceptPlainUploads?: boolean
  /**
   * A digest of every complete upload is computed and recorded: on HEAD as Repr-Digest (RFC 9530), for hooks in
   * `upload.digests`. Every upload is read once for it. Default: none but those that clients of the IETF draft ask for.
   */
  readonly recordDigest?: 'sha256' | 'sha512'
  /**
   * Functions called at moments in an upload's life. Several sets are called in their order: the first that says no decides, and each
   * sees what the ones before have changed.
   */
  readonly hooks?: Hooks | readonly Hooks[]
  /** Least time between two calls of postReceive, and two `progress` events, for one transfer. Default: 1,000. */
  readonly progressInterval?: number
  /** preFinish and postFinish are called for partial uploads of a concatenation, too, as tusd does. Default: false. */
  readonly partialFinish?: boolean
  /**
   * Deliveries of postFinish and postTerminate before an event is given up, which is logged and counted. Default: 20, over a bit
   * more than an hour.
   */
  readonly hookAttempts?: number
  /** Pause behind the first delivery that failed; doubles each time, up to five minutes. Default: 1,000. */
  readonly hookBackoff?: number
  /** Decides on every request: `jwtRights()` of `tusker/jwt`, or a function of your own. Default: everything is allowed. */
  readonly authorize?: Authorize
  /** How requests for another's upload are answered: as if it did not exist, or with 403. Default: 404. */
  readonly refuseWith?: 404 | 403
  /** What owners and addresses may have under way. Owners are named by `authorize` or a preCreate hook. Default: no limits. */
  readonly quotas?: Quotas
  /** Where events go. Default: nowhere. */
  readonly log?: Log
  /** Who is told what takes time and what is to be counted: `prometheusMetrics()`, `openTelemetry()`. Default: nobody. */
  readonly observers?: readonly Observer[]
  /**
   * Longest time without a byte of a body before the request ends; what came is kept. Through the door for node:http it is also
   * the longest time for which a client takes nothing of a download. Default: 60,000; 0 is for ever.
   */
  readonly networkTimeout?: number
  /** Longest wait for the lock of an upload before 423 is answered. Default: 20,000. */
  readonly acquireLockTimeout?: number
  /** Most requests of one client address in a second, on average over ten; beyond it 429 is answered. Default: 0, no limit. */
  readonly maxRequestsPerSecond?: number
  /** Ceiling on the bytes of all requests that are in memory at once; beyond it clients are slowed. Default: 64 MiB; at least 64 KiB. */
  readonly maxBufferedBytes?: number
}

/** A running upload server, to be put behind a router. */
export interface Uploads {
  /** The door for node:http, Express and their like. Answers every request that it is given. */
  readonly node: NodeDoor
  /** The door for what speaks Fetch: Hono, Next, and their like. Never rejects. */
  readonly fetch: FetchDoor
  /** The tus extensions that are on, as the door for node:http announces them. */
  readonly extensions: readonly string[]
  /** The interop versions of the IETF draft that are spoken; none if it is off. */
  readonly interopVersions: readonly number[]
  /** What happens to uploads in this process, to be listened to or iterated. */
  readonly events: UploadEvents
  /** The verbs behind the doors, for those who route themselves. */
  readonly engine: Engine
  /**
   * Whether uploads can be taken now: not while it closes, nor when the store cannot be written, which is really tried, but
   * at most once a second. Never rejects, and takes five seconds at most.
   */
  ready(): Promise<Readiness>
  /**
   * Ends it: new requests get 503, running ones save what came within `grace` milliseconds (default 10,000), then locks,
   * timers and files are let go. Safe to repeat.
   */
  close(grace?: number): Promise<void>
}

const DEFAULTS = {
  basePath: '/files/',
  networkTimeout: 60_000,
  acquireLockTimeout: 20_000,
  maxBufferedBytes: 64 * 1024 * 1024,
}

/** Longest and shortest time between two sweeps, in milliseconds. */
const SWEEP_AT_MOST = 10 * 60 * 1000
const SWEEP_AT_LEAST = 1000

/**
 * Starts an upload server: checks the options, makes store and locker ready, and opens the doors. Throws what keeps it from
 * serving: a `TypeError` that names the option, or an `UploadError` of the store.
 */
export async function createUploads(options: UploadsOptions): Promise<Uploads> {
  checkOptions(options)
  const { store, locker = memoryLocker(), log = silent } = options
  const { basePath = DEFAULTS.basePath, relativeLocation = false, trustProxy = false } = options
  const location = createLocation({ basePath, relativeLocation })
  const proxies = createProxies({ trustProxy }, log)
  const cors = createCors(options.cors, log)
  const rate = createRate(options.maxRequestsPerSecond ?? 0)
  const observer = allOf(options.observers ?? [])
  const maxSizeOf = typeof options.maxSize === 'function' ? options.maxSize : undefined
  const maxSize = (typeof options.maxSize === 'number' && options.maxSize) || Number.POSITIVE_INFINITY
  const expireAfter = options.expireAfter || null
  const downloads = !options.disableDownload
  const termination = !options.disableTermination
  const networkTimeout = options.networkTimeout ?? DEFAULTS.networkTimeout
  const engine = await createEngine({
    store,
    locker,
    hooks: together(options.hooks ?? {}),
    log,
    observer,
    maxSize,
    maxSizeOf,
    expireAfter,
    networkTimeout,
    acquireLockTimeout: options.acquireLockTimeout ?? DEFAULTS.acquireLockTimeout,
    maxBufferedBytes: options.maxBufferedBytes ?? DEFAULTS.maxBufferedBytes,
    recordDigest: options.recordDigest,
    authorize: options.authorize,
    refuseWith: options.refuseWith,
    quotas: options.quotas,
    progressInterval: options.progressInterval,
    partialFinish: options.partialFinish,
    hookAttempts: options.hookAttempts,
    hookBackoff: options.hookBackoff,
  })
  const features = { expires: expireAfter !== null, termination, concatenation: !options.disableConcatenation }
  const tus = createTus({ ...features, engine, maxSize, represent: downloads ? representation : () => ({}) })
  const { disableIetf = false, minSize = 0, maxAppendSize = 0, minAppendSize = 0 } = options
  const limits = { maxSize, minSize, maxAppendSize: maxAppendSize || Infinity, minAppendSize, expireAfter }
  const plain = options.acceptPlainUploads ?? false
  const protocols = disableIetf
    ? ([tus] as const)
    : ([tus, createIetf({ engine, limits, termination, plain })] as const)
  const http = { location, proxies, rate, cors }
  const handle = createHandler({ ...http, engine, protocols, log, observer, downloads, termination })
  const stopSweeping = expireAfter === null ? () => undefined : sweepEvery(engine, expireAfter, log)
  return {
    node: createNodeDoor(handle, log, networkTimeout),
    fetch: createFetchDoor(handle, log),
    extensions: tusExtensions(features, true),
    interopVersions: disableIetf ? [] : INTEROP_VERSIONS,
    events: engine.events,
    engine,
    ready: () => engine.ready(),
    close: (grace) => {
      stopSweeping()
      return engine.close(grace)
    },
  }
}

/** Sweeps now and then, one sweep at a time. Returns what ends it. */
function sweepEvery(engine: Engine, expireAfter: number, log: Log): () => void {
  const pause = Math.min(Math.max(expireAfter / 2, SWEEP_AT_LEAST), SWEEP_AT_MOST)
  let timer: NodeJS.Timeout
  let stopped = false
  const again = (): void => {
    // Does not keep a process alive that has nothing else to do.
    if (!stopped) timer = setTimeout(sweep, pause).unref()
  }
  const sweep = (): void => {
    engine
      .sweep()
      .catch((error: unknown) => !stopped && log.error('sweep.failed', {}, error))
      .finally(again)
  }
  again()
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}
