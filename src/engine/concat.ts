import { UploadError } from '../core/errors.ts'
import type { ReplyPatch, RequestInfo } from '../core/hooks.ts'
import type { Batch, StoredUpload } from '../core/store.ts'
import type { Upload, UploadId } from '../core/upload.ts'
import { authorize } from './authorize.ts'
import type { Caller } from './commands.ts'
import { type Completed, complete } from './complete.ts'
import type { EngineContext } from './context.ts'
import { hold, holdMore, lockName } from './hold.ts'
import type { Job } from './job.ts'
import { mostOf, openLive } from './open.ts'

/**
 * Looks at the parts of a final upload that is to be created. Returns the sum of their lengths; null while one of them is
 * still deferred. Throws `invalid_concat`.
 */
export async function planConcat(
  context: EngineContext,
  ids: readonly UploadId[],
  caller: Caller,
): Promise<number | null> {
  if (ids.length === 0) throw new UploadError('invalid_concat', { message: 'a final upload needs partial uploads' })
  const lengths = new Map<UploadId, number | null>()
  for (const id of new Set(ids)) {
    const part = (await mayJoin(context, id, caller)) ? await openPart(context, id) : null
    if (part === null) throw new UploadError('invalid_concat', { message: 'a partial upload does not exist' })
    if (part.upload.concat?.role !== 'partial') {
      throw new UploadError('invalid_concat', { message: 'an upload in the list is not a partial upload' })
    }
    lengths.set(id, part.upload.length)
  }
  return sum(ids.map((id) => lengths.get(id) ?? null))
}

/** Another's part is one that does not exist, if that is how the rights want it. */
async function mayJoin(context: EngineContext, id: UploadId, caller: Caller): Promise<boolean> {
  try {
    await authorize(context, 'concat', id, caller)
    return true
  } catch (error) {
    if (error instanceof UploadError && error.code === 'upload_not_found') return false
    throw error
  }
}

/** Joins a final upload that was just created, or notes that it waits for its parts (concatenation-unfinished). */
export async function joinNew(
  context: EngineContext,
  job: Job,
  stored: StoredUpload,
  caller: Caller,
): Promise<ReplyPatch | null> {
  // Noted before the parts are looked at, so that one that completes meanwhile is not missed.
  awaitParts(context, stored.upload)
  try {
    const completed = await join(context, job, stored, caller)
    return completed?.reply ?? null
  } catch (error) {
    forgetFinal(context, stored.upload)
    throw error
  }
}

/**
 * Joins a final upload if all its parts are complete; null if not. Begins where the last try stopped, so a crash in the
 * middle of joining does no harm.
 */
export async function join(
  context: EngineContext,
  job: Job,
  stored: StoredUpload,
  caller: Caller,
): Promise<Completed | null> {
  const ids = partsOf(stored.upload)
  const unique = [...new Set(ids)]
  if (!(await allComplete(context, job, stored, unique))) return null
  // Under their locks, so that none is terminated while it is read.
  return holdMore(context, job, unique, caller, async () => {
    const parts = new Map<UploadId, StoredUpload>()
    for (const id of unique) parts.set(id, await openLive(context, id))
    const inOrder = ids.flatMap((id) => parts.get(id) ?? [])
    const total = inOrder.reduce((bytes, part) => bytes + part.upload.offset, 0)
    await declare(context, job, stored, total)
    if (stored.concat !== undefined && stored.upload.offset === 0) {
      await stored.concat(inOrder)
    } else if (stored.upload.offset < total) {
      await stored.append(joined(job, inOrder, stored.upload.offset))
    }
    if (job.reason?.code === 'shutdown') throw job.reason
    if (stored.upload.offset !== total) throw new UploadError('storage_failed', { hint: 'a partial upload was cut' })
    forgetFinal(context, stored.upload)
    return complete(context, job, stored, caller)
  })
}

/** Joins the final uploads that waited for this partial one, behind the request that completed it. */
export function finishWaitingFinals(context: EngineContext, part: UploadId, request: RequestInfo): void {
  const caller: Caller = { request, signal: new AbortController().signal }
  for (const id of context.waitingFinals.get(lockName(context, part)) ?? []) {
    const work = hold(context, id, caller, async (job) => join(context, job, await openLive(context, id), caller))
    context.background('concat.failed', work, request)
  }
}

/** A final upload waits no longer: it is joined, or removed. */
export function forgetFinal(context: EngineContext, upload: Upload): void {
  const { waitingFinals } = context
  if (upload.concat?.role !== 'final') return
  for (const part of partsOf(upload).map((id) => lockName(context, id))) {
    const finals = waitingFinals.get(part)
    finals?.delete(lockName(context, upload.id))
    if (finals?.size === 0) waitingFinals.delete(part)
  }
}

function awaitParts(context: EngineContext, upload: Upload): void {
  const { waitingFinals } = context
  for (const part of partsOf(upload).map((id) => lockName(context, id))) {
    const finals = waitingFinals.get(part) ?? new Set()
    waitingFinals.set(part, finals.add(lockName(context, upload.id)))
  }
}

function partsOf({ concat }: Upload): readonly UploadId[] {
  return concat?.role === 'final' ? concat.parts : []
}

/** Whether all parts are complete. Declares the length of the final upload once those of all its parts are known. */
async function allComplete(
  context: EngineContext,
  job: Job,
  stored: StoredUpload,
  ids: readonly UploadId[],
): Promise<boolean> {
  const parts = new Map<UploadId, StoredUpload>()
  for (const id of ids) {
    const part = await openPart(context, id)
    // A part that was removed never completes; the final upload waits until it expires itself.
    if (part === null) return false
    parts.set(id, part)
  }
  if ([...parts.values()].every((part) => part.upload.complete)) return true
  const total = sum(partsOf(stored.upload).map((id) => parts.get(id)?.upload.length ?? null))
  if (total !== null) await declare(context, job, stored, total)
  return false
}

/** Sets the length of a final upload, if it was not known at its creation. The limit holds for it then, too. */
async function declare(context: EngineContext, job: Job, stored: StoredUpload, total: number): Promise<void> {
  if (stored.upload.length !== null) return
  if (total > mostOf(context, stored.upload)) throw new UploadError('max_size_exceeded')
  job.assertHeld()
  await stored.setLength(total)
}

/** Looks at a part without its lock, so that an upload that is running into it is not disturbed. */
async function openPart(context: EngineContext, id: UploadId): Promise<StoredUpload | null> {
  try {
    return await openLive(context, id)
  } catch (error) {
    if (error instanceof UploadError && (error.code === 'upload_not_found' || error.code === 'upload_gone')) return null
    throw error
  }
}

/** The bytes of `parts` in order, without the first `skip`. Ends early when the server shuts down. */
async function* joined(job: Job, parts: readonly StoredUpload[], skip: number): AsyncGenerator<Batch> {
  let behind = skip
  for (const part of parts) {
    const length = part.upload.offset
    if (behind >= length) {
      behind -= length
      continue
    }
    for await (const batch of part.read({ start: behind, end: length - 1 })) {
      job.assertHeld()
      if (job.reason?.code === 'shutdown') return
      yield batch
    }
    behind = 0
  }
}

function sum(lengths: readonly (number | null)[]): number | null {
  let total = 0
  for (const length of lengths) {
    if (length === null) return null
    total += length
  }
  return total
}
