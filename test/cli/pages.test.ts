import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { samplesOf } from '../observe/support/samples.ts'
import { timed } from '../support/calm.ts'
import { create, offsetOf, open, patch, sample, startPatch } from './client.ts'
import { newFolder, run, setUp, start } from './program.ts'

setUp()

interface Answer {
  readonly status: number
  readonly text: string
  readonly headers: Headers
}

async function get(url: string, path: string, method = 'GET'): Promise<Answer> {
  const answer = await fetch(new URL(path, url), { method })
  return { status: answer.status, text: await answer.text(), headers: answer.headers }
}

const started = (...args: readonly string[]) => start('-upload-dir', join(newFolder(), 'data'), ...args)

test('metrics, health and a greeting are there by default, profiles are not', async () => {
  const { url } = await started()
  const greeting = await get(url, '/')
  expect(greeting.status).toBe(200)
  expect(greeting.text).toMatch(/^tusker \S+ .*\n.* under \/files\/\n$/)
  expect(await get(url, '/healthz')).toMatchObject({ status: 200, text: 'ok\n' })
  expect(await get(url, '/readyz?verbose')).toMatchObject({ status: 200, text: 'ready\n' })
  const metrics = await get(url, '/metrics')
  expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(metrics.headers.get('cache-control')).toBe('no-store')
  expect(metrics.text).toContain('\n# TYPE tusker_requests_total counter\n')
  expect((await get(url, '/debug/pprof/')).status).toBe(404)
})

test('what is nowhere says where the uploads are; other methods are answered by the door as ever', async () => {
  const { url } = await started('-base-path', '/up/')
  expect(await get(url, '/elsewhere')).toMatchObject({
    status: 404,
    text: 'nothing is served here; uploads are under /up/\n',
  })
  const posted = await get(url, '/elsewhere', 'POST')
  expect(posted.status).toBe(404)
  expect(posted.text).toMatch(/^ERR_NOT_FOUND/)
  expect((await get(url, '/up')).text).toMatch(/^ERR_METHOD_NOT_ALLOWED/)
  expect((await get(url, '/up/none')).text).toMatch(/^ERR_UPLOAD_NOT_FOUND/)
})

test('pages answer HEAD without a body; other methods find nothing there', async () => {
  const { url } = await started()
  const head = await get(url, '/healthz', 'HEAD')
  expect(head).toMatchObject({ status: 200, text: '' })
  expect(head.headers.get('content-length')).toBe('3')
  for (const method of ['POST', 'PUT']) {
    expect(await get(url, '/metrics', method)).toMatchObject({
      status: 404,
      text: expect.stringMatching(/^ERR_NOT_FOUND/),
    })
  }
})

test('what is switched off is not there, and costs no place', async () => {
  const off = ['-expose-metrics=false', '-expose-health=false', '-show-greeting=false']
  const { url } = await started(...off, '-base-path', '/metrics/')
  for (const path of ['/', '/healthz', '/readyz']) expect((await get(url, path)).status).toBe(404)
  expect((await get(url, '/metrics')).text).toMatch(/^ERR_METHOD_NOT_ALLOWED/)
})

test('with the root as base path, pages stand beside uploads and there is no greeting', async () => {
  const { url } = await started('-base-path', '/')
  expect((await get(url, '/healthz')).status).toBe(200)
  expect((await get(url, '/metrics')).status).toBe(200)
  expect((await get(url, '/')).text).toMatch(/^ERR_METHOD_NOT_ALLOWED/)
  const upload = await create(url, 3)
  expect((await patch(upload, 0, sample(3))).status).toBe(204)
  expect((await get(url, upload)).status).toBe(200)
})

test('the metrics tell what the server did, and its open connections', async () => {
  const { url } = await started('-metrics-path', '/numbers')
  const upload = await create(url, 4000)
  expect((await patch(upload, 0, sample(4000))).status).toBe(204)
  const idle = open(url)
  const numbers = async () => samplesOf((await get(url, '/numbers')).text)
  await vi.waitFor(
    async () => expect((await numbers()).get('tusker_connections_open')).toBeGreaterThanOrEqual(2),
    10_000,
  )
  const before = (await numbers()).get('tusker_connections_open') ?? 0
  idle.destroy()
  await vi.waitFor(async () => expect((await numbers()).get('tusker_connections_open')).toBe(before - 1), 60_000)
  const seen = await numbers()
  expect(seen.get('tusker_received_bytes_total')).toBe(4000)
  expect(seen.get('tusker_uploads_finished_total{kind="plain"}')).toBe(1)
  // Pages are no requests for uploads.
  expect([...seen.keys()].filter((name) => name.startsWith('tusker_requests_total'))).toHaveLength(2)
})

test('a store that cannot be written makes the server unready, but not dead, until it can be written again', async () => {
  const directory = join(newFolder(), 'data')
  const { url } = await start('-upload-dir', directory)
  const obstacle = join(directory, '.tusker-check')
  mkdirSync(obstacle)
  await vi.waitFor(async () => {
    expect(await get(url, '/readyz')).toMatchObject({ status: 503, text: 'not ready: the storage failed\n' })
  }, 60_000)
  expect((await get(url, '/healthz')).status).toBe(200)
  rmSync(obstacle, { recursive: true })
  await vi.waitFor(async () => expect((await get(url, '/readyz')).status).toBe(200), 60_000)
  expect(readdirSync(directory)).not.toContain('.tusker-check')
})

test('while it stops, a connection that is open is told that it is not ready', async () => {
  const program = await started('-shutdown-timeout', '8s')
  const upload = await create(program.url, 0)
  const bytes = sample(32 * 1024 * 1024)
  const large = await create(program.url, bytes.length)
  expect((await patch(large, 0, bytes)).status).toBe(204)
  expect(await offsetOf(upload)).toBe(0)
  // A download that nobody reads keeps the server from ending at once.
  const stuck = request(large)
  const response = await new Promise<IncomingMessage>((done) => stuck.once('response', done).end())
  const asking = open(program.url)
  let answer = ''
  asking.setEncoding('latin1').on('data', (text: string) => (answer += text))
  asking.write('GET /readyz HTTP/1.1\r\n')
  // Answered after it has read the half of the other connection, which was sent before.
  expect((await get(program.url, '/readyz')).status).toBe(200)
  program.kill('SIGTERM')
  await vi.waitFor(() => expect(program.output()).toContain('SIGTERM: stopping'), 60_000)
  asking.write('Host: localhost\r\n\r\n')
  await vi.waitFor(() => expect(answer).toContain('not ready: the server is shutting down'), 60_000)
  expect(answer).toMatch(/^HTTP\/1\.1 503 /)
  response.destroy()
  expect((await program.ended()).code).toBe(0)
})

test('profiles are what Chrome DevTools opens, one at a time', async () => {
  const { url } = await started('-expose-pprof', '-pprof-path', '/prof')
  expect((await get(url, '/prof/')).text).toContain('/prof/profile?seconds=30')
  const running = get(url, '/prof/profile?seconds=1')
  await vi.waitFor(async () => expect((await get(url, '/prof/heap?seconds=1')).status).toBe(503), 60_000)
  const head = await get(url, '/prof/heap', 'HEAD')
  expect({ status: head.status, allow: head.headers.get('allow') }).toEqual({ status: 405, allow: 'GET' })
  const cpu = await running
  expect(cpu.headers.get('content-disposition')).toBe('attachment; filename="tusker.cpuprofile"')
  const { nodes, samples, startTime, endTime } = JSON.parse(cpu.text)
  expect(nodes.length).toBeGreaterThan(1)
  expect(samples.length).toBeGreaterThan(0)
  expect(endTime - startTime).toBeGreaterThan(900_000)
  const heap = await get(url, '/prof/heap?seconds=1')
  expect(heap.headers.get('content-disposition')).toBe('attachment; filename="tusker.heapprofile"')
  expect(JSON.parse(heap.text)).toMatchObject({ head: { callFrame: { functionName: '(root)' } } })
  for (const seconds of ['0', '301', '1.5', 'x', '']) {
    expect((await get(url, `/prof/profile?seconds=${seconds}`)).status).toBe(400)
  }
})

test('a profile ends when its client leaves, and when the server stops', async () => {
  const program = await started('-expose-pprof')
  const asked = request(new URL('/debug/pprof/profile?seconds=300', program.url)).on('error', () => undefined)
  asked.end()
  const busy = async () => (await get(program.url, '/debug/pprof/profile?seconds=1')).status
  await vi.waitFor(async () => expect(await busy()).toBe(503), 60_000)
  asked.destroy()
  await vi.waitFor(async () => expect(await busy()).toBe(200), 60_000)
  const last = get(program.url, '/debug/pprof/heap?seconds=300')
  await vi.waitFor(async () => expect(await busy()).toBe(503), 60_000)
  program.kill('SIGTERM')
  const { took } = await timed(async () => {
    expect((await last).status).toBe(200)
    expect((await program.ended()).code).toBe(0)
  })
  expect(took).toBeLessThan(8000)
})

test('a base path that would take the place of the health pages ends the start', async () => {
  const { code, stderr } = await run('-base-path', '/healthz')
  expect(code).toBe(2)
  expect(stderr).toBe(
    'tusker: flag -base-path /healthz/ takes the place of /healthz; choose another, or -expose-health=false\n',
  )
})

test('an upload that is under way is counted as in flight, and its bytes as they are stored', async () => {
  const { url } = await started()
  const upload = await create(url, 10_000)
  const sending = startPatch(upload, 10_000, sample(6000))
  await vi.waitFor(async () => {
    const seen = samplesOf((await get(url, '/metrics')).text)
    expect(seen.get('tusker_requests_in_flight')).toBe(1)
    expect(seen.get('tusker_received_bytes_total')).toBe(6000)
  }, 60_000)
  sending.destroy()
  await vi.waitFor(async () => {
    const seen = samplesOf((await get(url, '/metrics')).text)
    expect(seen.get('tusker_requests_in_flight')).toBe(0)
    expect(seen.get('tusker_errors_total{status="400",code="connection_lost"}')).toBe(1)
  }, 60_000)
})
