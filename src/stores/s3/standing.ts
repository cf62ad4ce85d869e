import { UploadError } from '../../core/errors.ts'
import { isUploadId, type Upload, type UploadId } from '../../core/upload.ts'
import { parseRecord, type UploadRecord, uploadOf } from '../record.ts'
import type { Head, Part } from './api.ts'
import { failure } from './failure.ts'
import { MARK } from './headers.ts'
import { isId, type Place, recordedPlace, recordPlace, splitId, tailPlace, usualPlace } from './layout.ts'
import { look, lookInto, type Service } from './service.ts'
import { findTail, type Tail } from './tail.ts'

/** An upload as it was found. Whoever changes something in the bucket changes it here as well. */
export interface Standing {
  readonly objectId: UploadId
  /** Of the object that the upload becomes. */
  readonly place: Place
  readonly tailPlace: Place
  record: UploadRecord
  /** ETag of the record. */
  recordTag: string
  /** Id of the multipart upload. */
  readonly multipart: string
  /** Whether each part must carry a checksum. */
  checksummed: boolean
  /** Without a gap from number 1. Not known of a complete upload. */
  parts: Part[]
  /** Parts behind a gap that have bytes. */
  strays: readonly Part[]
  /** What the `.part` object is; null if there is none. */
  tail: Tail | null
  /** Whether the parts have become the object. */
  assembled: boolean
  /** Size of the object, once assembled. */
  size: number
  modifiedAt: Date
}

/** The upload that stands like this. */
export function uploadAt(standing: Standing): Upload {
  const { record, place, modifiedAt } = standing
  const storage = { ...record.storage, Type: 's3store', Bucket: place.bucket, Key: place.key }
  return uploadOf(record, { offset: offsetOf(standing), modifiedAt, storage })
}

/** Contiguous bytes, from 0. */
export function offsetOf(standing: Standing): number {
  const { record, assembled, size } = standing
  if (record.complete === true) return record.offset
  if (assembled) return size
  const end = endOfParts(standing)
  return end + (liveTail(standing)?.size ?? 0)
}

/** Where the contiguous parts end. */
export function endOfParts({ parts }: Pick<Standing, 'parts'>): number {
  return parts.reduce((bytes, { size }) => bytes + size, 0)
}

/** The tail, if it goes on where the parts end; null if there is none, or it has become part of a part. */
export function liveTail({ parts, tail }: Pick<Standing, 'parts' | 'tail'>): Tail | null {
  if (tail === null || tail.size === 0) return null
  return tail.start === null || tail.start === endOfParts({ parts }) ? tail : null
}

/**
 * Finds out how an upload stands: one call if it is complete, three if it is not.
 * @throws UploadError `upload_not_found`; `upload_gone` if there is a record, but neither parts nor object
 */
export async function find(service: Service, id: UploadId): Promise<Standing> {
  try {
    return await found(service, id)
  } catch (error) {
    throw failure(error, 'look for the upload', recordPlace(service.settings, splitId(id).objectId))
  }
}

async function found(service: Service, id: UploadId): Promise<Standing> {
  const { settings } = service
  const { objectId } = splitId(id)
  const read = await lookInto(service, recordPlace(settings, objectId))
  if (read === null) throw new UploadError('upload_not_found')
  const record = recordOf(read.text, id, read.head)
  const multipart = splitId(record.id).multipart ?? record.storage['MultipartUpload'] ?? ''
  const standing: Standing = {
    objectId,
    place: recordedPlace(settings, objectId, record.storage),
    tailPlace: tailPlace(settings, objectId),
    record,
    recordTag: read.head.etag,
    multipart,
    checksummed: false,
    parts: [],
    strays: [],
    tail: null,
    assembled: record.complete === true,
    size: record.offset,
    modifiedAt: read.head.modifiedAt,
  }
  if (record.complete !== true) await survey(service, standing)
  return standing
}

function recordOf(text: string, id: UploadId, { modifiedAt }: Head): UploadRecord {
  // The record says which of the two forms of its id is in use.
  const long = /"ID"\s*:\s*"([^"\\]+)"/.exec(text)?.[1]
  return parseRecord(text, long !== undefined && isUploadId(long) && isId(long, id) ? long : id, modifiedAt)
}

/** Looks at the parts and the tail, once for each time the upload is opened. */
async function survey(service: Service, standing: Standing): Promise<void> {
  const { place, multipart } = standing
  const [listing, tail] = await Promise.all([
    multipart === '' ? null : service.api.parts(place, multipart),
    findTail(service, standing.tailPlace),
  ])
  if (listing === null) return assembled(service, standing)
  const { parts } = listing
  standing.checksummed = listing.checksummed
  const gap = parts.findIndex(({ number, size }, index) => number !== index + 1 || size === 0)
  standing.parts = parts.slice(0, gap === -1 ? parts.length : gap)
  standing.strays = parts.slice(standing.parts.length).filter(({ size }) => size > 0)
  // That all bytes are there does not make it an object.
  if (standing.record.complete === null) standing.record = { ...standing.record, complete: false }
  standing.tail = tail?.tail ?? null
  const times = [standing.modifiedAt, ...standing.parts.map((part) => part.modifiedAt)]
  if (tail !== null) times.push(tail.head.modifiedAt)
  standing.modifiedAt = times.reduce((one, other) => (other > one ? other : one))
}

/**
 * The multipart upload is no more: it has become the object, or it was aborted (by a lifecycle rule, say). Only the object can
 * tell, and it must be of this upload.
 */
async function assembled(service: Service, standing: Standing): Promise<void> {
  const { record, place } = standing
  const head = await look(service, place)
  if (head === null || !isOf(service, standing, head)) {
    const hint = `the multipart upload of s3://${place.bucket}/${place.key} is gone, and there is no object; was it aborted?`
    throw new UploadError('upload_gone', { hint })
  }
  standing.assembled = true
  standing.size = head.size
  standing.modifiedAt = head.modifiedAt
  // What tusd began is complete when the object is there; of ours the record says when.
  if (record.complete === null) {
    standing.record = { ...record, complete: true, length: record.length ?? head.size, offset: head.size }
  }
}

/** Whether an object is what an upload has become, and not one that was there before. */
export function isOf({ settings }: Service, { objectId, place, record }: Standing, { size, metadata }: Head): boolean {
  if (record.length !== null && size !== record.length) return false
  const { bucket, key } = usualPlace(settings, objectId)
  return (bucket === place.bucket && key === place.key) || record.complete === null || metadata[MARK] === objectId
}
