import { UploadError } from '../core/errors.ts'
import type { ReplyPatch } from '../core/hooks.ts'
import type { StoredUpload } from '../core/store.ts'
import type { UploadId } from '../core/upload.ts'
import { authorize } from './authorize.ts'
import type { Caller } from './commands.ts'
import { ask } from './consult.ts'
import type { EngineContext } from './context.ts'
import { hold } from './hold.ts'
import { requireKind } from './open.ts'
import { removeUpload } from './remove.ts'

/** `Engine.terminate`. */
export async function terminate(context: EngineContext, id: UploadId, caller: Caller): Promise<ReplyPatch | null> {
  await authorize(context, 'terminate', id, caller)
  return hold(context, id, caller, async (job) => {
    const stored = await openToRemove(context, id)
    requireKind(stored.upload, caller)
    const reply = await ask(context, 'preTerminate', stored.upload, caller.request)
    await removeUpload(context, job, stored, caller)
    context.log.info('upload.terminated', { request: caller.request.id, id })
    return reply
  })
}

/** Beyond the clock of any service. */
const DAY = 24 * 60 * 60 * 1000

/**
 * Opens an upload that is not wanted any more. Of one that is gone (a removal that failed in the middle, parts that the service
 * threw away) something may be left, which goes at once: its client does not come back for it.
 */
async function openToRemove({ store }: EngineContext, id: UploadId): Promise<StoredUpload> {
  try {
    return await store.open(id)
  } catch (error) {
    if (error instanceof UploadError && error.code === 'upload_gone') await store.tidy(id, new Date(Date.now() + DAY))
    throw error
  }
}
