import { UploadError } from '../core/errors.ts'
import type { StoredUpload } from '../core/store.ts'
import type { Upload, UploadId } from '../core/upload.ts'
import type { Caller } from './commands.ts'
import type { EngineContext } from './context.ts'

/** Opens an upload that has not expired, of the caller's kind. Throws `upload_not_found` or `upload_gone`. */
export async function openLive(
  context: EngineContext,
  id: UploadId,
  caller: Pick<Caller, 'completion'> = {},
): Promise<StoredUpload> {
  const stored = await context.store.open(id)
  requireKind(stored.upload, caller)
  if (hasExpired(stored.upload, new Date())) throw new UploadError('upload_gone')
  return stored
}

/** What there is of an id, without a lock: null if there is nothing, or nothing any more. Whose it is, and whether it is complete, may be relied on. */
export async function findUpload({ store }: Pick<EngineContext, 'store'>, id: UploadId): Promise<Upload | null> {
  try {
    return (await store.open(id)).upload
  } catch (error) {
    if (error instanceof UploadError && (error.code === 'upload_not_found' || error.code === 'upload_gone')) return null
    throw error
  }
}

/** An upload of one protocol is not driven through another by accident. Throws `upload_not_found`. */
export function requireKind(upload: Upload, { completion }: Pick<Caller, 'completion'>): void {
  if (completion === undefined || completion === upload.completion) return
  throw new UploadError('upload_not_found', { message: 'no such upload in this protocol' })
}

/** Only an unfinished upload expires (tus 1.0, Expiration). */
export function hasExpired({ complete, expiresAt }: Upload, now: Date): boolean {
  return !complete && expiresAt !== null && expiresAt.getTime() <= now.getTime()
}

/** Most bytes of an upload whose length is not known yet; of one whose length is, at the time when it is declared. */
export function mostOf({ maxSize }: Pick<EngineContext, 'maxSize'>, upload: Pick<Upload, 'maxSize'>): number {
  return upload.maxSize === undefined ? maxSize : Math.min(maxSize, upload.maxSize)
}
