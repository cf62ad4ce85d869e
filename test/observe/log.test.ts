import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Log, LogFields } from '../../src/core/log.ts'
import { doors } from '../tus/support/doors.ts'
import { host, idOf, OCTETS } from '../tus/support/site.ts'

interface Line {
  readonly level: string
  readonly event: string
  readonly fields: LogFields
}

let lines: Line[] = []
const note =
  (level: string) =>
  (event: string, fields: LogFields = {}) => {
    const known = Object.entries(fields).filter(([, value]) => value !== undefined)
    lines.push({ level, event, fields: Object.fromEntries(known) })
  }
const log: Log = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') }
const named = (event: string) => lines.filter((line) => line.event === event).map(({ fields }) => fields)

beforeEach(() => {
  lines = []
})

describe.each(doors)('the log of what goes through the $name door', (door) => {
  const site = host(door, {
    log,
    hooks: {
      postCreate(upload) {
        if (upload.metadata.has('fail')) throw new Error('on purpose')
      },
    },
  })

  it('has one line for each request at its end, and every event of a request carries its id', async () => {
    const url = await site.create({ 'Upload-Length': '5', 'X-Request-ID': 'create-1' })
    expect((await site.patch(url, 0, 'hello', { 'X-Request-ID': 'patch-1' })).status).toBe(204)
    expect((await site.send('GET', url, { 'X-Request-ID': 'get-1' })).status).toBe(200)
    expect((await site.send('DELETE', url, { 'X-Request-ID': 'delete-1' })).status).toBe(204)
    await vi.waitFor(() => expect(named('request.finished')).toHaveLength(4), 60_000)
    const id = idOf(url)
    const milliseconds = expect.any(Number)
    expect(named('request.finished')).toEqual([
      { request: 'create-1', method: 'POST', status: 201, milliseconds },
      { request: 'patch-1', method: 'PATCH', id, status: 204, received: 5, milliseconds },
      { request: 'get-1', method: 'GET', id, status: 200, sent: 5, milliseconds },
      { request: 'delete-1', method: 'DELETE', id, status: 204, milliseconds },
    ])
    expect(named('upload.created')).toEqual([{ request: 'create-1', id, length: 5 }])
    expect(named('upload.finished')).toEqual([{ request: 'patch-1', id, length: 5, partial: false }])
    expect(named('upload.terminated')).toEqual([{ request: 'delete-1', id }])
  })

  it('names a request that has no name, or none that is fit for a log, differently each time', async () => {
    for (const name of [null, '', 'a b', 'x'.repeat(65), 'a"b', 'a;b']) {
      await site.send('HEAD', `${site.base}none`, name === null ? {} : { 'X-Request-ID': name })
    }
    const names = named('request.finished').map(({ request }) => String(request))
    for (const name of names) expect(name).toMatch(/^[0-9a-f]{8}-[0-9a-z]+$/)
    expect(new Set(names).size).toBe(6)
  })

  it('says why a request was refused, in the same line', async () => {
    const url = await site.create({ 'Upload-Length': '5' })
    await site.patch(url, 3, 'lo', { 'X-Request-ID': 'wrong' })
    expect(named('request.finished').find(({ request }) => request === 'wrong')).toMatchObject({
      status: 409,
      code: 'offset_mismatch',
    })
  })

  it('notes what was taken of a request that broke off', async () => {
    const url = await site.create({ 'Upload-Length': '10' })
    const fields = { 'Upload-Offset': '0', 'Content-Type': OCTETS, 'X-Request-ID': 'cut-1' }
    const running = site.begin('PATCH', url, fields, { first: 'hello', length: 10 })
    await site.arrived(url, 5)
    running.cut()
    await vi.waitFor(() => expect(named('upload.interrupted')).toHaveLength(1), 60_000)
    expect(named('upload.interrupted')[0]).toMatchObject({ request: 'cut-1', offset: 5, code: 'connection_lost' })
    await vi.waitFor(
      () => expect(named('request.finished').find(({ request }) => request === 'cut-1')).toMatchObject({ received: 5 }),
      10_000,
    )
  })

  it('marks a download that its client cut', async () => {
    const bytes = Buffer.alloc(8 * 1024 * 1024, 'x')
    const url = await site.create({ 'Upload-Length': String(bytes.length) }, bytes)
    const controller = new AbortController()
    const gets = () => named('request.finished').filter(({ method }) => method === 'GET')
    if (door.name === 'node') {
      const answer = await fetch(url, { signal: controller.signal })
      const reader = answer.body?.getReader()
      await reader?.read()
      controller.abort()
    } else {
      const answer = await site.uploads.fetch(new Request(url, { signal: controller.signal }))
      const reader = answer.body?.getReader()
      await reader?.read()
      await reader?.cancel()
    }
    await vi.waitFor(() => expect(gets()).toHaveLength(1), 60_000)
    expect(gets()[0]).toMatchObject({ status: 200, cut: true })
    expect(Number(gets()[0]?.['sent'])).toBeLessThan(bytes.length)
  })

  it('names the request behind a hook that fails after its answer', async () => {
    await site.create({ 'Upload-Length': '5', 'Upload-Metadata': 'fail', 'X-Request-ID': 'told-1' })
    await vi.waitFor(
      () => expect(named('hook.failed')).toMatchObject([{ request: 'told-1', code: 'hook_failed' }]),
      10_000,
    )
  })

  it('never holds metadata, queries, tokens or bodies', async () => {
    const secret = 'c2VjcmV0'
    const url = await site.create({
      'Upload-Length': '6',
      'Upload-Metadata': `filename ${secret}`,
      Authorization: `Bearer ${secret}`,
    })
    await site.send('PATCH', `${url}?token=${secret}`, { 'Upload-Offset': '0', 'Content-Type': OCTETS }, 'secret')
    await site.send('GET', `${url}?token=${secret}`)
    await vi.waitFor(() => expect(named('request.finished').length).toBeGreaterThanOrEqual(3), 60_000)
    expect(JSON.stringify(lines)).not.toMatch(/secret|c2VjcmV0/)
  })
})
