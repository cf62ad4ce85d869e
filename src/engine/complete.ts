import type { ReplyPatch } from '../core/hooks.ts'
import type { StoredUpload } from '../core/store.ts'
import type { Digests, Upload } from '../core/upload.ts'
import { authorizeFinish } from './authorize.ts'
import type { Caller, ExpectedDigest } from './commands.ts'
import { ask } from './consult.ts'
import { type EngineContext, happened } from './context.ts'
import type { Job } from './job.ts'
import { release } from './quota.ts'
import { digestWhole } from './whole.ts'

export interface Completed {
  readonly upload: Upload
  readonly reply: ReplyPatch | null
}

/** Whether all bytes are there and nothing but `finish` is missing. */
export function isDue({ complete, completion, concat, offset, length }: Upload): boolean {
  return !complete && completion === 'at_length' && concat?.role !== 'final' && offset === length
}

/**
 * The one place where an upload becomes complete. If it fails (a hook refuses, the store cannot seal), the upload stays as it
 * is, not complete, and the next request for it comes here again.
 * @param found digests of the whole, if somebody has computed them already
 */
export async function complete(
  context: EngineContext,
  job: Job,
  stored: StoredUpload,
  caller: Caller,
  found: readonly ExpectedDigest[] | null = null,
): Promise<Completed> {
  const isPartial = stored.upload.concat?.role === 'partial'
  const isFile = !isPartial || context.partialFinish
  await authorizeFinish(context, stored.upload, caller)
  const reply = isFile ? await ask(context, 'preFinish', stored.upload, caller.request) : null
  const digests = found ?? (isPartial ? [] : await digestWhole(job, stored, recorded(context), () => undefined))
  job.assertHeld()
  const expected = isFile ? await context.outbox.expect('postFinish', stored.upload, caller.request) : null
  if (expected !== null) job.assertHeld()
  const upload = await stored.finish(digests.length === 0 ? undefined : printed(digests))
  await release(context, upload)
  happened(context, 'finished', upload)
  const { id, offset: length } = upload
  context.log.info('upload.finished', { request: caller.request.id, id, length, partial: isPartial })
  expected?.happened(upload)
  if (isPartial) context.partialFinished(upload.id, caller.request)
  return { upload, reply }
}

/** Algorithms of the digests that are recorded of every upload. */
export function recorded({ recordDigest }: EngineContext): readonly string[] {
  return recordDigest === undefined ? [] : [recordDigest]
}

function printed(digests: readonly ExpectedDigest[]): Digests {
  return Object.fromEntries(digests.map(({ algorithm, digest }) => [algorithm, Buffer.from(digest).toString('base64')]))
}
