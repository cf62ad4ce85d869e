import { ERRORS, type ErrorCode, type UploadError } from '../../core/errors.ts'
import type { Reply, UploadRequest } from '../exchange.ts'
import { parseInteger, printBoolean } from './fields.ts'
import { REGISTRY, speechOf } from './interop.ts'
import { announcedLimits, type Limits } from './limits.ts'

/** Types that are registered with IANA; everything else is told by status and title alone (RFC 9457, section 4.2.1). */
const TYPES: Readonly<Partial<Record<ErrorCode, string>>> = {
  offset_mismatch: `${REGISTRY}mismatching-upload-offset`,
  length_mismatch: `${REGISTRY}inconsistent-upload-length`,
  length_exceeded: `${REGISTRY}inconsistent-upload-length`,
}

/** Statuses that differ from those of tus. */
const STATUSES: Readonly<Partial<Record<ErrorCode, number>>> = {
  // 413 would invite the client to try again with less (section Limits); but the upload is over, or the request wrong.
  length_exceeded: 400,
  checksum_mismatch: 400,
}

/** The limits are told where they were the reason. */
const BY_LIMIT: ReadonlySet<ErrorCode> = new Set([
  'max_size_exceeded',
  'append_too_large',
  'append_too_small',
  'upload_too_small',
])

/**
 * Failures in processing the whole, which resuming would not mend. Everything else is the protocol's own answer (section
 * Completeness).
 */
const BY_TARGET: ReadonlySet<ErrorCode> = new Set(['upload_rejected', 'digest_mismatch'])

/** How the draft says that a request failed: problem details (RFC 9457), and where the upload stands. */
export function refuse(error: UploadError, request: UploadRequest, limits: Limits): Reply {
  const { code, details } = error
  const { rules } = speechOf(request)
  const status = details.status ?? STATUSES[code] ?? error.status
  const { completeness } = rules
  const complete = BY_TARGET.has(code)
  const headers = {
    ...(request.method === 'HEAD' && { 'Cache-Control': 'no-store' }),
    ...(adds(request) && { [completeness.name]: printBoolean(complete === completeness.whenComplete) }),
    ...(details.offset !== undefined && { 'Upload-Offset': String(details.offset) }),
    ...(rules.lifetime !== null && BY_LIMIT.has(code) && { 'Upload-Limit': announcedLimits(limits, rules.lifetime) }),
    ...(code === 'invalid_content_type' && rules.mediaType !== null && { 'Accept-Patch': rules.mediaType }),
    ...(details.retryAfter !== undefined && { 'Retry-After': String(details.retryAfter) }),
  }
  if (details.body !== undefined) {
    const type = { 'Content-Type': 'text/plain; charset=utf-8' }
    return { status, headers: { ...type, ...headers, ...details.headers }, body: details.body }
  }
  return {
    status,
    headers: { 'Content-Type': 'application/problem+json', ...headers, ...details.headers },
    body: `${JSON.stringify(problemOf(error, status, request))}\n`,
    // A transfer that another request took over is ended by ending its connection (section Concurrency).
    ...(code === 'upload_interrupted' && adds(request) && { abrupt: true }),
  }
}

/** Whether the request adds bytes: then its response says who speaks, the upload or the target. */
function adds({ method }: UploadRequest): boolean {
  return method === 'PATCH' || method === 'POST' || method === 'PUT'
}

function problemOf(error: UploadError, status: number, request: UploadRequest): Readonly<Record<string, unknown>> {
  const { code, details, message } = error
  const type = code === 'upload_complete' ? speechOf(request).rules.completedProblem : (TYPES[code] ?? null)
  const title = ERRORS[code].message
  return {
    ...(type !== null && { type }),
    title,
    status,
    ...(message !== title && { detail: message }),
    ...(code === 'offset_mismatch' && {
      'expected-offset': details.offset,
      'provided-offset': parseInteger(request.header('upload-offset')),
    }),
  }
}
