import { UploadError } from '../core/errors.ts'
import type { StoredUpload } from '../core/store.ts'
import type { Upload } from '../core/upload.ts'
import { authorize } from './authorize.ts'
import type { AppendCommand, Caller, Outcome } from './commands.ts'
import { complete, isDue } from './complete.ts'
import type { EngineContext } from './context.ts'
import { type Admitted, admitDeclared, type Settled, settleDeclared } from './declared.ts'
import { hold } from './hold.ts'
import type { Job } from './job.ts'
import { mostOf, openLive } from './open.ts'
import { quotaOf, reserveLength } from './quota.ts'
import { type Taken, takeWithin } from './take.ts'

/** `Engine.append`. */
export async function append(context: EngineContext, command: AppendCommand, caller: Caller): Promise<Outcome> {
  const grant = await authorize(context, 'append', command.id, caller)
  return hold(context, command.id, caller, async (job) => {
    const stored = await openLive(context, command.id, caller)
    const { content, declaration, witness } = command
    const { limit, length } =
      declaration === undefined
        ? admit(context, stored.upload, command)
        : await admitDeclared(context, job, stored, command, declaration, caller)
    const quota = quotaOf(context, grant)
    if (length !== null) await reserveLength(context, quota, stored.upload, length, caller)
    // A checksum that fails must leave the length undeclared, too (tus 1.0, Checksum); so there it waits for the bytes.
    if (length !== null && content.checksum === null) await stored.setLength(length)
    const coming = { content, limit, quota, saved: witness?.saved, length }
    const taken = await takeWithin(context, job, stored, coming, caller)
    if (length !== null && content.checksum !== null) {
      job.assertHeld()
      await stored.setLength(length)
    }
    const { problem, received } = taken
    if (problem !== null) {
      const { offset } = stored.upload
      context.log.info('upload.interrupted', { request: caller.request.id, id: command.id, offset, code: problem.code })
    }
    const { reply, digests } =
      declaration === undefined
        ? await settle(context, job, stored, taken, caller)
        : await settleDeclared(
            context,
            job,
            stored,
            { declaration, witness, bodyLength: content.body.length },
            taken,
            caller,
          )
    return { upload: stored.upload, received, reply, digests }
  })
}

/** Completes the upload if all its bytes are there; throws what was wrong with those of this request. */
export async function settle(
  context: EngineContext,
  job: Job,
  stored: StoredUpload,
  { problem }: Taken,
  caller: Caller,
): Promise<Settled> {
  // Bytes that are all there complete the upload even if the request broke off behind them; bytes too many do not.
  const due = isDue(stored.upload) && problem?.code !== 'length_exceeded'
  const reply = due ? (await complete(context, job, stored, caller)).reply : null
  if (problem !== null) throw problem
  return { reply, digests: [] }
}

/** Refuses a command that contradicts the upload, before anything is stored. */
function admit(context: EngineContext, upload: Upload, { offset, length, content }: AppendCommand): Admitted {
  if (upload.concat?.role === 'final') throw new UploadError('final_upload')
  if (offset !== upload.offset) throw new UploadError('offset_mismatch', { offset: upload.offset })
  if (length !== null) admitLength(context, upload, length)
  const total = upload.length ?? length
  const room = upload.complete ? 0 : (total ?? mostOf(context, upload)) - upload.offset
  if (content.body.length !== null && content.body.length > room) {
    throw new UploadError(total === null ? 'max_size_exceeded' : 'length_exceeded')
  }
  return { limit: room, length: upload.length === null ? length : null }
}

function admitLength(context: EngineContext, upload: Upload, length: number): void {
  if (upload.length !== null && upload.length !== length) {
    throw new UploadError('length_mismatch', { message: 'the length of the upload is set and cannot change' })
  }
  if (length < upload.offset) {
    throw new UploadError('length_mismatch', { message: 'the length is below the offset of the upload' })
  }
  if (upload.length === null && length > mostOf(context, upload)) throw new UploadError('max_size_exceeded')
}
