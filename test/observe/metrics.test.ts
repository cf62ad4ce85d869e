import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { prometheusMetrics } from '../../src/metrics/prometheus.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { createUploads } from '../../src/uploads.ts'
import { doors } from '../tus/support/doors.ts'
import { host, OCTETS } from '../tus/support/site.ts'
import { changes, samplesOf } from './support/samples.ts'

describe.each(doors)('metrics of what goes through the $name door', (door) => {
  const metrics = prometheusMetrics({ version: '1.2.3' })
  const site = host(door, {
    observers: [metrics],
    expireAfter: 3_600_000,
    hooks: {
      preCreate(_, request) {
        if (request.header('x-fail') !== null) throw new Error('on purpose')
      },
      postFinish: () => undefined,
    },
  })

  /** What `work` changes in the numbers. */
  async function during(work: () => Promise<unknown>) {
    const before = metrics.text()
    await work()
    // An answer is counted when it is made or sent, which may be a moment after the client has it.
    await vi.waitFor(() => expect(samplesOf(metrics.text()).get('tusker_requests_in_flight')).toBe(0), 60_000)
    return changes(before, metrics.text())
  }

  it('an upload counts its requests, bytes, calls and hooks once each', async () => {
    const seen = await during(async () => {
      const url = await site.create({ 'Upload-Length': '11' })
      expect((await site.patch(url, 0, 'hello ')).status).toBe(204)
      expect((await site.patch(url, 6, 'world')).status).toBe(204)
      expect(await site.offset(url)).toBe(11)
      expect(await site.content(url)).toBe('hello world')
      expect((await site.send('DELETE', url)).status).toBe(204)
    })
    expect(seen).toEqual({
      'tusker_requests_total{method="POST",status="201"}': 1,
      'tusker_requests_total{method="PATCH",status="204"}': 2,
      'tusker_requests_total{method="HEAD",status="200"}': 1,
      'tusker_requests_total{method="GET",status="200"}': 1,
      'tusker_requests_total{method="DELETE",status="204"}': 1,
      'tusker_request_seconds_count{method="POST"}': 1,
      'tusker_request_seconds_count{method="PATCH"}': 2,
      'tusker_request_seconds_count{method="HEAD"}': 1,
      'tusker_request_seconds_count{method="GET"}': 1,
      'tusker_request_seconds_count{method="DELETE"}': 1,
      tusker_received_bytes_total: 11,
      tusker_sent_bytes_total: 11,
      'tusker_uploads_created_total{kind="plain"}': 1,
      'tusker_uploads_finished_total{kind="plain"}': 1,
      'tusker_uploads_terminated_total{kind="plain"}': 1,
      tusker_body_seconds_count: 2,
      tusker_lock_wait_seconds_count: 5,
      tusker_lock_hold_seconds_count: 5,
      'tusker_store_seconds_count{call="create"}': 1,
      'tusker_store_seconds_count{call="open"}': 5,
      'tusker_store_seconds_count{call="append"}': 2,
      'tusker_store_seconds_count{call="finish"}': 1,
      'tusker_store_seconds_count{call="remove"}': 1,
      'tusker_hook_calls_total{hook="preCreate"}': 1,
      'tusker_hook_calls_total{hook="postFinish"}': 1,
      tusker_hook_seconds_count: 2,
      'tusd_requests_total{method="POST"}': 1,
      'tusd_requests_total{method="PATCH"}': 2,
      'tusd_requests_total{method="HEAD"}': 1,
      'tusd_requests_total{method="GET"}': 1,
      'tusd_requests_total{method="DELETE"}': 1,
      tusd_bytes_received: 11,
      tusd_uploads_created: 1,
      tusd_uploads_finished: 1,
      tusd_uploads_terminated: 1,
      'tusd_hook_invocations_total{hooktype="pre-create"}': 1,
      'tusd_hook_invocations_total{hooktype="post-finish"}': 1,
    })
  })

  it('errors are counted by status and code, under both names', async () => {
    const url = await site.create({ 'Upload-Length': '5' })
    const seen = await during(async () => {
      expect((await site.patch(url, 3, 'lo')).status).toBe(409)
      expect((await site.head(`${site.base}nothing`)).status).toBe(404)
      expect((await site.post({ 'Upload-Length': '-1' })).status).toBe(400)
      expect((await site.post({ 'Upload-Length': '5', 'X-Fail': 'yes' })).status).toBe(500)
    })
    expect(seen).toMatchObject({
      'tusker_errors_total{status="409",code="offset_mismatch"}': 1,
      'tusker_errors_total{status="404",code="upload_not_found"}': 1,
      'tusker_errors_total{status="400",code="invalid_length"}': 1,
      'tusker_errors_total{status="500",code="hook_failed"}': 1,
      'tusd_errors_total{status="409",code="ERR_MISMATCHED_OFFSET"}': 1,
      'tusd_errors_total{status="404",code="ERR_UPLOAD_NOT_FOUND"}': 1,
      'tusd_errors_total{status="400",code="ERR_INVALID_UPLOAD_LENGTH"}': 1,
      'tusker_hook_errors_total{hook="preCreate"}': 1,
      'tusd_hook_errors_total{hooktype="pre-create"}': 1,
    })
    expect(seen).not.toHaveProperty('tusker_received_bytes_total')
    expect(seen).not.toHaveProperty('tusd_uploads_created')
  })

  it('a request that is taken over counts as one, and its bytes as received', async () => {
    const url = await site.create({ 'Upload-Length': '10' })
    const seen = await during(async () => {
      const fields = { 'Upload-Offset': '0', 'Content-Type': OCTETS }
      const running = site.begin('PATCH', url, fields, { first: 'hello', length: 10 })
      await site.arrived(url, 5)
      expect(samplesOf(metrics.text()).get('tusker_requests_in_flight')).toBe(1)
      expect(await site.offset(url)).toBe(5)
      expect((await running.answer).status).toBe(400)
    })
    expect(seen).toMatchObject({
      tusker_lock_takeovers_total: 1,
      tusker_lock_wait_seconds_count: 2,
      'tusker_errors_total{status="400",code="upload_interrupted"}': 1,
      tusker_received_bytes_total: 5,
    })
  })

  it('pieces and wholes of a concatenation are told apart, and joining receives nothing', async () => {
    const part = await site.create({ 'Upload-Length': '3', 'Upload-Concat': 'partial' }, 'abc')
    const seen = await during(() => site.create({ 'Upload-Concat': `final;${part} ${part}` }))
    expect(seen).toMatchObject({
      'tusker_uploads_created_total{kind="final"}': 1,
      'tusker_uploads_finished_total{kind="final"}': 1,
      tusd_uploads_finished: 1,
    })
    expect(seen).not.toHaveProperty('tusker_received_bytes_total')
  })

  it('an upload that expires is counted', async () => {
    await site.create({ 'Upload-Length': '3' })
    const seen = await during(() => site.uploads.engine.sweep(new Date(Date.now() + 7_200_000)))
    expect(seen['tusker_uploads_expired_total{kind="plain"}']).toBeGreaterThanOrEqual(1)
  })

  it('methods that nobody knows share one number, whatever a client makes up', async () => {
    const before = samplesOf(metrics.text()).size
    const seen = await during(async () => {
      for (const method of ['PUT', 'MADE-UP-1', 'MADE-UP-2', 'MADE-UP-3']) {
        await site.send('POST', site.base, { 'X-HTTP-Method-Override': method })
      }
    })
    expect(seen['tusker_requests_total{method="other",status="405"}']).toBe(4)
    // The one of the requests, and under both names that of the errors.
    expect(samplesOf(metrics.text()).size - before).toBeLessThanOrEqual(3)
    expect(metrics.text()).not.toContain('MADE')
  })

  it('the time of an append is the store that works, not the client that dawdles', async () => {
    const url = await site.create({ 'Upload-Length': '10' })
    const before = samplesOf(metrics.text())
    const running = site.begin(
      'PATCH',
      url,
      { 'Upload-Offset': '0', 'Content-Type': OCTETS },
      { first: 'hello', length: 10 },
    )
    await site.arrived(url, 5)
    const began = performance.now()
    await vi.waitFor(() => expect(performance.now() - began).toBeGreaterThan(500), { timeout: 60_000, interval: 20 })
    await running.write('world')
    expect((await running.answer).status).toBe(204)
    const after = samplesOf(metrics.text())
    const spent = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0)
    expect(spent('tusker_body_seconds_sum')).toBeGreaterThan(0.4)
    expect(spent('tusker_lock_hold_seconds_sum')).toBeGreaterThan(0.4)
    expect(spent('tusker_store_seconds_sum{call="append"}')).toBeLessThan(spent('tusker_body_seconds_sum') - 0.3)
  })
})

describe('metrics of a process', () => {
  const ends: (() => Promise<unknown> | unknown)[] = []
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end()
  })

  async function open() {
    const metrics = prometheusMetrics()
    const uploads = await createUploads({ store: memoryStore(), observers: [metrics] })
    ends.push(() => uploads.close(0))
    return { metrics, uploads, value: (name: string) => samplesOf(metrics.text()).get(name) }
  }

  it('counts connections that are open, and forgets those that have closed', async () => {
    const { metrics, uploads, value } = await open()
    const server = createServer(uploads.node)
    metrics.watch(server)
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    ends.push(() => new Promise((done) => server.close(done)))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const sockets: Socket[] = [1, 2, 3].map(() => connect(address.port, '127.0.0.1'))
    await vi.waitFor(() => expect(value('tusker_connections_open')).toBe(3), 60_000)
    expect(value('tusd_connections_open')).toBe(3)
    for (const socket of sockets) socket.destroy()
    await vi.waitFor(() => expect(value('tusker_connections_open')).toBe(0), 60_000)
  })

  it('shows a blocked event loop as delay', async () => {
    const { metrics, value } = await open()
    const until = performance.now() + 400
    while (performance.now() < until) JSON.stringify(until)
    await vi.waitFor(() => expect(value('tusker_event_loop_delay_seconds_count')).toBeGreaterThan(0), 60_000)
    const quick = samplesOf(metrics.text()).get('tusker_event_loop_delay_seconds_bucket{le="0.1"}') ?? 0
    expect(value('tusker_event_loop_delay_seconds_count')).toBeGreaterThan(quick)
    expect(value('tusker_event_loop_active_seconds_total')).toBeGreaterThan(0.3)
  })

  it('stops its clock with the last server that uses it', async () => {
    vi.useFakeTimers()
    ends.push(() => vi.useRealTimers())
    const metrics = prometheusMetrics()
    const detached = [metrics.attach({ buffered: () => 3 }), metrics.attach({ buffered: () => 4 })]
    expect(samplesOf(metrics.text()).get('tusker_buffered_bytes')).toBe(7)
    expect(vi.getTimerCount()).toBe(1)
    detached[0]?.()
    expect(samplesOf(metrics.text()).get('tusker_buffered_bytes')).toBe(4)
    expect(vi.getTimerCount()).toBe(1)
    detached[1]?.()
    expect(samplesOf(metrics.text()).get('tusker_buffered_bytes')).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('tells what the process uses, and what it is', async () => {
    const { metrics, value } = await open()
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(10_000_000)
    expect(value('process_cpu_seconds_total')).toBeGreaterThan(0)
    const started = value('process_start_time_seconds') ?? 0
    expect(Math.abs(Date.now() / 1000 - process.uptime() - started)).toBeLessThan(60)
    expect(metrics.text()).toContain(`tusker_build_info{version="",node="${process.version}"} 1\n`)
  })
})
