import { UploadError } from './errors.ts'

declare const checked: unique symbol

/**
 * Name of an upload in URLs, stores and locks. Only {@link parseUploadId} makes one: segments split by `/`, none
 * empty or beginning with a dot, URL-safe characters only, no suffix that a store keeps for its own files. A store
 * may therefore use it as a file name or an object key without looking at it again.
 */
export type UploadId = string & { readonly [checked]: 'UploadId' }

/** Longest id in characters: keys of S3 may have 1,024 bytes. What keeps ids in files refuses segments too long for one. */
const MAX_ID = 1000

/** `.` only inside a segment; `%` never, so that an id is the same encoded and decoded. */
const SEGMENT = /^[A-Za-z0-9_~+=@,!:$()-][A-Za-z0-9_~+=@,!:$().-]*$/

/** Names that stores and lockers give to their own files beside the bytes. */
const RESERVED = /\.(info|lock|stop|part|tmp|json|unchecked)$/i

/**
 * Checks a name that came from a URL, a hook or a list of files.
 * @throws UploadError `upload_not_found`: to a client, a name that cannot exist is one that does not.
 */
export function parseUploadId(text: string): UploadId {
  if (!isUploadId(text)) throw new UploadError('upload_not_found')
  return text
}

/** Whether {@link parseUploadId} would accept `text`. */
export function isUploadId(text: string): text is UploadId {
  if (text.length === 0 || text.length > MAX_ID) return false
  return text.split('/').every((segment) => SEGMENT.test(segment) && !RESERVED.test(segment))
}

/** User metadata, decoded. A value is null when the key came alone (tus 1.0, Upload-Metadata). */
export type Metadata = ReadonlyMap<string, string | null>

/** What an upload is in a concatenation: a piece, or the whole that is made of `parts` in this order. */
export type Concat = { readonly role: 'partial' } | { readonly role: 'final'; readonly parts: readonly UploadId[] }

/**
 * Who says that an upload is complete: the arithmetic of offset and length (tus 1.0), or the client in so many words
 * (IETF draft). Recorded at creation; it also tells the two kinds of upload apart.
 */
export type Completion = 'at_length' | 'declared'

/** What is known of an upload when it is created. */
export interface NewUpload {
  readonly id: UploadId
  /** Bytes of the whole upload, a safe integer; null while deferred. */
  readonly length: number | null
  readonly metadata: Metadata
  /** Null for an ordinary upload. */
  readonly concat: Concat | null
  readonly completion: Completion
  /**
   * Words of the protocol that it must repeat exactly as they came; opaque to engine and stores, but that `metadata` is
   * dropped when a hook changes the metadata.
   */
  readonly echo: Readonly<Record<string, string>>
  readonly createdAt: Date
  /** When the unfinished upload expires; null for never. A finished one does not expire. */
  readonly expiresAt: Date | null
  /** Whose it is, as rights or a hook said when it was created; absent for nobody's. */
  readonly owner?: string
  /** Most bytes of this upload, if that is less than the server's maximum; absent for the server's. */
  readonly maxSize?: number
  /**
   * Where a hook wants the bytes, in words of the store: `{ Bucket, Key }`. Absent if the store decides, which is the usual
   * case. What cannot be followed is refused with `hook_failed`.
   */
  readonly storage?: Readonly<Record<string, string>>
}

/** Digests of all bytes of a complete upload, in Base64, by the names that node:crypto has for the algorithms. */
export type Digests = Readonly<Record<string, string>>

/** The record of an upload: a snapshot, never changed in place. */
export interface Upload extends NewUpload {
  /** Contiguous bytes, from 0, that the store holds. Derived from the bytes. */
  readonly offset: number
  /** Sealed by `finish`. Recorded, never computed from offset and length. */
  readonly complete: boolean
  /** Absent if none were recorded, which is the usual case. */
  readonly digests?: Digests
  /** When bytes or record last changed, as far as the store knows. */
  readonly modifiedAt: Date
  /** Where the bytes are, for hooks and operators: `{ Type: 'filestore', Path }`. */
  readonly storage: Readonly<Record<string, string>>
}

/** Bytes `start` to `end`, both included and counted from 0, as in RFC 9110, section 14.1.2. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}
