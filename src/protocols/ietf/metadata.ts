import { parse as parseDisposition } from 'content-disposition'
import { UploadError } from '../../core/errors.ts'
import type { Metadata } from '../../core/upload.ts'
import type { UploadRequest } from '../exchange.ts'
import { parseMetadata } from '../tus/headers.ts'
import { NEWEST } from './interop.ts'

const ENCODING = /^[A-Za-z0-9_-]{1,32}(?:[ \t]*,[ \t]*[A-Za-z0-9_-]{1,32}){0,7}$/

/**
 * What the first request says of the representation (RFC 9110, section 8.3), as metadata by the names that tus clients use,
 * and so under the same safeguards when it is downloaded. What does not parse is left out: it is only a description.
 */
export function metadataOf(request: UploadRequest): Metadata {
  const metadata = new Map(wordsOf(request))
  const type = request.header('content-type')
  if (type !== null && !isPartial(type)) metadata.set('filetype', type)
  const name = fileName(request.header('content-disposition'))
  if (name !== null) metadata.set('filename', name)
  return metadata
}

/** tus-js-client sends its metadata in draft mode, too. */
function wordsOf(request: UploadRequest): Metadata {
  try {
    return parseMetadata(request.header('upload-metadata'))
  } catch (error) {
    if (error instanceof UploadError) return new Map()
    throw error
  }
}

/** The type of a piece says nothing of the whole. */
function isPartial(type: string): boolean {
  return mediaTypeOf(type) === NEWEST.mediaType
}

/** Type and subtype in lower case, without parameters. */
export function mediaTypeOf(type: string | null): string {
  const [essence = ''] = (type ?? '').split(';', 1)
  return essence.trim().toLowerCase()
}

function fileName(disposition: string | null): string | null {
  if (disposition === null) return null
  try {
    return parseDisposition(disposition).parameters['filename'] ?? null
  } catch {
    return null
  }
}

/** Content-Encoding of the representation, if it can be repeated; null if there is none. */
export function encodingOf(request: UploadRequest): string | null {
  const text = request.header('content-encoding')?.trim() ?? ''
  return ENCODING.test(text) && text.toLowerCase() !== 'identity' ? text : null
}
