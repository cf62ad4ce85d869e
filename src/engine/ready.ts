import { UploadError } from '../core/errors.ts'
import type { Store } from '../core/store.ts'
import type { Readiness } from './commands.ts'

/** For how long a verdict on the store is good, in milliseconds: however often it is asked for, the store is tried at this pace. */
const FRESH = 1000

/** How long the store may take to answer before it counts as one that does not, in milliseconds. */
const PATIENCE = 5000

/** Whether uploads can be taken now. */
const READY: Readiness = { ready: true, reason: null }

export interface ReadinessOptions {
  readonly store: Pick<Store, 'check'>
  /** Fires when the engine closes. */
  readonly closing: AbortSignal
  /** In milliseconds. */
  readonly patience?: number
}

/**
 * `Engine.ready`. Those who ask at the same time share one try. One that hangs is left alone: more of them would use up
 * the threads that the uploads need.
 */
export function createReadiness({ store, closing, patience = PATIENCE }: ReadinessOptions): () => Promise<Readiness> {
  let last: { readonly at: number; readonly verdict: Readiness } | null = null
  let running: { readonly since: number; readonly result: Promise<Readiness> } | null = null

  const attempt = async (): Promise<Readiness> => {
    const verdict = await tried(store)
    last = { at: performance.now(), verdict }
    running = null
    return verdict
  }

  return async () => {
    if (closing.aborted) return no('the server is shutting down')
    const now = performance.now()
    if (last !== null && running === null && now - last.at < FRESH) return last.verdict
    running ??= { since: now, result: attempt() }
    const verdict = await within(running.since + patience - now, running.result)
    return closing.aborted ? no('the server is shutting down') : verdict
  }
}

async function tried(store: Pick<Store, 'check'>): Promise<Readiness> {
  try {
    await store.check?.()
    return READY
  } catch (error) {
    // The hint is for the operator and has paths in it; whoever may ask for this page need not know them.
    return no(error instanceof UploadError ? error.message : 'the storage failed')
  }
}

async function within(time: number, result: Promise<Readiness>): Promise<Readiness> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Readiness>((resolve) => {
    timer = setTimeout(resolve, Math.max(time, 0), no('the storage does not answer'))
  })
  try {
    return await Promise.race([result, late])
  } finally {
    clearTimeout(timer)
  }
}

function no(reason: string): Readiness {
  return { ready: false, reason }
}
