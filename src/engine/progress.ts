import type { UploadError } from '../core/errors.ts'
import type { StoredUpload } from '../core/store.ts'
import type { Upload } from '../core/upload.ts'
import type { Caller } from './commands.ts'
import { askReceive } from './consult.ts'
import type { EngineContext } from './context.ts'
import type { Job } from './job.ts'

/** Counts what a request brings. */
interface Counting {
  /** Bytes so far. */
  readonly count: number
}

/**
 * Tells, once in an interval, how far a running transfer has come, and lets the hook stop it. Null if nobody wants to know.
 * Otherwise returns what must be called at its end, which tells of what is new since the last time.
 */
export function watchProgress(
  context: EngineContext,
  job: Job,
  stored: StoredUpload,
  receiving: Counting,
  caller: Caller,
): (() => void) | null {
  const { hooks, events, progressInterval } = context
  if (hooks.postReceive === undefined && !events.wanted('progress')) return null
  const { offset: base } = stored.upload
  let told = base
  let over = false
  let asking = false

  const ask = async (upload: Upload): Promise<void> => {
    const refusal = await askReceive(context, upload, caller.request)
    // One that comes when all bytes are there changes nothing.
    if (refusal !== null && !over) job.stop(refusal)
  }
  const tell = (): void => {
    const offset = base + receiving.count
    // One call at a time: a slow hook hears less often, and not of the past.
    if (offset === told || (asking && !over)) return
    told = offset
    const upload: Upload = { ...stored.upload, offset }
    events.emit('progress', upload)
    if (hooks.postReceive === undefined) return
    asking = true
    const asked = ask(upload).finally(() => {
      asking = false
    })
    context.background('hook.failed', asked, caller.request)
  }
  const timer = setInterval(tell, progressInterval)
  return () => {
    clearInterval(timer)
    over = true
    tell()
  }
}

/** Whether a hook stopped the transfer, and not the network. */
export function isStopped(problem: UploadError | null): problem is UploadError {
  return problem?.code === 'upload_stopped'
}
