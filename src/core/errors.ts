/**
 * Everything that can go wrong with an upload, by code: the HTTP status, the sentence for the client, and the name under
 * which tusd reports the same (clients in the field look for it in the body). Where tusd has no name, it is ours.
 * Sources: tus 1.0.0, RFC 9110; 460 and 423 as in tus 1.0.0 and RFC 4918.
 */
export const ERRORS = {
  invalid_request: row(400, 'ERR_INVALID_REQUEST', 'the request is malformed'),
  invalid_length: row(400, 'ERR_INVALID_UPLOAD_LENGTH', 'missing or invalid upload length'),
  length_mismatch: row(400, 'ERR_INVALID_UPLOAD_LENGTH', 'the length contradicts what is known of the upload'),
  invalid_offset: row(400, 'ERR_INVALID_OFFSET', 'missing or invalid upload offset'),
  invalid_metadata: row(400, 'ERR_INVALID_METADATA', 'invalid upload metadata'),
  invalid_checksum: row(400, 'ERR_INVALID_CHECKSUM', 'the checksum is malformed'),
  unsupported_checksum: row(400, 'ERR_UNSUPPORTED_CHECKSUM_ALGORITHM', 'the checksum algorithm is not supported'),
  checksum_mismatch: row(460, 'ERR_CHECKSUM_MISMATCH', 'the bytes do not match the checksum; none were kept'),
  invalid_concat: row(400, 'ERR_INVALID_CONCAT', 'invalid concatenation'),
  upload_incomplete: row(400, 'ERR_UPLOAD_NOT_FINISHED', 'the upload is not finished'),
  upload_complete: row(400, 'ERR_UPLOAD_COMPLETE', 'the upload is complete and takes no more bytes'),
  upload_too_small: row(400, 'ERR_UPLOAD_TOO_SMALL', 'the upload is too small to be made in several requests'),
  append_too_small: row(400, 'ERR_APPEND_TOO_SMALL', 'the body is smaller than one request may bring'),
  digest_mismatch: row(400, 'ERR_DIGEST_MISMATCH', 'the whole upload does not match its digest; it was removed'),
  upload_rejected: row(400, 'ERR_UPLOAD_REJECTED', 'the upload was rejected'),
  upload_stopped: row(400, 'ERR_UPLOAD_STOPPED', 'the upload was stopped by the server'),
  termination_rejected: row(400, 'ERR_UPLOAD_TERMINATION_REJECTED', 'the termination was rejected'),
  upload_interrupted: row(400, 'ERR_UPLOAD_INTERRUPTED', 'another request for this upload took over'),
  connection_lost: row(400, 'ERR_UNEXPECTED_EOF', 'the request body ended early'),
  unauthorized: row(401, 'ERR_UNAUTHORIZED', 'credentials are missing or not valid'),
  forbidden: row(403, 'ERR_FORBIDDEN', 'this is not allowed to you'),
  origin_not_allowed: row(403, 'ERR_ORIGIN_NOT_ALLOWED', 'pages of this origin may not use the server'),
  final_upload: row(403, 'ERR_MODIFY_FINAL', 'a final upload takes no bytes'),
  upload_not_found: row(404, 'ERR_UPLOAD_NOT_FOUND', 'no such upload'),
  not_found: row(404, 'ERR_NOT_FOUND', 'nothing is served here'),
  method_not_allowed: row(405, 'ERR_METHOD_NOT_ALLOWED', 'the method is not allowed here'),
  offset_mismatch: row(409, 'ERR_MISMATCHED_OFFSET', 'the offset is not where the upload stands'),
  upload_exists: row(409, 'ERR_UPLOAD_EXISTS', 'an upload of this id exists already'),
  upload_gone: row(410, 'ERR_UPLOAD_EXPIRED', 'the upload has expired'),
  unsupported_version: row(412, 'ERR_UNSUPPORTED_VERSION', 'missing or unsupported Tus-Resumable version'),
  precondition_failed: row(412, 'ERR_PRECONDITION_FAILED', 'the upload is not as the request expects it'),
  max_size_exceeded: row(413, 'ERR_MAX_SIZE_EXCEEDED', 'the upload is larger than this server accepts'),
  append_too_large: row(413, 'ERR_APPEND_TOO_LARGE', 'the body is larger than one request may bring'),
  length_exceeded: row(413, 'ERR_UPLOAD_SIZE_EXCEEDED', 'the body is longer than what the upload still lacks'),
  invalid_content_type: row(415, 'ERR_INVALID_CONTENT_TYPE', 'missing or unsupported Content-Type'),
  range_not_satisfiable: row(416, 'ERR_RANGE_NOT_SATISFIABLE', 'the range lies outside the upload'),
  lock_timeout: row(423, 'ERR_UPLOAD_LOCKED', 'the upload is in use by another request'),
  too_many_requests: row(429, 'ERR_TOO_MANY_REQUESTS', 'too many requests from this address; try again later'),
  quota_uploads: row(429, 'ERR_QUOTA_EXCEEDED', 'too many unfinished uploads; finish or remove one first'),
  read_timeout: row(500, 'ERR_READ_TIMEOUT', 'no bytes arrived in time; what came before is kept'),
  lock_lost: row(500, 'ERR_LOCK_LOST', 'the lock of the upload was lost'),
  hook_failed: row(500, 'ERR_HOOK_FAILED', 'a hook failed'),
  body_consumed: row(500, 'ERR_BODY_CONSUMED', 'something read the request body before the upload server could'),
  storage_failed: row(500, 'ERR_STORAGE_FAILED', 'the storage failed'),
  internal: row(500, 'ERR_INTERNAL_SERVER_ERROR', 'internal server error'),
  not_implemented: row(501, 'ERR_NOT_IMPLEMENTED', 'this is not implemented or was turned off'),
  storage_busy: row(503, 'ERR_STORAGE_BUSY', 'the storage cannot take more at the moment'),
  shutdown: row(503, 'ERR_SERVER_SHUTDOWN', 'the server is shutting down; what came is kept'),
  quota_bytes: row(507, 'ERR_QUOTA_EXCEEDED', 'the quota of bytes for unfinished uploads is used up'),
  storage_full: row(507, 'ERR_STORAGE_FULL', 'the storage is full; what came is kept'),
} as const

export type ErrorCode = keyof typeof ERRORS

/** Facts that go with an error: into the log, and where a protocol asks for them, to the client. */
export interface ErrorDetails {
  /** Replaces the sentence of the table: lower case, no full stop, nothing about our insides. */
  readonly message?: string
  /** Replaces the status of the table (a rejection by a hook). */
  readonly status?: number
  /** Replaces the whole body of the response (a rejection by a hook). */
  readonly body?: string
  /** Added to the response (a rejection by a hook). */
  readonly headers?: Readonly<Record<string, string>>
  /** Where the upload stands, in bytes (`offset_mismatch`). */
  readonly offset?: number
  /** Seconds after which another try makes sense: Retry-After. */
  readonly retryAfter?: number
  /** For the operator's log only: what failed and what to do next. */
  readonly hint?: string
}

/**
 * The only thing that this library throws on purpose. Anything else that comes out is a bug of ours: it is logged with
 * its stack and answered with 500.
 */
export class UploadError extends Error {
  override readonly name = 'UploadError'
  readonly code: ErrorCode
  readonly details: ErrorDetails
  /** HTTP status. */
  readonly status: number

  constructor(code: ErrorCode, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(details.message ?? ERRORS[code].message, options)
    this.code = code
    this.details = details
    this.status = details.status ?? ERRORS[code].status
  }

  /** `ERR_CODE: sentence`, as tusd writes error bodies. */
  get text(): string {
    return `${ERRORS[this.code].wire}: ${this.message}`
  }
}

function row(status: number, wire: string, message: string) {
  return { status, wire, message }
}
