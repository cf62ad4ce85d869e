import { UploadError } from '../core/errors.ts'
import type { Quota } from '../core/rights.ts'
import type { Bytes, StoredUpload } from '../core/store.ts'
import type { Upload } from '../core/upload.ts'
import { createVerifier } from './checksum.ts'
import type { Caller, Content } from './commands.ts'
import type { EngineContext } from './context.ts'
import type { Job } from './job.ts'
import { isStopped, watchProgress } from './progress.ts'
import { withinAllowance } from './quota.ts'
import { Receiver } from './receive.ts'
import { removeUpload } from './remove.ts'
import { appendSpooled } from './spool.ts'

/** What came of the bytes of a request. */
export interface Taken {
  readonly upload: Upload
  /** Bytes that the upload has gained. */
  readonly received: number
  /** Why the bytes ended early, although what came is kept; null if all is well. */
  readonly problem: UploadError | null
}

/** Bytes that a request brings, and what they may become. */
export interface Coming {
  readonly content: Content
  /** Bytes that may come, as far as the upload goes. */
  readonly limit: number
  /** Of the upload's owner. */
  readonly quota: Quota | null
  readonly saved: ((offset: number) => void) | undefined
  /** A length that is declared with them; null if there is none. */
  readonly length?: number | null
}

/** As {@link take}, but an upload of unknown length gets no more bytes than its owner has left. Throws `quota_bytes`, too. */
export async function takeWithin(
  context: EngineContext,
  job: Job,
  stored: StoredUpload,
  { content, limit, quota, saved, length = null }: Coming,
  caller: Caller,
): Promise<Taken> {
  const { upload } = stored
  /** The length, once it counts: a checksum that fails leaves it undeclared. */
  let declared: number | null = null
  const end = content.body.length === null ? null : upload.offset + content.body.length
  return withinAllowance(
    context,
    quota,
    upload,
    length ?? end,
    caller,
    async (most) => {
      const left = Math.max(0, most - upload.offset)
      const taken = await take(context, job, stored, content, Math.min(limit, left), caller, saved)
      declared = length
      if (taken.problem?.code !== 'length_exceeded' || left >= limit) return taken
      return { ...taken, problem: new UploadError('quota_bytes', { offset: taken.upload.offset }) }
    },
    () => (declared === null ? stored.upload : { ...stored.upload, length: declared }),
  )
}

/**
 * Moves the bytes of a request, `limit` at most, into an upload. Throws what makes the whole request void: a checksum that
 * does not match, a store that fails, a lost lock.
 */
async function take(
  context: EngineContext,
  job: Job,
  stored: StoredUpload,
  content: Content,
  limit: number,
  caller: Caller,
  saved?: (offset: number) => void,
): Promise<Taken> {
  const { body, checksum } = content
  if (body.length === 0 && checksum === null) return { upload: stored.upload, received: 0, problem: null }
  const verifier = checksum === null ? null : createVerifier(checksum)
  const before = stored.upload.offset
  const receiver = new Receiver(body, {
    limit,
    idle: context.networkTimeout,
    budget: context.budget,
    job,
    watch: verifier?.update ?? null,
    observer: context.observer,
  })
  const stopTelling = watchProgress(context, job, stored, receiver, caller)
  try {
    if (verifier === null) {
      // A complete upload is not even opened for writing: whether more comes is all there is to find out.
      const upload = limit === 0 ? await nothing(receiver, stored) : await stored.append(receiver, saved)
      if (isStopped(receiver.problem)) await removeStopped(context, job, stored, caller, receiver.problem)
      return { upload, received: upload.offset - before, problem: receiver.problem }
    }
    let matched = false
    const verdict = (): boolean => {
      matched = receiver.problem === null && verifier.matches()
      return matched
    }
    const upload = await appendChecked(stored, receiver, verdict, limit)
    // A chunk that broke off cannot be verified, so none of it was kept (tus 1.0, Checksum).
    if (isStopped(receiver.problem)) await removeStopped(context, job, stored, caller, receiver.problem)
    if (!matched) throw receiver.problem ?? new UploadError('checksum_mismatch')
    return { upload, received: upload.offset - before, problem: null }
  } finally {
    stopTelling?.()
    receiver.close()
    caller.received?.(receiver.count)
  }
}

/** A hook stopped the transfer: nothing of the upload stays. Throws the hook's words. */
async function removeStopped(
  context: EngineContext,
  job: Job,
  stored: StoredUpload,
  caller: Caller,
  problem: UploadError,
): Promise<never> {
  await removeUpload(context, job, stored, caller)
  context.log.info('upload.stopped', { request: caller.request.id, id: stored.upload.id })
  throw problem
}

async function appendChecked(
  stored: StoredUpload,
  bytes: Bytes,
  verdict: () => boolean,
  limit: number,
): Promise<Upload> {
  if (limit === 0) {
    const upload = await nothing(bytes, stored)
    verdict()
    return upload
  }
  return stored.appendChecked === undefined
    ? appendSpooled(stored, bytes, verdict)
    : stored.appendChecked(bytes, verdict)
}

/** Waits for the end of bytes of which none may come. */
async function nothing(bytes: Bytes, stored: StoredUpload): Promise<Upload> {
  for await (const _ of bytes) throw new UploadError('internal')
  return stored.upload
}
