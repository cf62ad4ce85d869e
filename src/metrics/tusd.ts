import { ERRORS, type ErrorCode } from '../core/errors.ts'
import type { Family, Sample } from './text.ts'

/** What tusd's names are computed from. */
export interface TusdSource {
  /** Requests that have come, by method. */
  requests(): readonly Sample[]
  /** Errors by the labels `code` and `status`. */
  errors(): readonly Sample[]
  received(): number
  created(): number
  finished(): number
  terminated(): number
  connections(): number
  /** Calls of hooks, by the label `hook`. */
  hooks(): readonly Sample[]
  hookErrors(): readonly Sample[]
}

/** The same numbers under the names that dashboards for tusd look for, counted as tusd counts them. */
export function tusdFamilies(source: TusdSource): readonly Family[] {
  const family = (type: 'counter' | 'gauge', name: string, help: string, samples: () => readonly Sample[]): Family => ({
    type,
    name,
    help,
    samples,
  })
  const one = (ask: () => number) => () => [{ value: ask() }]
  return [
    family('counter', 'tusd_requests_total', 'Requests that have come, by method.', source.requests),
    family('counter', 'tusd_errors_total', 'Errors that were answered, by status and code.', () =>
      wired(source.errors()),
    ),
    family('counter', 'tusd_bytes_received', 'Bytes that were received for uploads.', one(source.received)),
    family('counter', 'tusd_uploads_created', 'Uploads that were created.', one(source.created)),
    family('counter', 'tusd_uploads_finished', 'Uploads that were finished.', one(source.finished)),
    family('counter', 'tusd_uploads_terminated', 'Uploads that were terminated.', one(source.terminated)),
    family('gauge', 'tusd_connections_open', 'Connections that are open.', one(source.connections)),
    family('counter', 'tusd_hook_invocations_total', 'Calls of hooks, by kind.', () => kebab(source.hooks())),
    family('counter', 'tusd_hook_errors_total', 'Calls of hooks that failed, by kind.', () =>
      kebab(source.hookErrors()),
    ),
  ]
}

/** Our codes as tusd's: several of ours may be one of tusd's. */
function wired(errors: readonly Sample[]): readonly Sample[] {
  const merged = new Map<string, { labels: { status: string; code: string }; value: number }>()
  for (const { labels = {}, value } of errors) {
    const { status = '', code = '' } = labels
    const wire = isErrorCode(code) ? ERRORS[code].wire : code
    const key = `${status} ${wire}`
    const sample = merged.get(key) ?? { labels: { status, code: wire }, value: 0 }
    sample.value += value
    merged.set(key, sample)
  }
  return [...merged.values()]
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code)
}

/** `preCreate` is `pre-create` in tusd. */
function kebab(samples: readonly Sample[]): readonly Sample[] {
  return samples.map(({ labels, value }) => ({
    labels: { hooktype: (labels?.['hook'] ?? '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`) },
    value,
  }))
}
