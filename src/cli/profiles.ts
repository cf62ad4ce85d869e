import { Session } from 'node:inspector'
import type { Page, PageReply } from './pages.ts'

/** Seconds for which a profile is recorded: by default as pprof does, and at most. */
const USUAL = 30
const LONGEST = 300

/** Mean distance between two allocations that are sampled, in bytes: what V8 itself takes. */
const INTERVAL = 32_768

type Recording = 'profile' | 'heap'

const KINDS = {
  profile: { ending: 'cpuprofile', text: 'where CPU time goes (open it in the Performance panel)' },
  heap: { ending: 'heapprofile', text: 'what allocates memory that is still in use (open it in the Memory panel)' },
} as const

/**
 * Profiles of V8, by path: an index, `profile` and `heap`. They hold names of functions and sizes, no data; that is why
 * there is no heap snapshot, in which every token and all metadata in memory could be read.
 * @param base with a slash at its end
 * @param closing ends a recording
 */
export function createProfiles(base: string, closing: AbortSignal): ReadonlyMap<string, Page> {
  let busy = false
  const page = (kind: Recording): Page => ({
    methods: 'GET',
    async answer(query, gone) {
      const seconds = secondsOf(query)
      if (seconds === null) return { status: 400, body: `seconds must be a whole number from 1 to ${LONGEST}\n` }
      if (busy) return { status: 503, body: 'another profile is being recorded\n', headers: { 'Retry-After': '5' } }
      busy = true
      try {
        return reply(kind, await record(kind, seconds, AbortSignal.any([closing, gone])))
      } finally {
        busy = false
      }
    },
  })
  return new Map([
    [base, { methods: 'GET, HEAD', answer: () => index(base) }],
    [`${base}profile`, page('profile')],
    [`${base}heap`, page('heap')],
  ])
}

function secondsOf(query: URLSearchParams): number | null {
  const text = query.get('seconds') ?? String(USUAL)
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : 0
  return seconds >= 1 && seconds <= LONGEST ? seconds : null
}

function index(base: string): PageReply {
  const lines = Object.entries(KINDS).map(([name, { text }]) => `${base}${name}?seconds=${USUAL}  ${text}`)
  return { status: 200, body: `profiles of V8, for Chrome DevTools\n\n${lines.join('\n')}\n` }
}

function reply(kind: Recording, profile: unknown): PageReply {
  const name = `tusker.${KINDS[kind].ending}`
  const headers = { 'Content-Disposition': `attachment; filename="${name}"` }
  return { status: 200, body: JSON.stringify(profile), type: 'application/json', headers }
}

/** Records for so many seconds, or until `stop` fires. The session, and all that it costs, ends with it. */
async function record(kind: Recording, seconds: number, stop: AbortSignal): Promise<unknown> {
  const session = new Session()
  session.connect()
  try {
    if (kind === 'profile') {
      await post(session, 'Profiler.enable')
      await post(session, 'Profiler.start')
    } else {
      await post(session, 'HeapProfiler.startSampling', { samplingInterval: INTERVAL })
    }
    await pause(seconds * 1000, stop)
    return profileOf(await post(session, kind === 'profile' ? 'Profiler.stop' : 'HeapProfiler.stopSampling'))
  } finally {
    session.disconnect()
  }
}

function post(session: Session, method: string, params: object = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    session.post(method, params, (error, result) => (error === null ? resolve(result) : reject(error)))
  })
}

function profileOf(result: unknown): unknown {
  if (typeof result === 'object' && result !== null && 'profile' in result) return result.profile
  throw new Error('the inspector answered without a profile')
}

function pause(milliseconds: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer)
      stop.removeEventListener('abort', over)
      resolve()
    }
    const timer = setTimeout(over, milliseconds)
    stop.addEventListener('abort', over)
    if (stop.aborted) over()
  })
}
