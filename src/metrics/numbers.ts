import { MOMENTS } from '../core/hooks.ts'
import { type Activity, STORE_CALLS, UPLOAD_EVENTS, type UploadEvent } from '../core/observer.ts'
import { Counter, Histogram, histograms, LONG, QUICK } from './cells.ts'
import type { Family } from './text.ts'

/** Methods that have a number of their own. All others share one, so that no client can make numbers. */
export const METHODS = ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE', 'OPTIONS'] as const

export type Method = (typeof METHODS)[number] | 'other'

const KINDS = ['plain', 'partial', 'final'] as const
/** Moments that are delivered until a hook takes them. */
const DELIVERED = ['postFinish', 'postTerminate'] as const

/** All that is counted and measured while the server runs. */
export interface Numbers {
  /** Requests that have come; only of known methods, for tusd's number. */
  readonly arrived: Counter
  readonly answered: Counter
  readonly durations: Readonly<Record<Method, Histogram>>
  readonly errors: Counter
  readonly received: Counter
  readonly sent: Counter
  readonly uploads: Readonly<Record<UploadEvent, Counter>>
  readonly takeovers: Counter
  readonly hookCalls: Counter
  readonly hookErrors: Counter
  readonly hooksGivenUp: Counter
  readonly hookTime: Histogram
  readonly activities: Readonly<Record<Activity, Histogram>>
  readonly delay: Histogram
}

export function createNumbers(): Numbers {
  const each = (values: readonly string[]) => values.map((value) => [value])
  const lifecycle = (event: UploadEvent): Counter =>
    new Counter(
      { name: `tusker_uploads_${event}_total`, help: `Uploads that were ${event}, by kind.` },
      ['kind'],
      each(KINDS),
    )
  return {
    arrived: new Counter(NAMED.arrived, ['method'], each(METHODS)),
    answered: new Counter(NAMED.answered, ['method', 'status']),
    durations: {
      ...{ GET: new Histogram(LONG), HEAD: new Histogram(LONG), POST: new Histogram(LONG), PATCH: new Histogram(LONG) },
      ...{ DELETE: new Histogram(LONG), OPTIONS: new Histogram(LONG), other: new Histogram(LONG) },
    },
    errors: new Counter(NAMED.errors, ['status', 'code']),
    received: new Counter(NAMED.received),
    sent: new Counter(NAMED.sent),
    uploads: {
      created: lifecycle('created'),
      finished: lifecycle('finished'),
      terminated: lifecycle('terminated'),
      expired: lifecycle('expired'),
    },
    takeovers: new Counter(NAMED.takeovers),
    hookCalls: new Counter(NAMED.hookCalls, ['hook'], each(MOMENTS)),
    hookErrors: new Counter(NAMED.hookErrors, ['hook'], each(MOMENTS)),
    hooksGivenUp: new Counter(NAMED.hooksGivenUp, ['hook'], each(DELIVERED)),
    hookTime: new Histogram(QUICK),
    activities: {
      lock_wait: new Histogram(QUICK),
      lock_hold: new Histogram(LONG),
      body: new Histogram(LONG),
      store_create: new Histogram(QUICK),
      store_open: new Histogram(QUICK),
      store_append: new Histogram(QUICK),
      store_set_length: new Histogram(QUICK),
      store_concat: new Histogram(QUICK),
      store_finish: new Histogram(QUICK),
      store_remove: new Histogram(QUICK),
    },
    delay: new Histogram(QUICK),
  }
}

const NAMED = {
  arrived: { name: 'tusd_requests_total', help: 'Requests that have come, by method.' },
  answered: { name: 'tusker_requests_total', help: 'Requests that were answered, by method and status.' },
  errors: { name: 'tusker_errors_total', help: 'Requests that failed or were refused, by status and code.' },
  received: { name: 'tusker_received_bytes_total', help: 'Bytes from clients that the store has taken.' },
  sent: { name: 'tusker_sent_bytes_total', help: 'Bytes of uploads that were sent to clients.' },
  takeovers: { name: 'tusker_lock_takeovers_total', help: 'Locks that somebody held who had to be asked to stop.' },
  hookCalls: { name: 'tusker_hook_calls_total', help: 'Calls of hooks.' },
  hooksGivenUp: {
    name: 'tusker_hook_events_given_up_total',
    help: 'Events that no hook took, however often they were delivered.',
  },
  hookErrors: { name: 'tusker_hook_errors_total', help: 'Calls of hooks that failed.' },
} as const

/** The numbers as Prometheus sees them, without those that are tusd's. */
export function familiesOf(numbers: Numbers): readonly Family[] {
  const { activities } = numbers
  const alone = (name: string, help: string, cell: Histogram): Family => histograms({ name, help }, null, { all: cell })
  const storeTitle = {
    name: 'tusker_store_seconds',
    help: 'Time of calls to the store, by call; without the time for which an append waits for its client.',
  }
  return [
    numbers.answered,
    histograms(
      {
        name: 'tusker_request_seconds',
        help: 'Time from the arrival of a request to the end of its answer, by method.',
      },
      'method',
      numbers.durations,
    ),
    numbers.errors,
    numbers.received,
    numbers.sent,
    ...UPLOAD_EVENTS.map((event) => numbers.uploads[event]),
    alone('tusker_body_seconds', 'Time that the body of a request took to come.', activities.body),
    alone(
      'tusker_lock_wait_seconds',
      'Time until the lock of an upload was held, or not to be had.',
      activities.lock_wait,
    ),
    alone('tusker_lock_hold_seconds', 'Time for which the lock of an upload was held.', activities.lock_hold),
    numbers.takeovers,
    histograms(storeTitle, 'call', Object.fromEntries(STORE_CALLS.map((call) => [call, activities[`store_${call}`]]))),
    numbers.hookCalls,
    numbers.hookErrors,
    numbers.hooksGivenUp,
    alone('tusker_hook_seconds', 'Time that hooks took to answer.', numbers.hookTime),
    alone(
      'tusker_event_loop_delay_seconds',
      'How late timers are: what everything else has to wait, too.',
      numbers.delay,
    ),
  ]
}
