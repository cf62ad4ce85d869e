import { randomUUID } from 'node:crypto'
import { UploadError } from '../core/errors.ts'
import type { CreateChanges, Hooks, Occasion, Rejection, ReplyPatch, RequestInfo } from '../core/hooks.ts'
import type { NewUpload, Upload } from '../core/upload.ts'
import type { EngineContext } from './context.ts'

type Deciding = 'preCreate' | 'preFinish' | 'preTerminate'
type Telling = 'postCreate' | 'postFinish' | 'postTerminate'

/** Asks preCreate. Throws `upload_rejected` or `hook_failed`. */
export async function askCreate(
  context: EngineContext,
  upload: NewUpload,
  request: RequestInfo,
): Promise<CreateChanges | null> {
  const hook = context.hooks.preCreate
  if (hook === undefined) return null
  const answer = await guarded(context, 'preCreate', async () => hook.call(context.hooks, upload, request))
  if (isRejection(answer)) throw rejected('preCreate', answer)
  checkReply('preCreate', answer?.reply)
  return answer ?? null
}

/** Asks preFinish or preTerminate; what it wants to see in the response. Throws the rejection or `hook_failed`. */
export async function ask(
  context: EngineContext,
  moment: Exclude<Deciding, 'preCreate'>,
  upload: Upload,
  request: RequestInfo,
): Promise<ReplyPatch | null> {
  const hook = context.hooks[moment]
  if (hook === undefined) return null
  const answer = await guarded(context, moment, async () => hook.call(context.hooks, upload, request))
  if (isRejection(answer)) throw rejected(moment, answer)
  checkReply(moment, answer?.reply)
  return answer?.reply ?? null
}

/** Tells a hook what has happened, without waiting for it; a failure is logged. */
export function tell(context: EngineContext, moment: Telling, upload: Upload, request: RequestInfo): void {
  const hook = context.hooks[moment]
  if (hook === undefined) return
  const occasion: Occasion = { id: randomUUID(), at: new Date(), attempt: 1 }
  const told = guarded(context, moment, async () => hook.call(context.hooks, upload, request, occasion))
  context.background('hook.failed', told, request)
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
function checkReply(moment: keyof Hooks, reply: ReplyPatch | undefined): void {
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

function isRejection(answer: unknown): answer is Rejection {
  return typeof answer === 'object' && answer !== null && 'reject' in answer && answer.reject === true
}

function rejected(moment: Deciding, { reply }: Rejection): UploadError {
  checkReply(moment, reply)
  return new UploadError(moment === 'preTerminate' ? 'termination_rejected' : 'upload_rejected', {
    ...(reply?.status !== undefined && { status: reply.status }),
    ...(reply?.headers !== undefined && { headers: reply.headers }),
    ...(reply?.body !== undefined && { body: reply.body }),
  })
}
