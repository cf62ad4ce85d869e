import { once } from 'node:events'
import { type ClientHttp2Stream, connect as connectHttp2, createServer, type IncomingHttpHeaders } from 'node:http2'
import { describe, expect, it } from 'vitest'
import { afterStalls } from '../support/calm.ts'
import type { Answer } from '../tus/support/answer.ts'
import { nodeDoor } from '../tus/support/node-door.ts'
import { storesAtOnce } from '../tus/support/stores.ts'
import { chunkText, type Wire } from '../tus/support/wire.ts'
import { appending, hostDraft, PARTIAL, urlIn } from './support/draft.ts'

/** All responses to one request, the final one last. */
async function responses(wire: Wire, method: string): Promise<readonly Answer[]> {
  const all: Answer[] = []
  do all.push(await wire.next(method))
  while ((all.at(-1)?.status ?? 0) < 200)
  return all
}

describe.each([8, 9])('interim responses over HTTP/1.1, version %d', (version) => {
  const draft = hostDraft(nodeDoor, version, { maxSize: 1000 })
  const chunkedHead = (fields = {}) => {
    const text = draft.text('POST', draft.base, { 'Transfer-Encoding': 'chunked', 'Upload-Complete': '?1', ...fields })
    return text
  }

  it('R-024 R-025 104 comes before the content ends, with Location, Upload-Limit and the version', async () => {
    const wire = await draft.site.connect()
    await wire.write(chunkedHead())
    const early = await wire.next('POST')
    expect(early.status).toBe(104)
    const url = urlIn(early, draft.site)
    expect(early.header('upload-limit')).toBe('max-size=1000')
    expect(early.header('upload-draft-interop-version')).toBe(String(version))
    await wire.write('5\r\nhello\r\n0\r\n\r\n')
    const final = await wire.answer('POST')
    expect(final.status).toBe(201)
    expect(wire.rest()).toBe('')
    wire.cut()
    expect(await draft.stand(url)).toBe('5 ?1 5')
  })

  it('R-024 R-028 who knows the URL by a 104 only goes on there after a cut', async () => {
    const wire = await draft.site.connect()
    await wire.write(chunkedHead())
    const url = urlIn(await wire.next('POST'), draft.site)
    await wire.write('5\r\nhello\r\n')
    await draft.site.arrived(url, 5)
    wire.cut()
    expect(await draft.stand(url)).toBe('5 ?0 -')
    expect((await draft.append(url, 5, '?1', ' world')).status).toBe(201)
  })

  it.each([null, '1', '2', '7', '10', '80', 'x', '"8"', '8.0'])(
    'R-025 R-058 a client of version %s gets no 104',
    async (named) => {
      for (const complete of ['?1', '?0']) {
        const wire = await draft.site.connect()
        const fields = { 'Upload-Draft-Interop-Version': named, 'Upload-Complete': complete }
        await wire.write(draft.text('POST', draft.base, fields, 'hello'))
        expect((await responses(wire, 'POST')).map(({ status }) => status)).toEqual([201])
        wire.cut()
      }
    },
  )

  it('R-026 every response to a creation has the same Location', async () => {
    for (const complete of ['?0', '?1']) {
      const wire = await draft.site.connect()
      await wire.write(draft.text('POST', draft.base, { 'Upload-Complete': complete }, 'hello'))
      const [early, final] = await responses(wire, 'POST')
      wire.cut()
      expect(early?.status).toBe(104)
      expect(early?.header('location')).toBe(final?.header('location'))
    }
  })

  it('R-030 104 does not take the place of 100', async () => {
    const wire = await draft.site.connect()
    const fields = { 'Content-Length': '5', Expect: '100-continue', 'Upload-Complete': '?1' }
    await wire.write(draft.text('POST', draft.base, fields))
    const early = [await wire.next('POST'), await wire.next('POST')].map(({ status }) => status)
    expect(early.toSorted()).toEqual([100, 104])
    await wire.write('hello')
    expect((await wire.answer('POST')).status).toBe(201)
    wire.cut()
  })

  it('R-031 an ordinary request gets no 104', async () => {
    const wire = await draft.site.connect()
    await wire.write(draft.text('POST', draft.base, {}, 'hello'))
    expect((await responses(wire, 'POST')).map(({ status }) => status)).toEqual([400])
    wire.cut()
  })

  const large = hostDraft(nodeDoor, version)

  // Of what is not stored yet no progress is told
  if (storesAtOnce) {
    it.each([
      ['R-032 creation', 'POST'],
      ['R-058 append', 'PATCH'],
    ])(
      '%s: 104 tells the offset about once a second, and no Location',
      { retry: afterStalls },
      async (_name, method) => {
        const url = method === 'POST' ? draft.base : await draft.create('?0')
        const fields = method === 'POST' ? { 'Upload-Complete': '?1' } : appending(0, '?1')
        const wire = await draft.site.connect()
        await wire.write(draft.text(method, url, { 'Transfer-Encoding': 'chunked', ...fields }))
        if (method === 'POST') expect((await wire.next(method)).header('location')).not.toBeNull()
        const began = performance.now()
        await wire.write('5\r\nhello\r\n')
        const first = await wire.next(method)
        for (let n = 0; n < 5; n++) await wire.write('1\r\n!\r\n')
        const second = await wire.next(method)
        expect(performance.now() - began).toBeGreaterThan(1500)
        for (const each of [first, second]) {
          expect(each.status).toBe(104)
          expect(each.header('location')).toBeNull()
          expect(each.header('upload-draft-interop-version')).toBe(String(version))
        }
        expect([first.header('upload-offset'), second.header('upload-offset')]).toEqual(['5', '10'])
        await wire.write('0\r\n\r\n')
        const final = await wire.next(method)
        expect(final.status).toBe(201)
        expect(final.header('upload-offset')).toBe('10')
        wire.cut()
      },
    )

    it('R-058 no progress is told of bytes that a digest may still void', async () => {
      const begin = async (fields = {}) => {
        const url = await large.create('?0')
        const wire = await large.site.connect()
        await wire.write(large.text('PATCH', url, { 'Transfer-Encoding': 'chunked', ...appending(0, '?0', fields) }))
        await wire.write(chunkText(Buffer.alloc(300_000)))
        await large.site.arrived(url, 300_000)
        return wire
      }
      const checked = await begin({ 'Content-Digest': 'sha-256=:AAAA:' })
      const other = await begin()
      // By the time the other one is told something, this one would have been.
      expect((await other.next('PATCH')).status).toBe(104)
      await checked.write('0\r\n\r\n')
      expect((await responses(checked, 'PATCH')).map(({ status }) => status)).toEqual([400])
      for (const wire of [checked, other]) wire.cut()
    })
  }

  it('R-121 a connection is in order after 104s, and pipelined requests get theirs in turn', async () => {
    const wire = await draft.site.connect()
    const one = draft.text('POST', draft.base, { 'Upload-Complete': '?0' }, 'hello')
    const bad = draft.text('POST', draft.base, { 'Upload-Complete': '?1', 'Upload-Length': '9' }, 'hello')
    await wire.write(Buffer.concat([one, bad, one]))
    const statuses: number[] = []
    for (let n = 0; n < 3; n++) statuses.push(...(await responses(wire, 'POST')).map(({ status }) => status))
    expect(statuses).toEqual([104, 201, 400, 104, 201])
    expect(wire.rest()).toBe('')
    wire.cut()
  })

  it('R-025 HTTP/1.0 knows no interim responses', async () => {
    const wire = await draft.site.connect()
    const text = draft
      .text('POST', draft.base, { 'Upload-Complete': '?1' }, 'hello')
      .toString()
      .replace('HTTP/1.1', 'HTTP/1.0')
    await wire.write(text)
    expect((await responses(wire, 'POST')).map(({ status }) => status)).toEqual([201])
  })
})

describe.each([8, 9])('interim responses over HTTP/2, version %d', (version) => {
  const draft = hostDraft(nodeDoor, version)

  /** A request to a server of node:http2, and its interim responses. */
  async function withStream(
    fields: Readonly<Record<string, string>>,
    use: (stream: ClientHttp2Stream, interim: readonly IncomingHttpHeaders[]) => Promise<void>,
  ): Promise<void> {
    // The types of node:http2 know no common ground with those of node:http, which frameworks hand through alike.
    const server = createServer((request, response) =>
      Reflect.apply(draft.site.uploads.node, null, [request, response]),
    )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    const session = connectHttp2(`http://127.0.0.1:${port}`)
    try {
      const stream = session.request({ 'upload-draft-interop-version': String(version), ...fields })
      const interim: IncomingHttpHeaders[] = []
      stream.on('headers', (headers) => void interim.push(headers))
      await use(stream, interim)
    } finally {
      session.destroy()
      server.close()
      await once(server, 'close')
    }
  }

  it('R-024 R-025 104 comes before the content ends', async () => {
    const fields = { ':method': 'POST', ':path': '/files/', 'upload-complete': '?1' }
    await withStream(fields, async (stream, interim) => {
      await once(stream, 'headers')
      expect(interim[0]).toMatchObject({ ':status': 104, 'upload-draft-interop-version': String(version) })
      stream.end('hello')
      const [final] = await once(stream, 'response')
      expect(final).toMatchObject({ ':status': 201, 'upload-complete': '?1', location: interim[0]?.location })
      expect(interim).toHaveLength(1)
    })
  })

  if (storesAtOnce) {
    it('R-058 R-082 progress is told, and HEAD ends the stream', async () => {
      const url = await draft.create('?0')
      const fields = { ':method': 'PATCH', ':path': new URL(url).pathname, 'content-type': PARTIAL }
      await withStream({ ...fields, 'upload-offset': '0', 'upload-complete': '?1' }, async (stream, interim) => {
        stream.write('hello')
        await once(stream, 'headers')
        expect(interim[0]).toMatchObject({ ':status': 104, 'upload-offset': '5' })
        const closed = once(stream, 'close')
        expect(await draft.stand(url)).toBe('5 ?0 -')
        await closed.catch(() => undefined)
        expect(stream.rstCode).not.toBe(0)
      })
    })
  }
})
