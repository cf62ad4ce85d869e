import type { Observer } from '../core/observer.ts'
import { type Metrics, prometheusMetrics } from '../metrics/prometheus.ts'
import { Complaint } from './complaint.ts'
import type { Settings } from './flags.ts'
import { packageVersion } from './version.ts'

/** Who watches the uploads. */
export interface Monitor {
  /** Null if they are not to be shown: then nothing is counted. */
  readonly metrics: Metrics | null
  readonly observers: readonly Observer[]
}

/**
 * What the settings ask for. Tracing is loaded only then, as its package need not be installed.
 * @throws Complaint if it is not
 */
export async function createMonitor(settings: Settings): Promise<Monitor> {
  const metrics = settings['expose-metrics'] ? prometheusMetrics({ version: packageVersion() }) : null
  // Tracing first: what others do within a span then belongs to it.
  const observers = [...(settings.tracing ? [await loadTracing()] : []), ...(metrics === null ? [] : [metrics])]
  return { metrics, observers }
}

async function loadTracing(): Promise<Observer> {
  const { openTelemetry } = await import('../tracing/opentelemetry.ts').catch((error: unknown) => {
    const missing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
    if (!missing) throw error
    const advice = 'npm install @opentelemetry/api beside tusker, and an SDK of your choice'
    throw new Complaint(`flag -tracing needs a package that is not installed: ${advice}`, 1, { cause: error })
  })
  return openTelemetry()
}
