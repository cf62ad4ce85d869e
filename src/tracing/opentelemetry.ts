import {
  type Attributes,
  type Context,
  context,
  type Span as OtelSpan,
  propagation,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { UploadError } from '../core/errors.ts'
import type { RequestInfo } from '../core/hooks.ts'
import type { Activity, Observer, RequestSpan, Span } from '../core/observer.ts'

export interface TracingOptions {
  /** Makes the spans. Default: the tracer `tusker` of the SDK that is registered, now or later. */
  readonly tracer?: Tracer
}

/**
 * Spans by OpenTelemetry, to be given to `createUploads({ observers: [openTelemetry()] })`: one for each request, with the
 * client's as its parent (W3C Trace Context, or what the SDK's propagator reads), and within it those of locks, body, store
 * and hooks. It needs an SDK with a context manager, as all of them have for Node; without one it costs little and does nothing.
 */
export function openTelemetry({ tracer = trace.getTracer('tusker') }: TracingOptions = {}): Observer {
  /** A part of what is going on. What no request asked for (sweeps) makes no traces of its own. */
  const part = (name: string, attributes: Attributes = {}): Span => {
    const parent = context.active()
    if (trace.getSpan(parent) === undefined) return UNTRACED
    const span = tracer.startSpan(name, { attributes }, parent)
    return new Part(span, trace.setSpan(parent, span))
  }
  return {
    attach: () => () => undefined,
    request(request, secure, basePath) {
      const active = context.active()
      // An instrumentation of node:http, or the application that we are part of, has a span for the request already.
      const isWithin = trace.getSpan(active) !== undefined
      const parent = isWithin ? active : propagation.extract(active, request, HEADERS)
      const method = METHODS.has(request.method) ? request.method : 'HTTP'
      const path = pathOf(request.uri)
      const route = routeOf(path, basePath)
      const kind = isWithin ? SpanKind.INTERNAL : SpanKind.SERVER
      const attributes = attributesOf(request, path, route, secure)
      const span = tracer.startSpan(route === null ? method : `${method} ${route}`, { kind, attributes }, parent)
      return new Answering(span, trace.setSpan(parent, span))
    },
    begin: (activity) => part(NAMES[activity]),
    hook: (moment) => part('tusker.hook', { 'tusker.hook': moment }),
    gaveUp: () => undefined,
    takeover: () => void trace.getActiveSpan()?.addEvent('tusker.lock.takeover'),
    received: () => undefined,
    upload(event, { id }) {
      trace.getActiveSpan()?.addEvent(`tusker.upload.${event}`, { 'tusker.upload.id': id })
    },
  }
}

/** Methods that may stand in the name of a span, so that no client makes names (semantic conventions for HTTP). */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'PUT'])

const NAMES: Readonly<Record<Activity, string>> = {
  lock_wait: 'tusker.lock.wait',
  lock_hold: 'tusker.lock.hold',
  body: 'tusker.body',
  store_create: 'tusker.store.create',
  store_open: 'tusker.store.open',
  store_append: 'tusker.store.append',
  store_set_length: 'tusker.store.set_length',
  store_concat: 'tusker.store.concat',
  store_finish: 'tusker.store.finish',
  store_remove: 'tusker.store.remove',
}

const UNTRACED: Span = { run: (work) => work(), end: () => undefined }

const HEADERS: TextMapGetter<RequestInfo> = {
  keys: () => [],
  get: (request, key) => request.header(lowerCase(key)) ?? undefined,
}

function lowerCase(text: string): Lowercase<string> {
  const isLower = (name: string): name is Lowercase<string> => name === name.toLowerCase()
  const lower = text.toLowerCase()
  return isLower(lower) ? lower : ''
}

/** Without the query, in which tokens may be. */
function pathOf(uri: string): string {
  const path = uri.replace(/^https?:\/\/[^/?#]*/i, '')
  const query = path.indexOf('?')
  return query === -1 ? path : path.slice(0, query)
}

function routeOf(path: string, basePath: string): string | null {
  if (path === basePath || `${path}/` === basePath) return basePath
  return path.startsWith(basePath) ? `${basePath}{id}` : null
}

/** Names of the semantic conventions for HTTP servers, version 1. */
function attributesOf(request: RequestInfo, path: string, route: string | null, secure: boolean): Attributes {
  const { method, id, remoteAddress } = request
  const agent = request.header('user-agent')
  return {
    ...(METHODS.has(method)
      ? { 'http.request.method': method }
      : { 'http.request.method': '_OTHER', 'http.request.method_original': method }),
    'url.path': path,
    'url.scheme': secure ? 'https' : 'http',
    ...(route !== null && { 'http.route': route }),
    ...(remoteAddress !== null && { 'client.address': remoteAddress }),
    ...(agent !== null && { 'user_agent.original': agent }),
    ...(id !== undefined && { 'tusker.request.id': id }),
  }
}

class Part implements Span {
  readonly #span: OtelSpan
  readonly #context: Context

  constructor(span: OtelSpan, within: Context) {
    this.#span = span
    this.#context = within
  }

  run<T>(work: () => T): T {
    return context.with(this.#context, work)
  }

  end(error: unknown, idle = 0): void {
    if (idle > 0) this.#span.setAttribute('tusker.waited_seconds', idle / 1000)
    if (error !== null) {
      note(this.#span, error)
      this.#span.setStatus({ code: SpanStatusCode.ERROR })
    }
    this.#span.end()
  }
}

class Answering implements RequestSpan {
  readonly #span: OtelSpan
  readonly #context: Context

  constructor(span: OtelSpan, within: Context) {
    this.#span = span
    this.#context = within
  }

  run<T>(work: () => T): T {
    return context.with(this.#context, work)
  }

  end(status: number, error: UploadError | null, sent: number): void {
    const span = this.#span
    span.setAttribute('http.response.status_code', status)
    if (sent > 0) span.setAttribute('http.response.body.size', sent)
    if (error !== null) note(span, error)
    // What a client did wrong is no error of the server (semantic conventions for HTTP spans).
    if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end()
  }
}

function note(span: OtelSpan, error: unknown): void {
  span.setAttribute(
    'error.type',
    error instanceof UploadError ? error.code : error instanceof Error ? error.name : '_OTHER',
  )
  span.recordException(error instanceof Error ? error : String(error))
}
