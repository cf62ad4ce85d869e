import { create as contentDisposition } from 'content-disposition'
import type { Metadata, Upload } from '../../core/upload.ts'
import type { Place } from './layout.ts'
import { usualPlace } from './layout.ts'
import type { S3Settings } from './options.ts'

/** What an object says of itself when it is read without this server. */
export interface ObjectHeaders {
  readonly ContentType?: string
  readonly ContentDisposition?: string
  readonly Metadata?: Record<string, string>
}

/** Names the upload on an object whose key does not. */
export const MARK = 'tusker-upload'

/** Bytes of names and values together that S3 takes as user metadata. */
const MAX_METADATA = 2048

const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
const CONTENT_TYPE = /^[\x20-\x7e]+\/[\x20-\x7e]+$/

/**
 * Content-Type from the metadata `filetype`, Content-Disposition from `filename`, and all metadata as user metadata, in which
 * characters beyond ASCII are replaced by `?`, as tusd does. What S3 cannot take (names that are no header, or more than 2 KB) is
 * left out: the record has it all.
 */
export function objectHeaders(
  settings: S3Settings,
  place: Place,
  { id, metadata }: Pick<Upload, 'id' | 'metadata'>,
): ObjectHeaders {
  const type = metadata.get('filetype') ?? ''
  const name = metadata.get('filename') ?? ''
  const user = userMetadata(metadata)
  // The key of an upload that stands where a hook wanted it does not say whose it is.
  const { bucket, key } = usualPlace(settings, id)
  const elsewhere = bucket !== place.bucket || key !== place.key
  return {
    ...(CONTENT_TYPE.test(type) && { ContentType: type }),
    ...(name !== '' && { ContentDisposition: contentDisposition(name) }),
    Metadata: elsewhere ? { ...user, [MARK]: id } : user,
  }
}

function userMetadata(metadata: Metadata): Record<string, string> {
  const taken = new Map<string, string>()
  let room = MAX_METADATA - MARK.length - 64
  for (const [name, value] of metadata) {
    const key = name.toLowerCase()
    const text = (value ?? '').replace(/[^\x20-\x7e]/gu, '?').trim()
    if (!TOKEN.test(name) || taken.has(key) || key === MARK || key.length + text.length > room) continue
    room -= key.length + text.length
    taken.set(key, text)
  }
  return Object.fromEntries(taken)
}
