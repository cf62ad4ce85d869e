export type { Body, BodySink } from './core/body.ts'
export { ERRORS, type ErrorCode, type ErrorDetails, UploadError } from './core/errors.ts'
export { EVENT_TYPES, type EventType, type LifecycleEvent, type UploadEvents } from './core/events.ts'
export {
  type CreateChanges,
  type Hooks,
  MOMENTS,
  type Moment,
  type Occasion,
  type Rejection,
  type ReplyPatch,
  type RequestInfo,
} from './core/hooks.ts'
export type { Lock, Locker } from './core/locker.ts'
export type { Log, LogFields } from './core/log.ts'
export { isNoteName, type Notes } from './core/notes.ts'
export type { Activity, Gauges, Observer, RequestSpan, Span, StoreCall, UploadEvent } from './core/observer.ts'
export type { Authorize, Grant, Operation, Quota, Verdict } from './core/rights.ts'
export type { Batch, Bytes, Store, StoredUpload } from './core/store.ts'
export {
  type ByteRange,
  type Completion,
  type Concat,
  type Digests,
  isUploadId,
  type Metadata,
  type NewUpload,
  parseUploadId,
  type Upload,
  type UploadId,
} from './core/upload.ts'
export { CHECKSUM_ALGORITHMS, type ChecksumAlgorithm } from './engine/checksum.ts'
export type {
  AppendCommand,
  Caller,
  Checksum,
  Content,
  CreateCommand,
  Engine,
  ExpectedDigest,
  Outcome,
  Readable,
  Readiness,
} from './engine/commands.ts'
export {
  type CorsOptions,
  createUploads,
  type FetchContext,
  type Quotas,
  type Uploads,
  type UploadsOptions,
} from './uploads.ts'
