import type { ServiceCall, ServiceObserver, ServiceUsage } from '../core/service.ts'
import { Counter, gauge, Histogram } from './cells.ts'
import { Summary } from './summary.ts'
import type { Family, Sample } from './text.ts'

/** Seconds of a call: an answer from nearby, up to a part on a slow line. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** What the service calls it when it has nothing of that name, or not what a condition asks for: an answer, no failure. */
const ANSWERS: readonly string[] = ['NoSuchKey', 'NotFound', 'PreconditionFailed']

/** Codes come from the service. One that is no word, or one too many, is `other`. */
const CODE = /^[A-Za-z][A-Za-z0-9_.]{0,63}$/
const MOST_CODES = 100

/** What a store tells of its service, as numbers. */
export interface ServiceNumbers {
  readonly observer: ServiceObserver
  readonly families: readonly Family[]
  /** The times of calls under tusd's name, by the names that tusd has for them. */
  readonly tusd: Family
}

/** Numbers of a service that speaks S3. Families have no samples before the first call. */
export function s3Numbers(): ServiceNumbers {
  const times = new Map<string, Histogram>()
  const tusdTimes = new Map<string, Summary>()
  const codes = new Set<string>()
  const usages: (() => ServiceUsage)[] = []
  const errors = new Counter(NAMED.errors, ['operation', 'code'])
  const retries = new Counter(NAMED.retries, ['operation'])
  const sent = new Counter(NAMED.sent, ['operation'])

  const codeOf = (error: string): string => {
    if (!CODE.test(error) || (!codes.has(error) && codes.size >= MOST_CODES)) return 'other'
    codes.add(error)
    return error
  }
  const sum = (ask: (usage: ServiceUsage) => number) => (): readonly Sample[] =>
    usages.length === 0 ? [] : [{ value: usages.reduce((total, usage) => total + ask(usage()), 0) }]

  return {
    observer: {
      attach: (usage) => void usages.push(usage),
      call(call) {
        const { operation, attempt, duration, error } = call
        entry(times, operation, () => new Histogram(BOUNDS)).observe(duration / 1000)
        entry(tusdTimes, tusdOperation(call), () => new Summary()).observe(duration)
        if (attempt > 1) retries.add(1, operation)
        if (call.sent > 0) sent.add(call.sent, operation)
        if (error !== null && !ANSWERS.includes(error)) errors.add(1, operation, codeOf(error))
      },
    },
    families: [
      {
        ...NAMED.times,
        type: 'histogram',
        samples: () => [...times].flatMap(([operation, cell]) => cell.samples({ operation })),
      },
      errors,
      retries,
      sent,
      gauge(
        NAMED.buffered,
        sum(({ buffered }) => buffered),
      ),
      gauge(
        NAMED.parts,
        sum(({ parts }) => parts),
      ),
    ],
    tusd: {
      ...NAMED.tusd,
      type: 'summary',
      samples: () => [...tusdTimes].flatMap(([operation, cell]) => cell.samples({ operation })),
    },
  }
}

const NAMED = {
  times: { name: 'tusker_s3_call_seconds', help: 'Time of calls to S3, each attempt by itself, by operation.' },
  errors: {
    name: 'tusker_s3_errors_total',
    help: 'Calls to S3 that failed, each attempt by itself, by operation and code.',
  },
  retries: { name: 'tusker_s3_retries_total', help: 'Calls to S3 that were repeated, by operation.' },
  sent: { name: 'tusker_s3_sent_bytes_total', help: 'Bytes sent to S3, those of repeated calls again, by operation.' },
  buffered: { name: 'tusker_s3_buffered_bytes', help: 'Bytes of parts in memory, on their way to S3.' },
  parts: { name: 'tusker_s3_parts_in_flight', help: 'Parts that are being sent to S3.' },
  tusd: { name: 'tusd_s3_request_duration_ms', help: 'Time of calls to S3 in milliseconds, by operation.' },
} as const

function entry<Cell>(cells: Map<string, Cell>, name: string, make: () => Cell): Cell {
  const known = cells.get(name)
  if (known !== undefined) return known
  const made = make()
  cells.set(name, made)
  return made
}

/** tusd tells records (`.info`) and tails (`.part`) from what else an operation is used for. */
function tusdOperation({ operation, key }: ServiceCall): string {
  const words = operation.replace(/(?!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase()
  if (!/^(?:get|head|put|delete)_object$/.test(words)) return words
  const kind = key.endsWith('.info') ? 'info_' : key.endsWith('.part') ? 'part_' : ''
  return words.replace('_object', `_${kind}object`)
}
