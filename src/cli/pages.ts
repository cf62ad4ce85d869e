import { createLocation } from '../http/location.ts'
import { pathOf } from '../http/outside.ts'
import type { ConnectionSource, Metrics } from '../metrics/prometheus.ts'
import type { Uploads } from '../uploads.ts'
import { Complaint } from './complaint.ts'
import type { Settings } from './flags.ts'
import { createProfiles } from './profiles.ts'
import { versionLine } from './version.ts'

/** What a page says. */
export interface PageReply {
  readonly status: number
  readonly body: string
  /** Default: plain text. */
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A page beside the uploads. */
export interface Page {
  readonly methods: 'GET' | 'GET, HEAD'
  /** @param gone fires when nobody waits for the answer any more */
  answer(query: URLSearchParams, gone: AbortSignal): Promise<PageReply> | PageReply
}

/** Requests and responses of node:http, and of its likes. */
interface PageRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

interface PageResponse {
  writeHead(status: number, headers: Readonly<Record<string, string | number>>): unknown
  end(body: string): unknown
  once(event: 'close', listener: () => void): unknown
  destroy(error?: Error): unknown
}

/** What a server answers beside the uploads: metrics, health, profiles, a greeting. */
export interface Pages {
  /** Answers what is none of the uploads' business, and says whether it does. */
  answer(request: PageRequest, response: PageResponse): boolean
  /** To be called before the server has connections: they are counted. */
  watch(server: ConnectionSource): void
  /** Ends what takes its time: profiles that are being recorded. */
  close(): void
}

/** The pages that the settings ask for. `metrics`: null if they are not to be shown. */
export function createPages(settings: Settings, uploads: Pick<Uploads, 'ready'>, metrics: Metrics | null): Pages {
  const { basePath } = createLocation({ basePath: settings['base-path'] })
  const closing = new AbortController()
  const pages = new Map<string, Page>()
  const add = (path: string, answer: Page['answer']) => pages.set(path, { methods: 'GET, HEAD', answer })
  if (settings['show-greeting'] && basePath !== '/') add('/', () => greeting(basePath))
  if (metrics !== null) {
    add(slashed(settings['metrics-path']), () => ({ status: 200, body: metrics.text(), type: metrics.contentType }))
  }
  if (settings['expose-health']) {
    add('/healthz', () => ({ status: 200, body: 'ok\n' }))
    add('/readyz', async () => {
      const { ready, reason } = await uploads.ready()
      return ready ? { status: 200, body: 'ready\n' } : { status: 503, body: `not ready: ${reason}\n` }
    })
  }
  if (settings['expose-pprof']) {
    for (const [path, page] of createProfiles(profilesPath(settings), closing.signal)) pages.set(path, page)
  }

  const belongsToUploads = (path: string): boolean => path.startsWith(basePath) || `${path}/` === basePath
  return {
    answer({ method = '', url = '/', headers }, response) {
      const path = pathOf(url)
      const page = pages.get(path)
      const reads = method === 'GET' || method === 'HEAD'
      // Other methods are the upload door's to refuse: it knows how to do that to bodies, and to browsers of other origins.
      if (!reads || (page === undefined && (belongsToUploads(path) || isUploader(headers)))) return false
      const gone = goneOf(response)
      const reply = page === undefined ? nothing(basePath) : asked(page, method, url, gone)
      void Promise.resolve(reply)
        .then((known) => send(response, known, method === 'HEAD'))
        .catch((error: Error) => response.destroy(error))
      return true
    },
    watch: (server) => metrics?.watch(server),
    close: () => closing.abort(),
  }
}

async function asked(page: Page, method: string, url: string, gone: AbortSignal): Promise<PageReply> {
  if (!page.methods.split(', ').includes(method)) {
    return { status: 405, body: 'this page takes its time: use GET\n', headers: { Allow: page.methods } }
  }
  const query = url.indexOf('?')
  return page.answer(new URLSearchParams(query === -1 ? '' : url.slice(query + 1)), gone)
}

function send(response: PageResponse, { status, body, type, headers }: PageReply, isHead: boolean): void {
  response.writeHead(status, {
    'Content-Type': type ?? 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  })
  response.end(isHead ? '' : body)
}

function goneOf(response: PageResponse): AbortSignal {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  return gone.signal
}

/** A client that looks for uploads in the wrong place: the upload door tells it so in a way that it can read. */
function isUploader(headers: PageRequest['headers']): boolean {
  return headers['tus-resumable'] !== undefined || headers['origin'] !== undefined
}

function greeting(basePath: string): PageReply {
  const lines = [versionLine(), `resumable uploads (https://tus.io) are taken under ${basePath}`]
  return { status: 200, body: `${lines.join('\n')}\n` }
}

function nothing(basePath: string): PageReply {
  return { status: 404, body: `nothing is served here; uploads are under ${basePath}\n` }
}

function slashed(path: string): string {
  return path.startsWith('/') ? path : `/${path}`
}

function profilesPath(settings: Settings): string {
  const path = slashed(settings['pprof-path'])
  return path.endsWith('/') ? path : `${path}/`
}

/** What a path in a URL may consist of. */
const PATH = /^\/(?:[\w.~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*$/

/**
 * Refuses paths of pages that are none, or that belong to the uploads or to another page.
 * @throws Complaint with exit code 2
 */
export function checkPages(settings: Settings): void {
  const { basePath } = createLocation({ basePath: settings['base-path'] })
  const taken = new Map<string, string>()
  if (settings['expose-health']) for (const path of ['/healthz', '/readyz']) taken.set(path, '-expose-health')
  const wanted: (readonly [string, string])[] = []
  if (settings['expose-metrics']) wanted.push(['-metrics-path', slashed(settings['metrics-path'])])
  if (settings['expose-pprof']) wanted.push(['-pprof-path', profilesPath(settings)])
  for (const [flag, path] of wanted) {
    const refuse = (why: string) => new Complaint(`invalid value ${JSON.stringify(path)} for flag ${flag}: ${why}`, 2)
    if (!PATH.test(path) || path.includes('//')) throw refuse('not the plain path of a URL, such as /metrics')
    const isBase = path === basePath || `${path}/` === basePath
    if (isBase || (basePath !== '/' && path.startsWith(basePath))) {
      throw refuse(`it lies in -base-path ${basePath}, where the uploads are`)
    }
    const other = taken.get(path)
    if (other !== undefined) throw refuse(`${other} answers there`)
    taken.set(path, flag)
  }
  const health = [...taken.keys()].find((path) => basePath !== '/' && `${path}/`.startsWith(basePath))
  if (health === undefined) return
  throw new Complaint(
    `flag -base-path ${basePath} takes the place of ${health}; choose another, or -expose-health=false`,
    2,
  )
}
