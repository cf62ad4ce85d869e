import { UploadError } from '../core/errors.ts'
import type { RequestInfo } from '../core/hooks.ts'
import type { Grant, Operation, Verdict } from '../core/rights.ts'
import type { NewUpload, Upload, UploadId } from '../core/upload.ts'
import type { Caller } from './commands.ts'
import { isRejection, rejected } from './consult.ts'
import type { EngineContext } from './context.ts'
import { findUpload } from './open.ts'

/**
 * Asks whether the caller may do something with the upload of an id, before its lock is taken: a stranger must not so much as
 * end a running transfer. Returns what the yes is tied to; null if nobody is to be asked.
 * @throws UploadError `upload_not_found` or `forbidden`, alike for what is another's and what does not exist; what a rejection says;
 * `hook_failed`
 */
export async function authorize(
  context: EngineContext,
  operation: Exclude<Operation, 'create' | 'finish'>,
  id: UploadId,
  caller: Caller,
): Promise<Grant | null> {
  if (context.authorize === undefined) return null
  const upload = await findUpload(context, id)
  const grant = await judge(context, operation, upload ?? nobodys(id), caller.request)
  if (grant === null) throw refusal(context)
  if (upload === null) throw new UploadError('upload_not_found')
  caller.granted?.(grant)
  return grant
}

/** Asks for the right to create `upload`. Throws `forbidden`, what a rejection says, or `hook_failed`. */
export async function authorizeCreation(
  context: EngineContext,
  upload: NewUpload,
  caller: Caller,
): Promise<Grant | null> {
  if (context.authorize === undefined) return null
  const grant = await judge(context, 'create', upload, caller.request)
  if (grant === null) throw new UploadError('forbidden')
  caller.granted?.(grant)
  return grant
}

/** Asks once more when all bytes are there: rights may have been taken away since the request began. */
export async function authorizeFinish(context: EngineContext, upload: Upload, caller: Caller): Promise<void> {
  if (context.authorize === undefined) return
  if ((await judge(context, 'finish', upload, caller.request)) === null) throw new UploadError('forbidden')
}

/** Whether somebody may do something with an upload, for those who do something else if not. */
export async function isAllowed(
  context: EngineContext,
  operation: Exclude<Operation, 'create'>,
  upload: Upload,
  request: RequestInfo,
): Promise<boolean> {
  if (context.authorize === undefined) return true
  try {
    return (await judge(context, operation, upload, request)) !== null
  } catch (error) {
    // What it is refused with is said by whoever answers; until then it is not known.
    if (error instanceof UploadError) return false
    throw error
  }
}

/** Null is a no. Throws a rejection's own words. */
async function judge(
  { authorize: ask }: EngineContext,
  operation: Operation,
  upload: NewUpload | Upload,
  request: RequestInfo,
): Promise<Grant | null> {
  let verdict: Verdict
  try {
    verdict = await ask?.(operation, upload, request)
  } catch (cause) {
    if (cause instanceof UploadError) throw cause
    throw new UploadError('hook_failed', { hint: 'the function authorize threw; see its cause' }, { cause })
  }
  if (verdict === true) return {}
  if (typeof verdict !== 'object' || verdict === null) return null
  if (!isRejection(verdict)) return verdict
  throw rejected(verdict.reply?.status === 401 ? 'unauthorized' : 'forbidden', 'authorize', verdict)
}

/** As what another's upload looks to somebody who may not see it. */
function refusal({ refuseWith }: EngineContext): UploadError {
  return new UploadError(refuseWith === 403 ? 'forbidden' : 'upload_not_found')
}

/** An upload that is nobody's, to ask about in the place of one that does not exist. */
function nobodys(id: UploadId): Upload {
  const now = new Date()
  return {
    id,
    length: null,
    metadata: new Map(),
    concat: null,
    completion: 'at_length',
    echo: {},
    createdAt: now,
    expiresAt: null,
    offset: 0,
    complete: false,
    modifiedAt: now,
    storage: {},
  }
}
