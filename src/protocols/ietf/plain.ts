import { UploadError } from '../../core/errors.ts'
import type { CreateCommand } from '../../engine/commands.ts'
import type { UploadRequest } from '../exchange.ts'
import { NEWEST } from './interop.ts'
import type { Limits } from './limits.ts'
import { mediaTypeOf } from './metadata.ts'
import { creationOf } from './requests.ts'

/** Fields by which a client shows that it means a resumable upload, even if it forgot to say of which kind. */
const RESUMABLE = [
  'tus-resumable',
  'upload-offset',
  'upload-length',
  'upload-defer-length',
  'upload-metadata',
  'upload-concat',
] as const

/** Whether this is a conventional upload: POST or PUT with content to where uploads are created, and nothing more. */
export function isPlain(request: UploadRequest): boolean {
  const { method, target, body } = request
  if (target.kind !== 'base' || (method !== 'POST' && method !== 'PUT') || body.length === 0) return false
  return !RESUMABLE.some((name) => request.header(name) !== null)
}

/**
 * All of it is the upload, and nobody can come back for a part of it. Throws `invalid_content_type` for a form, of which
 * the file is only a part.
 */
export function plainCreation(request: UploadRequest, limits: Limits): CreateCommand {
  if (mediaTypeOf(request.header('content-type')) === 'multipart/form-data') {
    throw new UploadError('invalid_content_type', { message: 'send the file itself, not a form that holds it' })
  }
  const command = creationOf(request, NEWEST, true, { ...limits, maxAppendSize: Number.POSITIVE_INFINITY })
  return { ...command, ...(command.declaration && { declaration: { ...command.declaration, resumable: false } }) }
}
