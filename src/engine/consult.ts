import { type ErrorCode, UploadError } from '../core/errors.ts'
import type { CreateChanges, Hooks, Occasion, Rejection, ReplyPatch, RequestInfo } from '../core/hooks.ts'
import type { NewUpload, Upload } from '../core/upload.ts'
import type { EngineContext } from './context.ts'

/** Moments whose hooks are told until they took it. */
export type Told = 'postFinish' | 'postTerminate'

/** What a no means at each moment. */
const REFUSALS = { preFinish: 'upload_rejected', preTerminate: 'termination_rejected' } as const

/** Asks preCreate. Throws `upload_rejected` or `hook_failed`. */
export async function askCreate(
  context: EngineContext,
  upload: NewUpload,
  request: RequestInfo,
): Promise<CreateChanges | null> {
  const hook = context.hooks.preCreate
  if (hook === undefined) return null
  const answer = await guarded(context, 'preCreate', async () => hook.call(context.hooks, upload, request))
  if (isRejection(answer)) throw rejected('upload_rejected', 'preCreate', answer)
  checkReply('preCreate', answer?.reply)
  return answer ?? null
}

/** Asks preFinish or preTerminate; what it wants to see in the response. Throws the rejection or `hook_failed`. */
export async function ask(
  context: EngineContext,
  moment: 'preFinish' | 'preTerminate',
  upload: Upload,
  request: RequestInfo,
): Promise<ReplyPatch | null> {
  const hook = context.hooks[moment]
  if (hook === undefined) return null
  const answer = await guarded(context, moment, async () => hook.call(context.hooks, upload, request))
  if (isRejection(answer)) throw rejected(REFUSALS[moment], moment, answer)
  checkReply(moment, answer?.reply)
  return answer?.reply ?? null
}

/** Tells postReceive how far a transfer has come. Returns what to stop it with; null if it may go on. Throws `hook_failed`. */
export async function askReceive(
  context: EngineContext,
  upload: Upload,
  request: RequestInfo,
): Promise<UploadError | null> {
  const { hooks } = context
  const answer = await guarded(context, 'postReceive', async () => hooks.postReceive?.(upload, request))
  return isRejection(answer) ? rejected('upload_stopped', 'postReceive', answer) : null
}

/** Tells postCreate, without waiting for it; a failure is logged. */
export function tellCreated(context: EngineContext, upload: Upload, request: RequestInfo): void {
  const { hooks } = context
  if (hooks.postCreate === undefined) return
  const told = guarded(context, 'postCreate', async () => hooks.postCreate?.(upload, request))
  context.background('hook.failed', told, request)
}

/** Tells postFinish or postTerminate. Throws `hook_failed`. */
export async function tell(
  context: EngineContext,
  moment: Told,
  upload: Upload,
  request: RequestInfo,
  occasion: Occasion,
): Promise<void> {
  const { hooks } = context
  await guarded(context, moment, async () => hooks[moment]?.(upload, request, occasion))
}

async function guarded<T>(context: EngineContext, moment: keyof Hooks, call: () => Promise<T>): Promise<T> {
  const span = context.observer.hook(moment)
  try {
    const answer = await span.run(call)
    span.end(null)
    return answer
  } catch (cause) {
    span.end(cause)
    if (cause instanceof UploadError) throw cause
    throw new UploadError('hook_failed', { hint: `the hook ${moment} threw; see its cause` }, { cause })
  }
}

const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** A response that cannot be sent is found here, where its author can be named. */
function checkReply(moment: string, reply: ReplyPatch | undefined): void {
  const { status = 200, headers = {} } = reply ?? {}
  const fields = Object.entries(headers)
  const sound =
    Number.isInteger(status) &&
    status >= 200 &&
    status <= 599 &&
    fields.every(([name, value]) => FIELD_NAME.test(name) && FIELD_VALUE.test(value))
  if (sound) return
  throw new UploadError('hook_failed', {
    hint: `the hook ${moment} answered with a status or header that cannot be sent`,
  })
}

/** Whether somebody said no. */
export function isRejection(answer: unknown): answer is Rejection {
  return typeof answer === 'object' && answer !== null && 'reject' in answer && answer.reject === true
}

/** The error by which a no is answered, with what it wants to see in the response. Throws `hook_failed` if that cannot be sent. */
export function rejected(code: ErrorCode, asked: string, { reply }: Rejection): UploadError {
  checkReply(asked, reply)
  return new UploadError(code, {
    ...(reply?.status !== undefined && { status: reply.status }),
    ...(reply?.headers !== undefined && { headers: reply.headers }),
    ...(reply?.body !== undefined && { body: reply.body }),
  })
}
