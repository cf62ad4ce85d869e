import { UploadError } from '../../core/errors.ts'
import { isUploadId, type NewUpload, type UploadId } from '../../core/upload.ts'
import type { S3Settings } from './options.ts'

/** Where an object is. */
export interface Place {
  readonly bucket: string
  readonly key: string
}

/** An id as tusd makes it: `<objectId>+<multipartUploadId>`. The multipart upload is null in the short form of an id. */
export interface SplitId {
  readonly objectId: UploadId
  readonly multipart: string | null
}

const RECORD = '.info'
const TAIL = '.part'

/** Cuts at the last `+`, as tusd does: ids of multipart uploads have none. */
export function splitId(id: UploadId): SplitId {
  const plus = id.lastIndexOf('+')
  const objectId = id.slice(0, plus)
  if (plus < 1 || !isUploadId(objectId)) return { objectId: id, multipart: null }
  return { objectId, multipart: id.slice(plus + 1) }
}

/** The long form of an id; the short one if the service names its uploads in characters that an id cannot have. */
export function joinId(objectId: UploadId, multipart: string): UploadId {
  const id = `${objectId}+${multipart}`
  return /^[^+/]+$/.test(multipart) && isUploadId(id) ? id : objectId
}

/** Whether `found`, as a record says it, is the upload that was asked for as `id`: in its long form or its short one. */
export function isId(found: string, id: UploadId): boolean {
  return found === id || found.startsWith(`${id}+`)
}

/** The object that the bytes become, if nobody chose another place. */
export function usualPlace({ bucket, objectPrefix }: S3Settings, objectId: UploadId): Place {
  return { bucket, key: `${objectPrefix}${objectId}` }
}

/** The record. */
export function recordPlace({ bucket, metadataObjectPrefix }: S3Settings, objectId: UploadId): Place {
  return { bucket, key: `${metadataObjectPrefix}${objectId}${RECORD}` }
}

/** The bytes behind the last whole part. */
export function tailPlace({ bucket, metadataObjectPrefix }: S3Settings, objectId: UploadId): Place {
  return { bucket, key: `${metadataObjectPrefix}${objectId}${TAIL}` }
}

/** What a key under the prefix of records belongs to; null if it is neither a record nor a tail. */
export function ownerOf(settings: S3Settings, key: string): { objectId: UploadId; kind: 'record' | 'tail' } | null {
  const name = key.slice(settings.metadataObjectPrefix.length)
  const kind = name.endsWith(RECORD) ? 'record' : name.endsWith(TAIL) ? 'tail' : null
  if (kind === null) return null
  const objectId = name.slice(0, -RECORD.length)
  return isUploadId(objectId) ? { objectId, kind } : null
}

/** The place that a record names; the usual one if it names none. */
export function recordedPlace(
  settings: S3Settings,
  objectId: UploadId,
  storage: Readonly<Record<string, string>>,
): Place {
  const usual = usualPlace(settings, objectId)
  return { bucket: storage['Bucket'] || usual.bucket, key: storage['Key'] || usual.key }
}

/**
 * The place that a hook chose for a new upload, or the usual one.
 * @throws UploadError `hook_failed`
 */
export function chosenPlace(settings: S3Settings, { id, storage = {} }: NewUpload): Place {
  const unknown = Object.keys(storage).filter((name) => !['Type', 'Bucket', 'Key'].includes(name))
  if (unknown.length > 0) throw refused(`it cannot choose ${unknown.join(', ')}; it can choose Bucket and Key`)
  if ((storage['Type'] ?? 's3store') !== 's3store') throw refused('the store is of the type s3store')
  const place = recordedPlace(settings, id, storage)
  if (Buffer.byteLength(place.key) > MAX_KEY) throw refused(`the key is longer than ${MAX_KEY} bytes`)
  if (place.bucket === settings.bucket && ownerOf(settings, place.key) !== null) {
    throw refused(`the key must not end in ${RECORD} or ${TAIL}, as records and tails do`)
  }
  return place
}

/** Longest key in bytes. */
const MAX_KEY = 1024

function refused(why: string): UploadError {
  return new UploadError('hook_failed', { hint: `the hook preCreate chose where to store an upload: ${why}` })
}
