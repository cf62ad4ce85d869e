import { UploadError } from '../core/errors.ts'
import type { CreateChanges, ReplyPatch } from '../core/hooks.ts'
import type { Grant } from '../core/rights.ts'
import type { StoredUpload } from '../core/store.ts'
import { type NewUpload, parseUploadId, type UploadId } from '../core/upload.ts'
import { settle } from './append.ts'
import { authorizeCreation } from './authorize.ts'
import type { Caller, CreateCommand, Declaration, Outcome } from './commands.ts'
import { joinNew, planConcat } from './concat.ts'
import { askCreate, tellCreated } from './consult.ts'
import { type EngineContext, happened } from './context.ts'
import { admitSize, settleDeclared, statedLength } from './declared.ts'
import { hold } from './hold.ts'
import type { Job } from './job.ts'
import { mostOf } from './open.ts'
import { countCreation, quotaOf, release, withinQuota } from './quota.ts'
import { takeWithin } from './take.ts'

/** `Engine.create`. */
export async function create(context: EngineContext, command: CreateCommand, caller: Caller): Promise<Outcome> {
  const wanted = draft(context, command, command.concat?.role === 'final' ? null : lengthOf(command))
  const grant = await authorizeCreation(context, wanted, caller)
  const granted = limited(
    await measured(context, command, wanted, caller),
    grant,
    await ceiling(context, grant, caller),
  )
  admit(context, command, granted)
  const { upload, reply } = await decide(context, granted, caller)
  if (upload !== granted) admit(context, command, upload)
  const quota = quotaOf(context, grant)
  countCreation(context, upload.owner, quota, caller)
  return hold(context, upload.id, caller, async (job) => {
    const stored = await withinQuota(context, quota, upload, caller, () => context.store.create(upload))
    happened(context, 'created', stored.upload)
    const { id } = stored.upload
    context.log.info('upload.created', { request: caller.request.id, id, length: upload.length })
    tellCreated(context, stored.upload, caller.request)
    command.witness?.created?.(stored.upload)
    const filled = await unlessVoid(context, stored, command, () => fill(context, job, stored, command, grant, caller))
    return { upload: stored.upload, ...filled, reply: merge(reply, filled.reply) }
  })
}

/** Most bytes of an upload that this request may create; null if only the server's maximum holds. */
async function ceiling(context: EngineContext, grant: Grant | null, { request }: Caller): Promise<number | null> {
  if (context.maxSizeOf === undefined && grant?.maxSize === undefined) return null
  const own = context.maxSizeOf === undefined ? 0 : await context.maxSizeOf(request)
  return Math.min(own || Number.POSITIVE_INFINITY, grant?.maxSize ?? Number.POSITIVE_INFINITY)
}

/** Adds what the rights tie the upload to. Untouched if that is nothing: V8 takes its time to copy an object. */
function limited(upload: NewUpload, grant: Grant | null, most: number | null): NewUpload {
  const owner = grant?.owner ?? null
  if (owner === null && most === null) return upload
  return {
    ...upload,
    ...(owner !== null && { owner }),
    ...(most !== null && Number.isFinite(most) && { maxSize: most }),
  }
}

/** The length of a final upload is the sum of its parts, as far as it is known. */
async function measured(
  context: EngineContext,
  { concat }: CreateCommand,
  upload: NewUpload,
  caller: Caller,
): Promise<NewUpload> {
  return concat?.role === 'final' ? { ...upload, length: await planConcat(context, concat.parts, caller) } : upload
}

/** Refuses what cannot be stored, before anything is. */
function admit(context: EngineContext, { content }: CreateCommand, upload: NewUpload): void {
  const { length } = upload
  const most = mostOf(context, upload)
  if (length !== null && length > most) throw new UploadError('max_size_exceeded')
  const coming = content?.body.length ?? 0
  if (coming > (length ?? most)) throw new UploadError(length === null ? 'max_size_exceeded' : 'length_exceeded')
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
  const { id, metadata, storage, maxSize, expiresAt, owner, reply = null } = changes
  checkChanges(changes)
  if (storage !== undefined && context.store.takesStorage !== true) {
    throw new UploadError('hook_failed', {
      hint: 'the hook preCreate chose a place, and this store lets nobody choose',
    })
  }
  const { owner: before, ...rest } = upload
  return {
    upload: {
      ...rest,
      ...(id !== undefined && { id: hookId(id) }),
      ...(metadata !== undefined && { metadata, echo: withoutMetadata(upload.echo) }),
      ...(storage !== undefined && { storage }),
      ...(maxSize !== undefined && { maxSize: Math.min(maxSize, upload.maxSize ?? maxSize) }),
      ...(expiresAt !== undefined && { expiresAt }),
      ...ownership(before, owner),
    },
    reply,
  }
}

/** Whose the upload is if a hook has its say: null takes it from whom the rights named. */
function ownership(before: string | undefined, owner: string | null | undefined): Pick<NewUpload, 'owner'> {
  const whose = owner === undefined ? before : (owner ?? undefined)
  return whose === undefined ? {} : { owner: whose }
}

/** A metadata key that every protocol can repeat (tus 1.0, Upload-Metadata). */
const METADATA_KEY = /^[\x21-\x2b\x2d-\x7e]+$/

/** What hooks outside of TypeScript may get wrong. Throws `hook_failed`. */
function checkChanges({ metadata, maxSize, expiresAt, owner }: CreateChanges): void {
  const mistakes: readonly (readonly [isMade: boolean, what: string])[] = [
    [
      metadata !== undefined && ![...metadata].every(isPair),
      'metadata with a key that is not printable ASCII without space and comma, or a value that is not a text',
    ],
    [
      maxSize !== undefined && !(Number.isSafeInteger(maxSize) && maxSize >= 0),
      'a maxSize that is not a number of bytes',
    ],
    [expiresAt !== undefined && expiresAt !== null && !isDate(expiresAt), 'an expiresAt that is not a date'],
    [
      owner !== undefined && owner !== null && (typeof owner !== 'string' || owner === ''),
      'an owner that is not a text',
    ],
  ]
  const [, wrong] = mistakes.find(([isMade]) => isMade) ?? []
  if (wrong !== undefined) throw new UploadError('hook_failed', { hint: `the hook preCreate chose ${wrong}` })
}

function isPair([key, value]: readonly [unknown, unknown]): boolean {
  return typeof key === 'string' && METADATA_KEY.test(key) && (value === null || typeof value === 'string')
}

function isDate(value: unknown): boolean {
  return value instanceof Date && !Number.isNaN(value.getTime())
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
  command: CreateCommand,
  grant: Grant | null,
  caller: Caller,
): Promise<Filled> {
  const { concat, content, declaration, witness } = command
  if (concat?.role === 'final') {
    return { received: 0, reply: await joinNew(context, job, stored, caller), digests: [] }
  }
  const room = (stored.upload.length ?? mostOf(context, stored.upload)) - stored.upload.offset
  const limit = Math.min(room, declaration?.most ?? Infinity)
  const taken =
    content === null
      ? { upload: stored.upload, received: 0, problem: null }
      : await takeWithin(
          context,
          job,
          stored,
          { content, limit, quota: quotaOf(context, grant), saved: witness?.saved },
          caller,
        )
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
async function unlessVoid<T>(
  context: EngineContext,
  stored: StoredUpload,
  { declaration }: CreateCommand,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const resumable = error instanceof UploadError && canResume(error, declaration)
    // If the removal fails as well, the sweep finds what is left; the first failure is the one to tell.
    if (!resumable) {
      await stored
        .remove()
        .then(() => release(context, stored.upload))
        .catch(() => undefined)
    }
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
