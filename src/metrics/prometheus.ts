import type { UploadError } from '../core/errors.ts'
import type { Gauges, Observer, RequestSpan, Span } from '../core/observer.ts'
import type { ServiceObserver } from '../core/service.ts'
import type { Upload } from '../core/upload.ts'
import { gauge, type Histogram } from './cells.ts'
import { measureDelay } from './delay.ts'
import { createNumbers, familiesOf, METHODS, type Method, type Numbers } from './numbers.ts'
import { processFamilies } from './process.ts'
import { s3Numbers } from './service.ts'
import { CONTENT_TYPE, type Family, formatFamilies } from './text.ts'
import { tusdFamilies } from './tusd.ts'

export interface MetricsOptions {
  /** What `tusker_build_info` says. Default: nothing. */
  readonly version?: string
}

/** A server whose connections are to be counted: of node:http, https or http2. */
export interface ConnectionSource {
  on(event: 'connection', listener: (socket: ConnectionLike) => void): unknown
}

interface ConnectionLike {
  once(event: 'close', listener: () => void): unknown
}

/** Counts what it is told, and writes it for Prometheus. */
export interface Metrics extends Observer {
  /** Everything in Prometheus' text format 0.0.4. */
  text(): string
  /** Content-Type of {@link text}. */
  readonly contentType: string
  /** Counts the open connections of a server, which must not have any yet. */
  watch(server: ConnectionSource): void
  /** Counts the calls of an S3 store: `s3Store({ client, bucket, observer: metrics.s3 })`. */
  readonly s3: ServiceObserver
}

/**
 * Metrics for Prometheus, to be given to `createUploads({ observers: [metrics] })`. One object may serve several servers of
 * a process: their numbers are added up.
 */
export function prometheusMetrics(options: MetricsOptions = {}): Metrics {
  const numbers = createNumbers()
  const s3 = s3Numbers()
  const servers = new Set<Gauges>()
  let inFlight = 0
  let connections = 0
  let stopMeasuring: () => void = () => undefined

  const single = (name: string, help: string, ask: () => number): Family =>
    gauge({ name, help }, () => [{ value: ask() }])
  const buffered = () => [...servers].reduce((sum, server) => sum + server.buffered(), 0)
  const { uploads } = numbers
  const families: readonly Family[] = [
    ...familiesOf(numbers),
    ...s3.families,
    single('tusker_requests_in_flight', 'Requests that are being answered.', () => inFlight),
    single('tusker_connections_open', 'Connections that are open.', () => connections),
    single('tusker_buffered_bytes', 'Bytes in memory, on their way from clients to the store.', buffered),
    gauge({ name: 'tusker_build_info', help: 'Always 1; the versions are in the labels.' }, () => [
      { labels: { version: options.version ?? '', node: process.version }, value: 1 },
    ]),
    ...processFamilies(),
    ...tusdFamilies({
      requests: numbers.arrived.samples,
      errors: numbers.errors.samples,
      received: () => numbers.received.total,
      created: () => uploads.created.total,
      finished: () => uploads.finished.total,
      terminated: () => uploads.terminated.total,
      connections: () => connections,
      hooks: numbers.hookCalls.samples,
      hookErrors: numbers.hookErrors.samples,
    }),
    s3.tusd,
  ]

  return {
    contentType: CONTENT_TYPE,
    text: () => formatFamilies(families),
    s3: s3.observer,
    watch(server) {
      server.on('connection', (socket) => {
        connections++
        socket.once('close', () => connections--)
      })
    },
    attach(gauges) {
      if (servers.size === 0) stopMeasuring = measureDelay(numbers.delay)
      servers.add(gauges)
      return () => {
        if (servers.delete(gauges) && servers.size === 0) stopMeasuring()
      }
    },
    request({ method }) {
      const known = METHODS.find((one) => one === method)
      if (known !== undefined) numbers.arrived.add(1, known)
      inFlight++
      return new Answering(numbers, known ?? 'other', () => inFlight--)
    },
    begin: (activity) => new Timed(numbers.activities[activity]),
    hook(moment) {
      numbers.hookCalls.add(1, moment)
      return new Timed(numbers.hookTime, () => numbers.hookErrors.add(1, moment))
    },
    gaveUp: (moment) => numbers.hooksGivenUp.add(1, moment),
    takeover: () => numbers.takeovers.add(1),
    received: (bytes) => numbers.received.add(bytes),
    upload: (event, upload) => uploads[event].add(1, kindOf(upload)),
  }
}

function kindOf({ concat }: Upload): string {
  return concat?.role ?? 'plain'
}

/** Measures the time of one activity. */
class Timed implements Span {
  readonly #into: Histogram
  readonly #failed: (() => void) | null
  readonly #began = performance.now()

  constructor(into: Histogram, failed: (() => void) | null = null) {
    this.#into = into
    this.#failed = failed
  }

  run<T>(work: () => T): T {
    return work()
  }

  end(error: unknown, idle = 0): void {
    this.#into.observe(secondsSince(this.#began, idle))
    if (error !== null) this.#failed?.()
  }
}

class Answering implements RequestSpan {
  readonly #numbers: Numbers
  readonly #method: Method
  readonly #over: () => void
  readonly #began = performance.now()

  constructor(numbers: Numbers, method: Method, over: () => void) {
    this.#numbers = numbers
    this.#method = method
    this.#over = over
  }

  run<T>(work: () => T): T {
    return work()
  }

  end(status: number, error: UploadError | null, sent: number): void {
    const numbers = this.#numbers
    this.#over()
    numbers.answered.add(1, this.#method, String(status))
    numbers.durations[this.#method].observe(secondsSince(this.#began, 0))
    numbers.sent.add(sent)
    if (error !== null) numbers.errors.add(1, String(status), error.code)
  }
}

/** What two clocks of different grain make of nothing must not be less than nothing. */
function secondsSince(began: number, idle: number): number {
  return Math.max(performance.now() - began - idle, 0) / 1000
}
