import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { prometheusMetrics } from '../../src/metrics/prometheus.ts'
import { openTelemetry } from '../../src/tracing/opentelemetry.ts'
import { doors } from '../tus/support/doors.ts'
import { host, idOf, OCTETS } from '../tus/support/site.ts'

const exporter = new InMemorySpanExporter()
const contexts = new AsyncLocalStorageContextManager()

beforeAll(() => {
  context.setGlobalContextManager(contexts.enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))
})
beforeEach(() => exporter.reset())
afterAll(() => {
  trace.disable()
  propagation.disable()
  context.disable()
  contexts.disable()
})

/** The spans of the requests until now, once `count` of them are over. */
async function requests(count: number): Promise<readonly ReadableSpan[]> {
  const isRequest = (span: ReadableSpan) => 'url.path' in span.attributes
  return await vi.waitFor(() => {
    const found = exporter.getFinishedSpans().filter(isRequest)
    expect(found.length).toBe(count)
    return found
  }, 60_000)
}

/** What lies within a span, by name: `name` or `name(names within)`. */
function within(parent: ReadableSpan | undefined): readonly string[] {
  const spans = exporter.getFinishedSpans()
  return spans
    .filter((span) => span.parentSpanContext?.spanId === parent?.spanContext().spanId)
    .map((span) => {
      expect(span.spanContext().traceId).toBe(parent?.spanContext().traceId)
      const inner = within(span)
      return inner.length === 0 ? span.name : `${span.name}(${inner.join(' ')})`
    })
    .sort()
}

describe.each(doors)('spans of what goes through the $name door', (door) => {
  const site = host(door, {
    observers: [prometheusMetrics(), openTelemetry()],
    hooks: {
      preFinish() {
        trace.getActiveSpan()?.addEvent('hook was here')
      },
    },
  })

  it('a request is a span of a server, with locks, body, store and hooks within', async () => {
    const url = await site.create({ 'Upload-Length': '5' })
    exporter.reset()
    const answer = await site.patch(url, 0, 'hello', { 'X-Request-ID': 'req-7' })
    expect(answer.status).toBe(204)
    const [span] = await requests(1)
    expect(span).toMatchObject({ name: 'PATCH /files/{id}', kind: SpanKind.SERVER, parentSpanContext: undefined })
    expect(span?.status.code).toBe(SpanStatusCode.UNSET)
    expect(span?.attributes).toMatchObject({
      'http.request.method': 'PATCH',
      'http.response.status_code': 204,
      'http.route': '/files/{id}',
      'url.path': `/files/${idOf(url)}`,
      'url.scheme': 'http',
      'tusker.request.id': 'req-7',
    })
    expect(within(span)).toEqual([
      'tusker.lock.hold(tusker.body tusker.hook tusker.store.append tusker.store.finish tusker.store.open)',
      'tusker.lock.wait',
    ])
    const hook = exporter.getFinishedSpans().find(({ name }) => name === 'tusker.hook')
    expect(hook?.events.map(({ name }) => name)).toEqual(['hook was here'])
    const hold = exporter.getFinishedSpans().find(({ name }) => name === 'tusker.lock.hold')
    expect(hold?.events.map(({ name }) => name)).toEqual(['tusker.upload.finished'])
  })

  it('its parent is what the client says (W3C Trace Context)', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    const parent = 'b7ad6b7169203331'
    await site.send('POST', site.base, { 'Upload-Length': '5', traceparent: `00-${traceId}-${parent}-01` })
    const [span] = await requests(1)
    expect(span?.name).toBe('POST /files/')
    expect(span?.spanContext().traceId).toBe(traceId)
    expect(span?.parentSpanContext).toMatchObject({ spanId: parent, isRemote: true })
  })

  it('the query of a URL, in which tokens may be, is in no span', async () => {
    await site.send('HEAD', `${site.base}abc?token=secret`)
    const [span] = await requests(1)
    expect(span?.attributes['url.path']).toBe('/files/abc')
    expect(JSON.stringify(exporter.getFinishedSpans().map(({ attributes }) => attributes))).not.toContain('secret')
  })

  it('a refusal is noted with its code, but is no error of the server', async () => {
    await site.head(`${site.base}nothing`)
    const [span] = await requests(1)
    expect(span?.attributes).toMatchObject({ 'http.response.status_code': 404, 'error.type': 'upload_not_found' })
    expect(span?.status.code).toBe(SpanStatusCode.UNSET)
    expect(span?.events[0]).toMatchObject({ name: 'exception', attributes: { 'exception.type': 'upload_not_found' } })
    const open = exporter.getFinishedSpans().find(({ name }) => name === 'tusker.store.open')
    expect(open?.status.code).toBe(SpanStatusCode.ERROR)
  })

  it('requests at the same time keep their parts apart, also where one takes over from the other', async () => {
    const url = await site.create({ 'Upload-Length': '10' })
    exporter.reset()
    const fields = { 'Upload-Offset': '0', 'Content-Type': OCTETS }
    const running = site.begin('PATCH', url, fields, { first: 'hello', length: 10 })
    await site.arrived(url, 5)
    await site.head(url)
    await running.answer
    const spans = await requests(2)
    const patch = spans.find(({ name }) => name.startsWith('PATCH'))
    const head = spans.find(({ name }) => name.startsWith('HEAD'))
    expect(within(patch)).toEqual([
      'tusker.lock.hold(tusker.body tusker.store.append tusker.store.open)',
      'tusker.lock.wait',
    ])
    expect(within(head)).toEqual(['tusker.lock.hold(tusker.store.open)', 'tusker.lock.wait'])
    expect(patch?.attributes['error.type']).toBe('upload_interrupted')
    const body = exporter.getFinishedSpans().find(({ name }) => name === 'tusker.body')
    expect(body?.attributes['error.type']).toBe('upload_interrupted')
    expect(head?.events.map(({ name }) => name)).toEqual(['tusker.lock.takeover'])
  })

  it('a sweep, for which nobody asked, makes no traces', async () => {
    await site.create({ 'Upload-Length': '5' })
    exporter.reset()
    await site.uploads.engine.sweep(new Date(Date.now() + 7_200_000))
    expect(exporter.getFinishedSpans()).toEqual([])
  })
})

describe('within an application that has a span already', () => {
  it('a request is a part of that, and not a server of its own', async () => {
    const observer = openTelemetry()
    const tracer = trace.getTracer('application')
    const request = { method: 'GET', uri: '/files/a', remoteAddress: null, header: () => null }
    tracer.startActiveSpan('outer', (outer) => {
      observer.request(request, true, '/files/').end(200, null, 7)
      outer.end()
    })
    const [inner, outer] = exporter.getFinishedSpans()
    expect(inner).toMatchObject({ name: 'GET /files/{id}', kind: SpanKind.INTERNAL })
    expect(inner?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId)
    expect(inner?.attributes).toMatchObject({ 'url.scheme': 'https', 'http.response.body.size': 7 })
  })
})
