import { UploadError } from '../core/errors.ts'
import type { StoredUpload } from '../core/store.ts'
import type { Completion, Upload, UploadId } from '../core/upload.ts'
import { authorize, isAllowed } from './authorize.ts'
import type { Asking, Caller, Readable } from './commands.ts'
import { complete, isDue } from './complete.ts'
import { join } from './concat.ts'
import type { EngineContext } from './context.ts'
import { hold } from './hold.ts'
import type { Job } from './job.ts'
import { findUpload, openLive } from './open.ts'

/** `Engine.stat`. */
export async function stat(context: EngineContext, id: UploadId, caller: Caller): Promise<Upload> {
  await authorize(context, 'head', id, caller)
  return hold(context, id, caller, async (job) => (await settle(context, job, id, caller)).upload)
}

/** `Engine.kindOf`. */
export async function kindOf(context: EngineContext, id: UploadId, asking: Asking | null): Promise<Completion | null> {
  const upload = await findUpload(context, id)
  if (upload === null) return null
  const known = asking === null || (await isAllowed(context, asking.operation, upload, asking.request))
  return known ? upload.completion : null
}

/** `Engine.read`. A complete upload does not change any more, so it is read without a lock. */
export async function read(context: EngineContext, id: UploadId, caller: Caller): Promise<Readable> {
  await authorize(context, 'read', id, caller)
  const seen = await openLive(context, id, caller)
  const stored = seen.upload.complete || !mayComplete(seen.upload) ? seen : await holdAndSettle(context, id, caller)
  if (!stored.upload.complete) throw new UploadError('upload_incomplete')
  const { upload, link } = stored
  return { upload, read: (range) => stored.read(range), ...(link !== undefined && { link: link.bind(stored) }) }
}

async function holdAndSettle(context: EngineContext, id: UploadId, caller: Caller): Promise<StoredUpload> {
  return hold(context, id, caller, (job) => settle(context, job, id, caller))
}

function mayComplete(upload: Upload): boolean {
  return isDue(upload) || upload.concat?.role === 'final'
}

/**
 * Opens an upload under its lock, and does what an earlier request could not: finish it, or join its parts. Unless the caller may only
 * look: then it stays for somebody who may.
 */
async function settle(context: EngineContext, job: Job, id: UploadId, caller: Caller): Promise<StoredUpload> {
  const stored = await openLive(context, id, caller)
  const { upload } = stored
  if (upload.complete || !mayComplete(upload) || !(await isAllowed(context, 'finish', upload, caller.request))) {
    return stored
  }
  if (upload.concat?.role === 'final') await join(context, job, stored, caller)
  else await complete(context, job, stored, caller)
  return stored
}
