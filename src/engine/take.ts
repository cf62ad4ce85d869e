import { UploadError } from '../core/errors.ts'
import type { Bytes, StoredUpload } from '../core/store.ts'
import type { Upload } from '../core/upload.ts'
import { createVerifier } from './checksum.ts'
import type { Caller, Content } from './commands.ts'
import type { EngineContext } from './context.ts'
import type { Job } from './job.ts'
import { Receiver } from './receive.ts'
import { appendSpooled } from './spool.ts'

/** What came of the bytes of a request. */
export interface Taken {
  readonly upload: Upload
  /** Bytes that the upload has gained. */
  readonly received: number
  /** Why the bytes ended early, although what came is kept; null if all is well. */
  readonly problem: UploadError | null
}

/**
 * Moves the bytes of a request, `limit` at most, into an upload. Throws what makes the whole request void: a checksum that
 * does not match, a store that fails, a lost lock.
 */
export async function take(
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
  try {
    if (verifier === null) {
      // A complete upload is not even opened for writing: whether more comes is all there is to find out.
      const upload = limit === 0 ? await nothing(receiver, stored) : await stored.append(receiver, saved)
      return { upload, received: upload.offset - before, problem: receiver.problem }
    }
    let matched = false
    const verdict = (): boolean => {
      matched = receiver.problem === null && verifier.matches()
      return matched
    }
    const upload = await appendChecked(stored, receiver, verdict, limit)
    // A chunk that broke off cannot be verified, so none of it was kept (tus 1.0, Checksum).
    if (!matched) throw receiver.problem ?? new UploadError('checksum_mismatch')
    return { upload, received: upload.offset - before, problem: null }
  } finally {
    receiver.close()
    caller.received?.(receiver.count)
  }
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
