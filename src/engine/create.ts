import { UploadError } from '../core/errors.ts'
import type { ReplyPatch } from '../core/hooks.ts'
import type { StoredUpload } from '../core/store.ts'
import { type NewUpload, parseUploadId, type UploadId } from '../core/upload.ts'
import { settle } from './append.ts'
import type { Caller, CreateCommand, Declaration, Outcome } from './commands.ts'
import { joinNew, planConcat } from './concat.ts'
import { askCreate, tell } from './consult.ts'
import type { EngineContext } from './context.ts'
import { admitSize, settleDeclared, statedLength } from './declared.ts'
import { hold } from './hold.ts'
import type { Job } from './job.ts'
import { take } from './take.ts'

/** `Engine.create`. */
export async function create(context: EngineContext, command: CreateCommand, caller: Caller): Promise<Outcome> {
  const length = await admit(context, command)
  const { upload, reply } = await decide(context, draft(context, command, length), caller)
  return hold(context, upload.id, caller, async (job) => {
    const stored = await context.store.create(upload)
    context.observer.upload('created', stored.upload)
    const { id } = stored.upload
    context.log.info('upload.created', { request: caller.request.id, id, length: upload.length })
    tell(context, 'postCreate', stored.upload, caller.request)
    command.witness?.created?.(stored.upload)
    const filled = await unlessVoid(stored, command, () => fill(context, job, stored, command, caller))
    return { upload: stored.upload, ...filled, reply: merge(reply, filled.reply) }
  })
}

/** Refuses what cannot be stored, before anything is. Returns the length, as far as it is known. */
async function admit(context: EngineContext, command: CreateCommand): Promise<number | null> {
  const { concat, content } = command
  const total = concat?.role === 'final' ? await planConcat(context, concat.parts) : lengthOf(command)
  if (total !== null && total > context.maxSize) throw new UploadError('max_size_exceeded')
  const coming = content?.body.length ?? 0
  if (coming > (total ?? context.maxSize)) {
    throw new UploadError(total === null ? 'max_size_exceeded' : 'length_exceeded')
  }
  return total
}

/** The length as the request tells it; a declaration may do so by the way it frames its bytes. */
function lengthOf({ length, content, declaration }: CreateCommand): number | null {
  if (declaration === undefined) return length
  const bodyLength = content === null ? 0 : content.body.length
  // Nothing to append is how a client asks for a URL first, so there is no lower limit for it.
  if (bodyLength !== 0) admitSize(bodyLength, declaration)
  return statedLength({ offset: 0, length, bodyLength, last: declaration.last })
}

function draft(context: EngineContext, command: CreateCommand, length: number | null): NewUpload {
  const createdAt = new Date()
  return {
    id: context.newId(),
    length,
    metadata: command.metadata,
    concat: command.concat,
    completion: command.completion,
    echo: command.echo,
    createdAt,
    expiresAt: context.expireAfter === null ? null : new Date(createdAt.getTime() + context.expireAfter),
  }
}

/** Lets the preCreate hook have its say. */
async function decide(
  context: EngineContext,
  upload: NewUpload,
  caller: Caller,
): Promise<{ upload: NewUpload; reply: ReplyPatch | null }> {
  const changes = await askCreate(context, upload, caller.request)
  if (changes === null) return { upload, reply: null }
  const { id, metadata, storage, reply = null } = changes
  if (storage !== undefined && context.store.takesStorage !== true) {
    throw new UploadError('hook_failed', {
      hint: 'the hook preCreate chose a place, and this store lets nobody choose',
    })
  }
  return {
    upload: {
      ...upload,
      ...(id !== undefined && { id: hookId(id) }),
      ...(metadata !== undefined && { metadata, echo: withoutMetadata(upload.echo) }),
      ...(storage !== undefined && { storage }),
    },
    reply,
  }
}

/** What the client wrote is not the upload's metadata any more, so it must not be repeated. */
function withoutMetadata({ metadata: _, ...rest }: NewUpload['echo']): NewUpload['echo'] {
  return rest
}

function hookId(text: string): UploadId {
  try {
    return parseUploadId(text)
  } catch (cause) {
    throw new UploadError('hook_failed', { hint: 'the hook preCreate chose an id that is not allowed' }, { cause })
  }
}

type Filled = Omit<Outcome, 'upload'>

async function fill(
  context: EngineContext,
  job: Job,
  stored: StoredUpload,
  { concat, content, declaration, witness }: CreateCommand,
  caller: Caller,
): Promise<Filled> {
  if (concat?.role === 'final') {
    return { received: 0, reply: await joinNew(context, job, stored, caller), digests: [] }
  }
  const limit = Math.min(
    (stored.upload.length ?? context.maxSize) - stored.upload.offset,
    declaration?.most ?? Infinity,
  )
  const taken =
    content === null
      ? { upload: stored.upload, received: 0, problem: null }
      : await take(context, job, stored, content, limit, caller, witness?.saved)
  // A body of no bytes is none, however it was framed: this is how a client asks for a URL first.
  const bodyLength = content === null || taken.received === 0 ? 0 : content.body.length
  const settled =
    declaration === undefined
      ? await settle(context, job, stored, taken, caller)
      : await settleDeclared(context, job, stored, { declaration, witness, bodyLength }, taken, caller)
  return { received: taken.received, ...settled }
}

/** Reasons to end a creation after which somebody may know the upload and come back for it. */
const RESUMABLE = new Set(['connection_lost', 'read_timeout', 'upload_interrupted', 'shutdown', 'lock_lost'])

/** A creation that is refused leaves no upload behind: the client never learned its URL. */
async function unlessVoid<T>(stored: StoredUpload, { declaration }: CreateCommand, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const resumable = error instanceof UploadError && canResume(error, declaration)
    // If the removal fails as well, the sweep finds what is left; the first failure is the one to tell.
    if (!resumable) await stored.remove().catch(() => undefined)
    throw error
  }
}

function canResume({ code, status }: UploadError, declaration: Declaration | undefined): boolean {
  if (declaration === undefined) return RESUMABLE.has(code)
  // It was told the URL before its bytes were read, and comes back after whatever went wrong on this side.
  return declaration.resumable && (RESUMABLE.has(code) || status >= 500)
}

function merge(one: ReplyPatch | null, other: ReplyPatch | null): ReplyPatch | null {
  if (one === null || other === null) return one ?? other
  return { ...one, ...other, headers: { ...one.headers, ...other.headers } }
}
