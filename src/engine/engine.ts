import { setMaxListeners } from 'node:events'
import { UploadError } from '../core/errors.ts'
import { memoryNotes } from '../core/notes.ts'
import { unobserved } from '../core/observer.ts'
import { append } from './append.ts'
import { createBuckets } from './buckets.ts'
import { Budget } from './budget.ts'
import type { Engine } from './commands.ts'
import { finishWaitingFinals } from './concat.ts'
import { type EngineContext, type EngineOptions, errorFields } from './context.ts'
import { create } from './create.ts'
import { createEventSource } from './events.ts'
import { idSource } from './ids.ts'
import type { Job } from './job.ts'
import { observedStore } from './observed.ts'
import { createOutbox, type Outbox } from './outbox/outbox.ts'
import { kindOf, read, stat } from './read.ts'
import { createReadiness } from './ready.ts'
import { sweep } from './sweep.ts'
import { terminate } from './terminate.ts'

/** Grace of `close`, in milliseconds: tusd's default for shutdown-timeout. */
const GRACE = 10_000

/** Milliseconds between two progress events: tusd's default for progress-hooks-interval. */
const PROGRESS_INTERVAL = 1000

/** Deliveries of an event before it is given up: a bit more than an hour with the pauses between them. */
const HOOK_ATTEMPTS = 20
const HOOK_BACKOFF = 1000

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
  context.outbox.start()
  const detach = context.observer.attach({ buffered: () => context.budget.used })

  /** Lets a verb in unless the engine closes, and keeps account of it. */
  const admit = <T>(verb: () => Promise<T>): Promise<T> => {
    if (closing.signal.aborted) return Promise.reject(new UploadError('shutdown'))
    return track(work, verb())
  }

  let closed: Promise<void> | null = null
  const close = async (grace: number): Promise<void> => {
    closing.abort(new UploadError('shutdown'))
    context.outbox.close()
    for (const job of context.jobs) job.stop(new UploadError('shutdown'))
    await allSettled(work, grace)
    await locker.close?.()
    await store.close?.()
    context.events.close()
    detach()
  }

  return {
    create: (command, caller) => admit(() => create(context, command, caller)),
    append: (command, caller) => admit(() => append(context, command, caller)),
    stat: (id, caller) => admit(() => stat(context, id, caller)),
    kindOf: (id, asking) => admit(() => kindOf(context, id, asking ?? null)),
    read: (id, caller) => admit(() => read(context, id, caller)),
    terminate: (id, caller) => admit(() => terminate(context, id, caller)),
    sweep: (now = new Date()) => admit(() => sweep(context, now)),
    events: context.events.events,
    buffered: () => context.budget.used,
    ready: () => track(work, readiness()),
    close: (grace = GRACE) => {
      closed ??= close(grace)
      return closed
    },
  }
}

function createContext(options: EngineOptions, work: Set<Promise<unknown>>, closing: AbortSignal): EngineContext {
  const { observer = unobserved, store } = options
  // The outbox is made of the context that it is a part of: it looks at nothing of it before it is used.
  let outbox: Outbox | null = null
  const context: EngineContext = {
    ...options,
    observer,
    refuseWith: options.refuseWith ?? 404,
    quotas: options.quotas ?? {},
    progressInterval: options.progressInterval ?? PROGRESS_INTERVAL,
    partialFinish: options.partialFinish ?? false,
    hookAttempts: options.hookAttempts ?? HOOK_ATTEMPTS,
    hookBackoff: options.hookBackoff ?? HOOK_BACKOFF,
    notes: store.notes ?? memoryNotes(),
    events: createEventSource(options.log),
    creations: createBuckets(),
    get outbox() {
      outbox ??= createOutbox(context)
      return outbox
    },
    store: observer === unobserved ? store : observedStore(store, observer),
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
