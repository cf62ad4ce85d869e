import type { UploadError } from '../core/errors.ts'
import type { Hooks, RequestInfo } from '../core/hooks.ts'
import type { Locker } from '../core/locker.ts'
import type { Log } from '../core/log.ts'
import type { Observer } from '../core/observer.ts'
import type { Store } from '../core/store.ts'
import type { UploadId } from '../core/upload.ts'
import type { Budget } from './budget.ts'
import type { Job } from './job.ts'

/** All that an engine needs; nothing is optional here. Times in milliseconds, sizes in bytes. */
export interface EngineOptions {
  readonly store: Store
  readonly locker: Locker
  readonly hooks: Hooks
  readonly log: Log
  /** Largest upload; Infinity for no limit. */
  readonly maxSize: number
  /** Life of an unfinished upload; null for ever. */
  readonly expireAfter: number | null
  /** 0 for no limit. */
  readonly networkTimeout: number
  readonly acquireLockTimeout: number
  readonly maxBufferedBytes: number
  /** Is told what happens. Default: nobody. */
  readonly observer?: Observer
  /** Digest of every complete upload that is computed and recorded, one of `CHECKSUM_ALGORITHMS`; none if absent. */
  readonly recordDigest?: string | undefined
}

/** What the verbs of the engine share. */
export interface EngineContext extends Omit<EngineOptions, 'maxBufferedBytes'> {
  readonly observer: Observer
  readonly budget: Budget
  /** Requests at work. */
  readonly jobs: Set<Job>
  /** Fires with `shutdown` when the engine closes. */
  readonly closing: AbortSignal
  /** Final uploads that wait for partial ones, by the partial. Only a hint for haste: a HEAD of the final finds out, too. */
  readonly waitingFinals: Map<UploadId, Set<UploadId>>
  /** An id for a new upload, which nobody can guess. */
  readonly newId: () => UploadId
  /** Tells finals that wait for a partial upload that it is complete. */
  partialFinished(id: UploadId, request: RequestInfo): void
  /** Owns work that nobody waits for; a failure is logged under `event`, as one of `request`. Closing waits for it. */
  background(event: string, work: Promise<unknown>, request: RequestInfo): void
}

/** Facts of an error for the log: never the client's data. */
export function errorFields(error: UploadError): { code: string; hint: string | undefined } {
  return { code: error.code, hint: error.details.hint }
}
