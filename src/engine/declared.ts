import { UploadError } from '../core/errors.ts'
import type { StoredUpload } from '../core/store.ts'
import type { Upload } from '../core/upload.ts'
import type { AppendCommand, Caller, Declaration, ExpectedDigest, Outcome, Witness } from './commands.ts'
import { complete, recorded } from './complete.ts'
import type { EngineContext } from './context.ts'
import type { Job } from './job.ts'
import { mostOf } from './open.ts'
import { removeUpload } from './remove.ts'
import type { Taken } from './take.ts'
import { digestsOf, digestWhole } from './whole.ts'

/** Where an upload stands and what a request says of its bytes. */
interface Statement {
  readonly offset: number
  /** As the client names it. */
  readonly length: number | null
  /** As the request frames it. */
  readonly bodyLength: number | null
  readonly last: boolean
}

/**
 * The length of an upload as a request tells it: by name, or by where its last bytes end. Throws `length_mismatch` if the two
 * contradict each other, or the offset.
 */
export function statedLength({ offset, length, bodyLength, last }: Statement): number | null {
  const end = last && bodyLength !== null ? offset + bodyLength : null
  if (length !== null && end !== null && length !== end) {
    throw mismatch('the length of the upload is not where its last bytes end', offset)
  }
  if (length !== null && length < offset) throw mismatch('the length is below the offset of the upload', offset)
  return length ?? end
}

/** Throws `append_too_large` or `append_too_small` if a request says that it brings more or less than it may. */
export function admitSize(bodyLength: number | null, { last, least, most }: Declaration): void {
  if (bodyLength === null) return
  if (bodyLength > most) throw new UploadError('append_too_large')
  if (!last && bodyLength < least) throw new UploadError('append_too_small')
}

/** What an append may do. */
export interface Admitted {
  /** Bytes that may come. */
  readonly limit: number
  /** A length that is to be recorded; null if it is known already, or still is not. */
  readonly length: number | null
}

/**
 * Refuses an append that contradicts the upload, before anything is stored; one that would go beyond the length may cost the
 * upload its life.
 */
export async function admitDeclared(
  context: EngineContext,
  job: Job,
  stored: StoredUpload,
  command: AppendCommand,
  declaration: Declaration,
  caller: Caller,
): Promise<Admitted> {
  const { upload } = stored
  const { offset, content } = command
  const bodyLength = content.body.length
  if (offset !== upload.offset) throw new UploadError('offset_mismatch', { offset: upload.offset })
  const { last, fatal, most, replays } = declaration
  const isReplay = replays && last && (bodyLength === null || bodyLength === 0)
  if (upload.complete && !isReplay) throw new UploadError('upload_complete', { offset })
  const stated = statedLength({ offset, length: command.length, bodyLength, last })
  if (stated !== null && upload.length !== null && stated !== upload.length) {
    throw mismatch('the length of the upload is set and cannot change', offset)
  }
  const largest = mostOf(context, upload)
  if (stated !== null && stated > largest && upload.length === null) throw new UploadError('max_size_exceeded')
  admitSize(bodyLength, declaration)
  const length = upload.length ?? stated
  const room = (length ?? largest) - offset
  if (bodyLength !== null && bodyLength > room) {
    if (fatal) await invalidate(context, job, stored, caller)
    throw exceeded(length)
  }
  return { limit: Math.min(room, most), length: upload.length === null ? stated : null }
}

/** A request as far as it matters once its bytes are stored. */
export interface Declared {
  readonly declaration: Declaration
  readonly witness: Witness | undefined
  /** As the request frames it; null if it did not say. */
  readonly bodyLength: number | null
}

/** What became of a declared upload. */
export type Settled = Pick<Outcome, 'reply' | 'digests'>

/**
 * Draws the conclusions once the bytes of a request are stored: completes the upload if they were the last and all of them
 * came; throws what was wrong with them.
 */
export async function settleDeclared(
  context: EngineContext,
  job: Job,
  stored: StoredUpload,
  { declaration, witness, bodyLength }: Declared,
  { problem, received }: Taken,
  caller: Caller,
): Promise<Settled> {
  const { last, least, most, fatal } = declaration
  const { length, offset, complete: wasComplete } = stored.upload
  if (problem?.code === 'length_exceeded') {
    if (wasComplete) throw new UploadError('upload_complete', { offset })
    const room = (length ?? mostOf(context, stored.upload)) - (offset - received)
    if (most < room) throw new UploadError('append_too_large', { offset })
    if (fatal) await invalidate(context, job, stored, caller)
    throw exceeded(length)
  }
  if (problem !== null) throw problem
  if (!last) {
    if (bodyLength === null && received < least) throw new UploadError('append_too_small', { offset })
    return { reply: null, digests: [] }
  }
  // The final response may have been lost: it is given again.
  if (wasComplete) return { reply: null, digests: digestsOf(stored.upload) }
  if (length !== null && offset < length) throw mismatch('the last bytes end before the length of the upload', offset)
  job.assertHeld()
  if (length === null) await stored.setLength(offset)
  // It may take minutes, in which proxies and clients would give up on a connection that says nothing.
  const goesOn = () => witness?.saved?.(offset)
  const digests = await verifyWhole(context, job, stored, declaration, goesOn, caller)
  const { reply } = await complete(context, job, stored, caller, digests)
  return { reply, digests }
}

/** The digests of the whole. Removes the upload and throws `digest_mismatch` if it is not what its client meant. */
async function verifyWhole(
  context: EngineContext,
  job: Job,
  stored: StoredUpload,
  declaration: Declaration,
  goesOn: () => void,
  caller: Caller,
): Promise<readonly ExpectedDigest[]> {
  const { expected, wanted } = declaration.whole(stored.upload)
  const algorithms = new Set([...expected.map(({ algorithm }) => algorithm), ...wanted, ...recorded(context)])
  const digests = await digestWhole(job, stored, [...algorithms], goesOn)
  const differs = expected.some(({ algorithm, digest }) => {
    const found = digests.find((one) => one.algorithm === algorithm)
    return found === undefined || Buffer.compare(found.digest, digest) !== 0
  })
  if (!differs) return digests
  await invalidate(context, job, stored, caller)
  throw new UploadError('digest_mismatch')
}

/** Ends an upload that can never become right: whoever asks for it again finds none. */
async function invalidate(context: EngineContext, job: Job, stored: StoredUpload, caller: Caller): Promise<void> {
  const { id, offset, length } = stored.upload
  await removeUpload(context, job, stored, caller)
  context.log.info('upload.invalidated', { request: caller.request.id, id, offset, length })
}

function exceeded(length: Upload['length']): UploadError {
  return new UploadError(length === null ? 'max_size_exceeded' : 'length_exceeded')
}

function mismatch(message: string, offset: number): UploadError {
  return new UploadError('length_mismatch', { message, offset })
}
