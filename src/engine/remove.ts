import { UploadError } from '../core/errors.ts'
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
  const expect = () => context.outbox.expect('postTerminate', upload, caller.request)
  job.assertHeld()
  const [expected, full] = await unlessFull(expect)
  job.assertHeld()
  await stored.remove()
  forgetFinal(context, upload)
  await release(context, upload)
  happened(context, 'terminated', upload)
  // There is room now.
  const event = full ? await expect() : expected
  event?.happened(upload)
}

/** A store that is full must not refuse what makes room. Whether it was full is told beside what came of it. */
async function unlessFull<T>(work: () => Promise<T | null>): Promise<readonly [result: T | null, full: boolean]> {
  try {
    return [await work(), false]
  } catch (error) {
    if (error instanceof UploadError && error.code === 'storage_full') return [null, true]
    throw error
  }
}
