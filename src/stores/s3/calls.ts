import { setTimeout as pause } from 'node:timers/promises'
import { answerOf, isPassing } from './failure.ts'
import type { Place } from './layout.ts'
import type { S3Operation, S3Settings } from './options.ts'

/** First pause before a call is repeated, in milliseconds; it doubles each time, up to `LONGEST`. */
const SHORTEST = 100
const LONGEST = 5_000

/** Completing may take minutes for an object of thousands of parts, in which nothing is heard of it. */
export const PATIENT = 4

/** What one attempt is given. */
export interface Attempt {
  /** Aborts when the caller gives up, and when the call makes no progress. */
  readonly signal: AbortSignal
  /** To be called when there is progress: the time without any begins anew. */
  progress(): void
  /** Ends the attempt: what it is to send cannot be had. */
  fail(error: unknown): void
}

export interface CallOptions {
  readonly operation: S3Operation
  readonly place: Place
  /** The caller does not want it any more: the attempt is cut off, and not repeated. */
  readonly signal?: AbortSignal | undefined
  /** Bytes sent as the body. */
  readonly sent?: number
  /** How many times the usual time may pass without progress. Default: 1. */
  readonly patience?: number
  /** How often it is tried at most. Default: as the settings say. */
  readonly attempts?: number
}

/** Calls the service: each attempt bounded in time, reported, and repeated with growing pauses if that may help. */
export type Call = <T>(options: CallOptions, work: (attempt: Attempt) => Promise<T>) => Promise<T>

export function createCall(settings: S3Settings): Call {
  return async (options, work) => {
    const most = options.attempts ?? settings.attempts
    for (let attempt = 1; ; attempt++) {
      try {
        return await once(settings, options, attempt, work)
      } catch (error) {
        if (attempt >= most || options.signal?.aborted === true || !isPassing(error)) throw error
      }
      await pause(delay(attempt), undefined, { signal: options.signal })
    }
  }
}

/** With jitter, so that what failed together does not come back together. */
function delay(attempt: number): number {
  const longest = Math.min(SHORTEST * 2 ** attempt, LONGEST)
  return longest / 2 + Math.random() * (longest / 2)
}

async function once<T>(
  settings: S3Settings,
  { operation, place, signal, sent = 0, patience = 1 }: CallOptions,
  attempt: number,
  work: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  const { observer, timeout } = settings
  const cut = new AbortController()
  const late = () => cut.abort(new DOMException(`no progress for ${timeout * patience} ms`, 'TimeoutError'))
  const timer = setTimeout(late, timeout * patience)
  const unwanted = () => cut.abort(signal?.reason)
  signal?.addEventListener('abort', unwanted)
  const begun = performance.now()
  let failed: unknown = null
  try {
    if (signal?.aborted) throw signal.reason
    return await work({
      signal: cut.signal,
      progress: () => void timer.refresh(),
      fail: (error) => cut.abort(error),
    })
  } catch (error) {
    // What an abort looks like is up to the SDK; what it was for is ours.
    failed = cut.signal.aborted && signal?.aborted !== true ? cut.signal.reason : error
    throw failed
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', unwanted)
    if (observer.call !== undefined) {
      const { code, status } = failed === null ? { code: null, status: 200 } : answerOf(failed)
      const duration = performance.now() - begun
      observer.call({ operation, ...place, attempt, duration, sent, error: code, status })
    }
  }
}
