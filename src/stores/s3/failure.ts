import { UploadError } from '../../core/errors.ts'
import type { Place } from './layout.ts'

/** Seconds after which a client may try again when the service asks for less. */
const TRY_AGAIN = 5

const MISSING = ['NoSuchKey', 'NotFound', 'NoSuchUpload']
const BUSY = [
  'SlowDown',
  'ServiceUnavailable',
  'Busy',
  'TooManyRequests',
  'ThrottlingException',
  'RequestLimitExceeded',
]
const FULL = ['QuotaExceeded', 'InsufficientStorage', 'XMinioStorageFull', 'StorageFull']
const FORBIDDEN = ['AccessDenied', 'Forbidden', 'InvalidAccessKeyId', 'SignatureDoesNotMatch', 'ExpiredToken']
/** What comes with a status below 500 and goes away by itself. */
const PASSING = ['RequestTimeout', 'OperationAborted', 'ConditionalRequestConflict', 'RequestTimeTooSkewed', ...BUSY]

/** What a failed call says of itself. */
export interface Answer {
  /** What the service calls it (`SlowDown`), or what broke (`TimeoutError`). */
  readonly code: string
  /** HTTP status; null if there was no answer. */
  readonly status: number | null
}

export function answerOf(error: unknown): Answer {
  if (!(error instanceof Error)) return { code: 'unknown', status: null }
  const status = statusOf(error)
  return { code: error.name === 'Error' && 'code' in error ? String(error.code) : error.name, status }
}

function statusOf(error: Error): number | null {
  const metadata: unknown = '$metadata' in error ? error.$metadata : null
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return null
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : null
}

/** Whether the object or the multipart upload does not exist. Services differ in what they call it. */
export function isMissing(error: unknown): boolean {
  const { code, status } = answerOf(error)
  return MISSING.includes(code) || (status === 404 && code !== 'NoSuchBucket')
}

/** Whether the service hides what it says: without the right to list, it does not tell what is missing. */
export function isForbidden(error: unknown): boolean {
  const { code, status } = answerOf(error)
  return status === 403 || FORBIDDEN.includes(code)
}

/** Whether a condition of the request (If-Match, If-None-Match) was not met. */
export function isConflict(error: unknown): boolean {
  const { code, status } = answerOf(error)
  return status === 412 || code === 'PreconditionFailed'
}

/** Whether the service does not know what the request asks for. */
export function isUnknown(error: unknown): boolean {
  const { code, status } = answerOf(error)
  return status === 501 || code === 'NotImplemented'
}

/** Whether another try may succeed: no answer, half of one, or one that speaks of the service and not of the request. */
export function isPassing(error: unknown): boolean {
  const { code, status } = answerOf(error)
  if (status === null || status >= 500) return status !== 501
  return status < 300 || status === 429 || PASSING.includes(code)
}

/**
 * What a failed call means for an upload. An `UploadError` stays what it is.
 * @param doing what failed, for the operator: `send part 3`
 */
export function failure(error: unknown, doing: string, { bucket, key }: Place): UploadError {
  if (error instanceof UploadError) return error
  const { code, status } = answerOf(error)
  const hint = (advice: string) =>
    `could not ${doing} of s3://${bucket}/${key} (${status === null ? code : `${status} ${code}`}): ${advice}`
  const options = { cause: error }
  if (code === 'NoSuchBucket') return failed(hint('there is no such bucket; create it, or correct its name'), options)
  if (isForbidden(error)) {
    return failed(
      hint('the credentials are wrong or lack a right; docs/s3.md lists the rights that are needed'),
      options,
    )
  }
  if (FULL.includes(code) || status === 507) {
    return new UploadError('storage_full', { hint: hint('free space or raise the quota; clients resume') }, options)
  }
  if (BUSY.includes(code) || status === 503 || status === 429) {
    const advice = 'the service wants fewer requests; send fewer parts at once, or spread the keys'
    return new UploadError('storage_busy', { retryAfter: TRY_AGAIN, hint: hint(advice) }, options)
  }
  return failed(hint('look at the service and the way to it; clients resume where they stood'), options)
}

function failed(hint: string, options: ErrorOptions): UploadError {
  return new UploadError('storage_failed', { hint }, options)
}
