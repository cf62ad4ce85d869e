import { UploadError } from '../../core/errors.ts'
import type { Concat, Metadata, Upload, UploadId } from '../../core/upload.ts'
import { isChecksumAlgorithm } from '../../engine/checksum.ts'
import type { Checksum, ExpectedDigest } from '../../engine/commands.ts'
import type { UploadRequest } from '../exchange.ts'

/** The only version there is (tus 1.0.0, Headers / Tus-Version). */
export const VERSION = '1.0.0'

/** Media type of bytes in PATCH and POST (tus 1.0.0, Requests / PATCH). */
const OFFSET_OCTET_STREAM = 'application/offset+octet-stream'

const DIGITS = /^[0-9]+$/
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const METADATA_KEY = /^[\x21-\x2b\x2d-\x7e]+$/

/** Upload-Offset. Throws `invalid_offset` unless it is a non-negative integer in digits. */
export function parseOffset(request: UploadRequest): number {
  const offset = parseInteger(request.header('upload-offset'))
  if (offset === null) throw new UploadError('invalid_offset')
  return offset
}

/** Upload-Length, null if absent. Throws `invalid_length`, or `max_size_exceeded` where it is too large to count exactly. */
export function parseLength(request: UploadRequest): number | null {
  const text = request.header('upload-length')
  if (text === null) return null
  const length = parseInteger(text)
  if (length !== null) return length
  throw new UploadError(DIGITS.test(text) ? 'max_size_exceeded' : 'invalid_length')
}

/** The length of a new upload: Upload-Length or, exclusively, `Upload-Defer-Length: 1` (null). Throws `invalid_length`. */
export function parseNewLength(request: UploadRequest): number | null {
  const length = parseLength(request)
  const deferred = request.header('upload-defer-length')
  if (deferred !== null && deferred !== '1') {
    throw new UploadError('invalid_length', { message: 'Upload-Defer-Length must be 1 or absent' })
  }
  if ((length === null) === (deferred === null)) {
    throw new UploadError('invalid_length', {
      message: 'exactly one of Upload-Length and Upload-Defer-Length is needed',
    })
  }
  return length
}

/** A safe, non-negative integer in decimal digits; anything else is null. */
function parseInteger(text: string | null): number | null {
  if (text === null || !DIGITS.test(text)) return null
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : null
}

/** Throws `invalid_content_type` unless the body is declared to be bytes of an upload. */
export function requireOffsetStream(request: UploadRequest): void {
  const [type = ''] = (request.header('content-type') ?? '').split(';', 1)
  if (type.trim().toLowerCase() === OFFSET_OCTET_STREAM) return
  throw new UploadError('invalid_content_type', { message: `Content-Type must be ${OFFSET_OCTET_STREAM}` })
}

/**
 * Upload-Metadata: pairs of key and Base64, split by commas; the value may be empty, and then the space before it may
 * be missing. Throws `invalid_metadata`.
 */
export function parseMetadata(text: string | null): Metadata {
  const metadata = new Map<string, string | null>()
  if (text === null || text === '') return metadata
  for (const pair of text.split(',')) {
    const [key = '', value, ...rest] = pair.trim().split(' ')
    if (!METADATA_KEY.test(key) || rest.length > 0) throw invalidMetadata('each pair is a key, a space and a value')
    if (metadata.has(key)) throw invalidMetadata('a key occurs twice')
    if (value !== undefined && !BASE64.test(value)) throw invalidMetadata('a value is not Base64')
    metadata.set(key, value === undefined ? null : Buffer.from(value, 'base64').toString())
  }
  return metadata
}

function invalidMetadata(message: string): UploadError {
  return new UploadError('invalid_metadata', { message: `invalid Upload-Metadata: ${message}` })
}

/**
 * The reverse of {@link parseMetadata}, for uploads whose text is not known. A key that no header can carry, as a hook of another server
 * may have chosen it, is left out.
 */
export function printMetadata(metadata: Metadata): string {
  return [...metadata]
    .filter(([key]) => METADATA_KEY.test(key))
    .map(([key, value]) => (value === null ? key : `${key} ${Buffer.from(value).toString('base64')}`))
    .join(',')
}

/** Upload-Concat. Throws `invalid_concat` unless every URL is that of an upload here; looks none of them up. */
export function parseConcat(text: string | null, request: UploadRequest): Concat | null {
  if (text === null) return null
  if (text === 'partial') return { role: 'partial' }
  if (!text.startsWith('final;')) {
    throw new UploadError('invalid_concat', { message: 'Upload-Concat must be partial, or final; and URLs' })
  }
  const urls = text.slice('final;'.length).trim().split(/ +/)
  return { role: 'final', parts: urls.map((url) => parsePart(url, request)) }
}

function parsePart(url: string, request: UploadRequest): UploadId {
  const id = url === '' ? null : request.idOf(url)
  if (id !== null) return id
  throw new UploadError('invalid_concat', { message: 'Upload-Concat names a URL that is no upload of this server' })
}

/** The reverse of {@link parseConcat}, for uploads whose text is not known. */
export function printConcat(concat: Concat, request: UploadRequest): string {
  if (concat.role === 'partial') return 'partial'
  return `final;${concat.parts.map((id) => request.urlOf(id)).join(' ')}`
}

/**
 * Upload-Checksum of a request, from its header or announced as a trailer; null if it has none. Throws `invalid_checksum`
 * or `unsupported_checksum`.
 */
export function parseChecksum(request: UploadRequest): Checksum | null {
  const text = request.header('upload-checksum')
  if (text !== null) {
    return { expected: parseDigest(text), trailer: () => parseDigest(text) }
  }
  if (!announcesTrailer(request.header('trailer'))) return null
  const { body } = request
  if (body.trailer === undefined) {
    throw new UploadError('invalid_checksum', { message: 'trailers cannot be read here; send Upload-Checksum before' })
  }
  return { expected: null, trailer: () => parseDigest(body.trailer?.('upload-checksum') ?? '') }
}

function announcesTrailer(text: string | null): boolean {
  return text?.split(',').some((name) => name.trim().toLowerCase() === 'upload-checksum') ?? false
}

function parseDigest(text: string): ExpectedDigest {
  const [algorithm = '', digest = '', ...rest] = text.split(' ')
  if (algorithm === '' || digest === '' || rest.length > 0 || !BASE64.test(digest)) {
    throw new UploadError('invalid_checksum', { message: 'Upload-Checksum must be an algorithm, a space and Base64' })
  }
  if (!isChecksumAlgorithm(algorithm)) throw new UploadError('unsupported_checksum')
  return { algorithm, digest: Buffer.from(digest, 'base64') }
}

/** Upload-Expires, if the upload is unfinished and will expire. */
export function printExpiry({ complete, expiresAt }: Upload): string | null {
  return complete || expiresAt === null ? null : expiresAt.toUTCString()
}
