import { setMaxListeners } from 'node:events'
import { UploadError } from '../core/errors.ts'
import { unobserved } from '../core/observer.ts'
import { append } from './append.ts'
import { Budget } from './budget.ts'
import type { Engine } from './commands.ts'
import { finishWaitingFinals } from './concat.ts'
import { type EngineContext, type EngineOptions, errorFields } from './context.ts'
import { create } from './create.ts'
import { idSource } from './ids.ts'
import type { Job } from './job.ts'
import { observedStore } from './observed.ts'
import { kindOf, read, stat } from './read.ts'
import { createReadiness } from './ready.ts'
import { sweep } from './sweep.ts'
import { terminate } from './terminate.ts'

/** Grace of `close`, in milliseconds: tusd's default for shutdown-timeout. */
const GRACE = 10_000

/** Starts store and locker and puts the verbs together. Throws what they throw if they cannot serve. */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const { store, locker } = options
  // The store first: a locker may keep its files in the store's folder, which is the store's to make.
  await store.start?.()
  await locker.start?.()
  const work = new Set<Promise<unknown>>()
  const closing = new AbortController()
  setMaxListeners(0, closing.signal)
  const context = createContext(options, work, closing.signal)
  const readiness = createReadiness({ store, closing: closing.signal })
  const detach = context.observer.attach({ buffered: () => context.budget.used })

  /** Lets a verb in unless the engine closes, and keeps account of it. */
  const admit = <T>(verb: () => Promise<T>): Promise<T> => {
    if (closing.signal.aborted) return Promise.reject(new UploadError('shutdown'))
    return track(work, verb())
  }

  let closed: Promise<void> | null = null
  const close = async (grace: number): Promise<void> => {
    closing.abort(new UploadError('shutdown'))
    for (const job of context.jobs) job.stop(new UploadError('shutdown'))
    await allSettled(work, grace)
    await locker.close?.()
    await store.close?.()
    detach()
  }

  return {
    create: (command, caller) => admit(() => create(context, command, caller)),
    append: (command, caller) => admit(() => append(context, command, caller)),
    stat: (id, caller) => admit(() => stat(context, id, caller)),
    kindOf: (id) => admit(() => kindOf(context, id)),
    read: (id, caller) => admit(() => read(context, id, caller)),
    terminate: (id, caller) => admit(() => terminate(context, id, caller)),
    sweep: (now = new Date()) => admit(() => sweep(context, now)),
    buffered: () => context.budget.used,
    ready: () => track(work, readiness()),
    close: (grace = GRACE) => {
      closed ??= close(grace)
      return closed
    },
  }
}

function createContext(options: EngineOptions, work: Set<Promise<unknown>>, closing: AbortSignal): EngineContext {
  const { observer = unobserved } = options
  const context: EngineContext = {
    ...options,
    observer,
    store: observer === unobserved ? options.store : observedStore(options.store, observer),
    budget: new Budget(options.maxBufferedBytes),
    jobs: new Set<Job>(),
    closing,
    waitingFinals: new Map(),
    newId: idSource(),
    partialFinished: (id, request) => finishWaitingFinals(context, id, request),
    background(event, promise, { id }) {
      const guarded = promise.catch((error: unknown) => {
        if (error instanceof UploadError) options.log.warn(event, { request: id, ...errorFields(error) })
        else options.log.error(event, { request: id }, error)
      })
      void track(work, guarded)
    },
  }
  return context
}

function track<T>(work: Set<Promise<unknown>>, promise: Promise<T>): Promise<T> {
  const settled = promise.then(
    () => void work.delete(settled),
    () => void work.delete(settled),
  )
  work.add(settled)
  return promise
}

/** Waits until all work is done, also what begins meanwhile, but no longer than `grace` milliseconds. */
async function allSettled(work: Set<Promise<unknown>>, grace: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, grace, 'late')
  })
  while (work.size > 0) {
    if ((await Promise.race([late, Promise.all(work)])) === 'late') break
  }
  clearTimeout(timer)
}
