import { UploadError } from '../core/errors.ts'
import type { Lock } from '../core/locker.ts'
import type { Span } from '../core/observer.ts'
import { parseUploadId, type UploadId } from '../core/upload.ts'
import type { Caller } from './commands.ts'
import type { EngineContext } from './context.ts'
import { Job } from './job.ts'

/**
 * Does `work` under the lock of `id`. An older holder is asked to stop and waited for. Throws `lock_timeout` (another
 * holder does not yield), `shutdown`, or what `work` throws.
 */
export async function hold<T>(
  context: EngineContext,
  id: UploadId,
  caller: Caller,
  work: (job: Job) => Promise<T>,
): Promise<T> {
  const job = new Job()
  return holdMore(context, job, [id], caller, () => work(job))
}

/**
 * Adds the locks of `ids` to a job for as long as `work` lasts. Locks of several uploads are taken in the order of their
 * names, so that two jobs cannot wait for each other.
 */
export async function holdMore<T>(
  context: EngineContext,
  job: Job,
  ids: readonly UploadId[],
  caller: Caller,
  work: () => Promise<T>,
): Promise<T> {
  const taken: Lock[] = []
  let holding: Span | null = null
  let failure: unknown = null
  try {
    const names = new Set(ids.map((id) => lockName(context, id)))
    for (const name of [...names].sort()) {
      const lock = await acquire(context, name, caller)
      taken.push(lock)
      job.add(lock)
    }
    context.jobs.add(job)
    if (context.closing.aborted) throw new UploadError('shutdown')
    holding = context.observer.begin('lock_hold')
    return await holding.run(work)
  } catch (error) {
    failure = error
    throw error
  } finally {
    context.jobs.delete(job)
    for (const lock of taken) {
      job.remove(lock)
      await lock.release()
    }
    holding?.end(failure)
  }
}

/** The one name of an upload that may have more than one id. */
export function lockName({ store }: EngineContext, id: UploadId): UploadId {
  return store.lockName === undefined ? id : store.lockName(id)
}

async function acquire(context: EngineContext, name: UploadId, caller: Caller): Promise<Lock> {
  const waiting = context.observer.begin('lock_wait')
  try {
    const lock = (await context.locker.tryAcquire(name)) ?? (await takeOver(context, name, caller))
    waiting.end(null)
    return lock
  } catch (error) {
    waiting.end(error)
    throw error
  }
}

/** Does `work` under the lock of `id` if nobody holds it or waits for it; disturbs nobody. Null if somebody does. */
export async function holdIfFree<T>(
  context: EngineContext,
  id: UploadId,
  work: (job: Job) => Promise<T>,
): Promise<T | null> {
  return ifFree(context, lockName(context, id), work)
}

/**
 * Delivers the events of one upload. False if somebody is at it already, here or in another process. A lock of its own, as a hook
 * may take long and the upload is not to wait for it.
 */
export async function holdDelivery(context: EngineContext, key: string, work: () => Promise<void>): Promise<boolean> {
  const done = await ifFree(context, parseUploadId(`delivery~${key}`), async () => {
    await work()
    return true
  })
  return done ?? false
}

/** Does `work` while nobody else, in any process, looks at or changes what an owner has under way. */
export async function holdOwner<T>(
  context: EngineContext,
  key: string,
  caller: Caller,
  work: () => Promise<T>,
): Promise<T> {
  const lock = await acquire(context, parseUploadId(`owner~${key}`), caller)
  try {
    return await work()
  } finally {
    await lock.release()
  }
}

async function ifFree<T>(context: EngineContext, name: UploadId, work: (job: Job) => Promise<T>): Promise<T | null> {
  const lock = await context.locker.tryAcquire(name)
  if (lock === null) return null
  const job = new Job()
  job.add(lock)
  context.jobs.add(job)
  try {
    return await work(job)
  } finally {
    context.jobs.delete(job)
    await lock.release()
  }
}

/** Waits for a lock that somebody holds: until the time is up, the client has gone, or the server shuts down. */
async function takeOver(context: EngineContext, name: UploadId, caller: Caller): Promise<Lock> {
  context.observer.takeover()
  const waiting = new AbortController()
  const giveUp = (error: UploadError) => waiting.abort(error)
  const timer = setTimeout(giveUp, context.acquireLockTimeout, new UploadError('lock_timeout', { retryAfter: 1 }))
  const gone = () => giveUp(new UploadError('connection_lost'))
  const closing = () => giveUp(new UploadError('shutdown'))
  caller.signal.addEventListener('abort', gone)
  context.closing.addEventListener('abort', closing)
  if (caller.signal.aborted) gone()
  if (context.closing.aborted) closing()
  try {
    return await context.locker.acquire(name, waiting.signal)
  } finally {
    clearTimeout(timer)
    caller.signal.removeEventListener('abort', gone)
    context.closing.removeEventListener('abort', closing)
  }
}
