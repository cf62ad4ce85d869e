import type { StoredUpload } from '../core/store.ts'
import type { Caller } from './commands.ts'
import { forgetFinal } from './concat.ts'
import { type EngineContext, happened } from './context.ts'
import type { Job } from './job.ts'
import { release } from './quota.ts'

/** Ends an upload for good: removes it, frees what its owner had reserved, and tells postTerminate. */
export async function removeUpload(
  context: EngineContext,
  job: Job,
  stored: StoredUpload,
  caller: Caller,
): Promise<void> {
  const { upload } = stored
  job.assertHeld()
  const expected = await context.outbox.expect('postTerminate', upload, caller.request)
  job.assertHeld()
  await stored.remove()
  forgetFinal(context, upload)
  await release(context, upload)
  happened(context, 'terminated', upload)
  expected?.happened(upload)
}
