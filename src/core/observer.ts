import type { UploadError } from './errors.ts'
import type { RequestInfo } from './hooks.ts'
import type { Upload } from './upload.ts'

/** Calls to a store that are measured one by one. */
export const STORE_CALLS = ['create', 'open', 'append', 'set_length', 'concat', 'finish', 'remove'] as const

export type StoreCall = (typeof STORE_CALLS)[number]

/** What takes time within a request. */
export type Activity =
  /** From the wish for a lock until it is held, or not to be had. */
  | 'lock_wait'
  | 'lock_hold'
  /** From the moment in which a body is wanted until its end, whatever ends it. */
  | 'body'
  /** One call to the store. An append waits for the client most of the time: see `idle` of {@link Span}. */
  | `store_${StoreCall}`

/** Moments in an upload's life that are counted. */
export const UPLOAD_EVENTS = ['created', 'finished', 'terminated', 'expired'] as const

export type UploadEvent = (typeof UPLOAD_EVENTS)[number]

/** Something that takes time. */
export interface Span {
  /** Does `work` as a part of it: what begins in `work`, in its promises as well, has this for its parent. */
  run<T>(work: () => T): T
  /**
   * It is over. To be called once.
   * @param error why it failed; null if it did not
   * @param idle milliseconds of it that were spent waiting for somebody else (an append: for bytes); default 0
   */
  end(error: unknown, idle?: number): void
}

/** A request that is being answered. */
export interface RequestSpan {
  run<T>(work: () => T): T
  /**
   * The answer is given: for a download, when its last byte was taken or the client has gone. To be called once.
   * @param error what the client was refused with; null if it was not
   * @param sent bytes of an upload that it was sent
   */
  end(status: number, error: UploadError | null, sent: number): void
}

/** What can be asked of a running server. */
export interface Gauges {
  /** Bytes in memory, on their way from clients to the store. */
  buffered(): number
}

/**
 * Is told what takes time and what is to be counted: metrics, tracing. All calls are synchronous, must be quick, and must
 * not throw. Nothing is told per chunk; per batch of bytes only `received`.
 */
export interface Observer {
  /** A server uses it from now on. Returns what ends that: timers that were started for it end, too. */
  attach(gauges: Gauges): () => void
  /**
   * A request has come, and its URL and method are understood.
   * @param secure whether it came over TLS
   * @param basePath what all URLs of uploads begin with: `/files/`
   */
  request(request: RequestInfo, secure: boolean, basePath: string): RequestSpan
  begin(activity: Activity): Span
  /** A hook is called: `preCreate`. */
  hook(moment: string): Span
  /** An event was given up that no hook took: `postFinish`. */
  gaveUp(moment: string): void
  /** A lock was held by somebody, who is asked to stop. */
  takeover(): void
  /** The store has taken bytes that a client sent. */
  received(bytes: number): void
  upload(event: UploadEvent, upload: Upload): void
}

const NO_SPAN: Span & RequestSpan = { run: (work) => work(), end: () => undefined }

/** Takes no notice of anything. */
export const unobserved: Observer = {
  attach: () => () => undefined,
  request: () => NO_SPAN,
  begin: () => NO_SPAN,
  hook: () => NO_SPAN,
  gaveUp: () => undefined,
  takeover: () => undefined,
  received: () => undefined,
  upload: () => undefined,
}

/** Several observers as one. Spans of a later one lie within those of an earlier one. */
export function together(observers: readonly Observer[]): Observer {
  const [first = unobserved, ...others] = observers
  return others.reduce(pair, first)
}

function pair(one: Observer, other: Observer): Observer {
  return {
    attach(gauges) {
      const ends = [one.attach(gauges), other.attach(gauges)]
      return () => {
        for (const end of ends) end()
      }
    },
    request(request, secure, basePath) {
      const [outer, inner] = [one.request(request, secure, basePath), other.request(request, secure, basePath)]
      return {
        run: (work) => outer.run(() => inner.run(work)),
        end(status, error, sent) {
          inner.end(status, error, sent)
          outer.end(status, error, sent)
        },
      }
    },
    begin: (activity) => pairSpan(one.begin(activity), other.begin(activity)),
    hook: (moment) => pairSpan(one.hook(moment), other.hook(moment)),
    gaveUp(moment) {
      one.gaveUp(moment)
      other.gaveUp(moment)
    },
    takeover() {
      one.takeover()
      other.takeover()
    },
    received(bytes) {
      one.received(bytes)
      other.received(bytes)
    },
    upload(event, upload) {
      one.upload(event, upload)
      other.upload(event, upload)
    },
  }
}

function pairSpan(outer: Span, inner: Span): Span {
  return {
    run: (work) => outer.run(() => inner.run(work)),
    end(error, idle) {
      inner.end(error, idle)
      outer.end(error, idle)
    },
  }
}
