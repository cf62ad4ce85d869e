import { createServer, type Server } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LinkHeaders } from '../../src/core/store.ts'
import { prometheusMetrics } from '../../src/metrics/prometheus.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { altered } from '../support/engine.ts'
import { doors } from './support/doors.ts'
import { host, idOf } from './support/site.ts'

const b64 = (text: string) => Buffer.from(text).toString('base64')

/** A service beside the server that knows uploads by their ids, as an object store does. */
function beside() {
  const server: Server = createServer((request, response) => {
    const [id = '', query = ''] = (request.url ?? '').slice(1).split('?')
    const type = new URLSearchParams(query).get('type') ?? ''
    response.writeHead(200, { 'Content-Type': type, 'X-Range': request.headers.range ?? 'none' })
    response.end(`bytes of ${id}`)
  })
  let origin = ''
  beforeAll(async () => {
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    origin = `http://127.0.0.1:${address.port}`
  })
  afterAll(() => new Promise((done) => server.close(done)))
  return {
    url: (id: string, { contentType }: LinkHeaders) => `${origin}/${id}?type=${encodeURIComponent(contentType)}`,
  }
}

describe.each(doors)('downloads by a link through the $name door', (door) => {
  const service = beside()
  const metrics = prometheusMetrics()
  /** None is handed out for what is called so. */
  const unlinked = 'stays here'
  const site = host(door, {
    observers: [metrics],
    store: altered(memoryStore(), (stored) => ({
      link: async (headers) =>
        stored.upload.metadata.get('filename') === unlinked ? null : service.url(stored.upload.id, headers),
    })),
  })
  const upload = (name = 'a') =>
    site.create(
      { 'Upload-Length': '5', 'Upload-Metadata': `filename ${b64(name)},filetype ${b64('image/png')}` },
      'hello',
    )
  const get = (url: string, fields = {}) => site.send('GET', url, { 'Tus-Resumable': null, ...fields })

  it('GET is sent on to the bytes, and sends none', async () => {
    const url = await upload()
    const answer = await get(url)
    expect(answer).toMatchObject({ status: 307, text: '' })
    expect(answer.header('cache-control')).toBe('no-store')
    expect(answer.header('referrer-policy')).toBe('no-referrer')
    expect(answer.header('location')).toMatch(new RegExp(`^http://127.0.0.1:\\d+/${idOf(url)}\\?type=image%2Fpng$`))
    expect(metrics.text()).toContain('tusker_sent_bytes_total 0\n')
  })

  it('a client that follows gets there with its range, and the type is told', async () => {
    const url = await upload()
    const location = (await get(url, { Range: 'bytes=1-2' })).header('location') ?? ''
    const answer = await fetch(location, { headers: { Range: 'bytes=1-2' } })
    expect(await answer.text()).toBe(`bytes of ${idOf(url)}`)
    expect(answer.headers.get('content-type')).toBe('image/png')
    expect(answer.headers.get('x-range')).toBe('bytes=1-2')
  })

  it('HEAD stays here, and a client that has the bytes is told so here', async () => {
    const url = await upload()
    const head = await site.head(url)
    expect(head.status).toBe(200)
    expect(head.header('upload-offset')).toBe('5')
    expect(head.header('location')).toBeNull()
    const etag = (await get(await upload(unlinked))).header('etag') ?? ''
    expect(etag).not.toBe('')
    expect((await get(url, { 'If-None-Match': '*' })).status).toBe(304)
  })

  it('an unfinished upload is not linked to', async () => {
    const url = await site.create({ 'Upload-Length': '10' }, 'hello')
    expect((await get(url)).status).toBe(400)
  })

  it('without a link the bytes come from here, in ranges, too', async () => {
    const url = await upload(unlinked)
    expect(await get(url)).toMatchObject({ status: 200, text: 'hello' })
    expect(await get(url, { Range: 'bytes=1-2' })).toMatchObject({ status: 206, text: 'el' })
  })

  it('what is stored in a coding of its own comes from here, where the coding is told', async () => {
    const fields = { 'Tus-Resumable': null, 'Upload-Draft-Interop-Version': '6', 'Upload-Complete': '?1' }
    const created = await site.send('POST', site.base, { ...fields, 'Content-Encoding': 'gzip' }, 'coded')
    expect(created.status).toBeLessThan(300)
    const answer = await get(new URL(created.header('location') ?? '', site.base).href)
    expect(answer).toMatchObject({ status: 200, text: 'coded' })
    expect(answer.header('content-encoding')).toBe('gzip')
  })
})
