import { UploadError } from '../core/errors.ts'
import type { UploadId } from '../core/upload.ts'
import { forgetFinal } from './concat.ts'
import { type EngineContext, errorFields, happened } from './context.ts'
import { holdIfFree } from './hold.ts'
import type { Job } from './job.ts'
import { hasExpired } from './open.ts'
import { release } from './quota.ts'

/** How long what a crash left behind is kept when uploads do not expire: a day. */
const ORPHAN_AGE = 24 * 60 * 60 * 1000

/**
 * `Engine.sweep`. Takes the lock of each upload, but only of one that nobody uses: what is in use is not swept, and a
 * running request is not disturbed.
 */
export async function sweep(context: EngineContext, now: Date): Promise<number> {
  let removed = 0
  const { store } = context
  for await (const id of store.unfinished?.() ?? store.list()) {
    if (context.closing.aborted) break
    try {
      if (await holdIfFree(context, id, (job) => sweepOne(context, job, id, now))) removed++
    } catch (error) {
      if (!(error instanceof UploadError)) throw error
      context.log.warn('sweep.skipped', { id, ...errorFields(error) })
    }
  }
  if (removed > 0) context.log.info('sweep.done', { removed })
  return removed
}

async function sweepOne(context: EngineContext, job: Job, id: UploadId, now: Date): Promise<boolean> {
  const orphansBefore = new Date(now.getTime() - (context.expireAfter ?? ORPHAN_AGE))
  const stored = await context.store.open(id).catch((error: unknown) => {
    if (error instanceof UploadError && error.code === 'upload_not_found') return null
    throw error
  })
  job.assertHeld()
  if (stored === null || !hasExpired(stored.upload, now)) return context.store.tidy(id, orphansBefore)
  await stored.remove()
  forgetFinal(context, stored.upload)
  await release(context, stored.upload)
  happened(context, 'expired', stored.upload)
  context.log.info('upload.expired', { id, offset: stored.upload.offset })
  return true
}
