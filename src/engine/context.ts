import type { UploadError } from '../core/errors.ts'
import type { Hooks, RequestInfo } from '../core/hooks.ts'
import type { Locker } from '../core/locker.ts'
import type { Log } from '../core/log.ts'
import type { Notes } from '../core/notes.ts'
import type { Observer, UploadEvent } from '../core/observer.ts'
import type { Authorize, Quota } from '../core/rights.ts'
import type { Store } from '../core/store.ts'
import type { Upload, UploadId } from '../core/upload.ts'
import type { Buckets } from './buckets.ts'
import type { Budget } from './budget.ts'
import type { EventSource } from './events.ts'
import type { Job } from './job.ts'
import type { Outbox } from './outbox/outbox.ts'

/** What owners and addresses may have under way; absent members are no limits. */
export interface Quotas {
  /** Of every owner for whom the rights say nothing else. Uploads that are nobody's are not limited. */
  readonly perOwner?: Quota
  /** Of every client address. */
  readonly perAddress?: Pick<Quota, 'creationsPerMinute'>
}

/** All that an engine needs. Times in milliseconds, sizes in bytes. */
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
  /** Largest upload of a request, in addition to `maxSize`; absent if that is all. */
  readonly maxSizeOf?: ((request: RequestInfo) => number | Promise<number>) | undefined
  /** Decides on every request. Default: everything is allowed. */
  readonly authorize?: Authorize | undefined
  /** How a no is answered. Default: 404. */
  readonly refuseWith?: 404 | 403 | undefined
  readonly quotas?: Quotas | undefined
  /** Time between two progress events of a transfer. Default: 1,000. */
  readonly progressInterval?: number | undefined
  /** Whether partial uploads of a concatenation count as files for hooks. Default: false. */
  readonly partialFinish?: boolean | undefined
  /** Deliveries of an event before it is given up. Default: 20. */
  readonly hookAttempts?: number | undefined
  /** Pause after the first delivery that failed; doubles each time, up to five minutes. Default: 1,000. */
  readonly hookBackoff?: number | undefined
}

type Defaulted =
  | 'observer'
  | 'refuseWith'
  | 'quotas'
  | 'progressInterval'
  | 'partialFinish'
  | 'hookAttempts'
  | 'hookBackoff'

/** What the verbs of the engine share. */
export interface EngineContext
  extends Omit<EngineOptions, 'maxBufferedBytes' | Defaulted>,
    Readonly<Record<'progressInterval' | 'hookAttempts' | 'hookBackoff', number>> {
  readonly observer: Observer
  readonly refuseWith: 404 | 403
  readonly quotas: Quotas
  readonly partialFinish: boolean
  /** Of the store, or in memory if it keeps none. */
  readonly notes: Notes
  readonly events: EventSource
  readonly outbox: Outbox
  /** Creations by owner and by address. */
  readonly creations: Buckets
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

/** Tells everybody who counts or listens what happened to an upload. */
export function happened(context: EngineContext, event: UploadEvent, upload: Upload): void {
  context.observer.upload(event, upload)
  context.events.emit(event === 'finished' ? 'completed' : event, upload)
}

/** Facts of an error for the log: never the client's data. */
export function errorFields(error: UploadError): { code: string; hint: string | undefined } {
  return { code: error.code, hint: error.details.hint }
}
