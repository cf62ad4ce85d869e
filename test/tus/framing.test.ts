import { describe, expect, it } from 'vitest'
import { fileLocker } from '../../src/lockers/file.ts'
import { diskStore } from '../../src/stores/disk.ts'
import { expectInOrder } from './support/connection.ts'
import { nodeDoor } from './support/node-door.ts'
import { host, idOf, OCTETS } from './support/site.ts'
import { headText, type Wire } from './support/wire.ts'

const AT_0 = { 'Upload-Offset': '0', 'Content-Type': OCTETS }

describe('framing through the node door', () => {
  const site = host(nodeDoor, { maxSize: 1000 })
  const shared = host(nodeDoor, (directory) => ({ locker: fileLocker({ directory }) }))
  const slow = host(nodeDoor, (directory) => ({ store: diskStore({ directory, pace: { slow: 0 } }) }))
  const fresh = () => site.create({ 'Upload-Length': '10' })

  /** The status of the next answer; null if the server just closed. */
  async function statusOrClose(wire: Wire, method: string): Promise<number | null> {
    const answer = await Promise.race([wire.answer(method).catch(() => null)])
    if (answer === null) expect(wire.isClosed()).toBe(true)
    return answer?.status ?? null
  }

  async function expectAlive(): Promise<void> {
    expect(await site.content(await site.create({ 'Upload-Length': '5' }, 'hello'))).toBe('hello')
  }

  // RFC 9112, section 9.3.2: only safe methods may be processed in parallel.
  it.each([
    ['all in one process', site],
    ['locks in files', shared],
    ['a slow disk', slow],
  ])('T-111 pipelined requests are done one after another and answered in order: %s', async (_, at) => {
    for (let round = 0; round < 5; round++) {
      const url = await at.create({ 'Upload-Length': '10' })
      const wire = await at.connect()
      const first = at.text('PATCH', url, AT_0, 'hello')
      const second = at.text('PATCH', url, { ...AT_0, 'Upload-Offset': '5' }, { chunks: ['wo', 'rld'] })
      const head = at.text('HEAD', url)
      await wire.write(Buffer.concat([head, first, head, second, head, at.text('GET', url), at.text('DELETE', url)]))
      const answers: [number, string | null][] = []
      for (const method of ['HEAD', 'PATCH', 'HEAD', 'PATCH', 'HEAD', 'GET', 'DELETE']) {
        const answer = await wire.answer(method)
        answers.push([answer.status, method === 'GET' ? answer.text : answer.header('upload-offset')])
      }
      expect(answers).toEqual([
        [200, '0'],
        [204, '5'],
        [200, '5'],
        [204, '10'],
        [200, '10'],
        [200, 'helloworld'],
        [204, null],
      ])
      expect(wire.rest()).toBe('')
      wire.cut()
    }
  })

  it('T-111 pipelined requests for several uploads are answered in order', async () => {
    const urls = await Promise.all(Array.from({ length: 5 }, fresh))
    const wire = await site.connect()
    const texts = urls.map((url, n) => site.text('PATCH', url, AT_0, 'x'.repeat(n + 1)))
    await wire.write(Buffer.concat([...texts, ...urls.map((url) => site.text('DELETE', url))]))
    for (const n of urls.keys()) expect((await wire.answer('PATCH')).header('upload-offset')).toBe(String(n + 1))
    for (const _ of urls) expect((await wire.answer('DELETE')).status).toBe(204)
    wire.cut()
  })

  it.each(['XYZ nonsense\r\n\r\n', '\x00\x01\x02\x03\r\n\r\n', 'HEAD / HTTP/9.9\r\n\r\n', '{"a":1}\r\n\r\n'])(
    'T-111 garbage after a request is answered with 400 or a close: %j',
    async (garbage) => {
      const url = await fresh()
      const wire = await site.connect()
      await wire.write(Buffer.concat([site.text('HEAD', url), Buffer.from(garbage, 'latin1')]))
      const statuses = [await statusOrClose(wire, 'HEAD'), await statusOrClose(wire, 'GET')]
      for (const status of statuses) expect([200, 400, 505, null]).toContain(status)
      await wire.closed
      await expectAlive()
    },
  )

  const chunks = { 'Transfer-Encoding': 'chunked' }
  it.each([
    ['Content-Length beside Transfer-Encoding', { ...chunks, 'Content-Length': '5' }, '5\r\nhello\r\n0\r\n\r\n'],
    ['two lengths', { 'Content-Length': ['5', '6'] }, 'hello!'],
    ['a list of lengths', { 'Content-Length': '5, 6' }, 'hello!'],
    ['a length with a sign', { 'Content-Length': '+5' }, 'hello'],
    ['a negative length', { 'Content-Length': '-5' }, 'hello'],
    ['a length in hexadecimal', { 'Content-Length': '0x5' }, 'hello'],
    ['a length beyond all integers', { 'Content-Length': '9'.repeat(30) }, 'hello'],
    ['a chunk size that is none', chunks, 'zz\r\nhello\r\n0\r\n\r\n'],
    ['a negative chunk size', chunks, '-5\r\nhello\r\n0\r\n\r\n'],
    ['a chunk size beyond all integers', chunks, `${'f'.repeat(40)}\r\nhello\r\n0\r\n\r\n`],
    ['another transfer coding', { 'Transfer-Encoding': 'chunked, gzip' }, '5\r\nhello\r\n0\r\n\r\n'],
    ['an unknown transfer coding', { 'Transfer-Encoding': 'xchunked' }, '5\r\nhello\r\n0\r\n\r\n'],
    ['no Host', { Host: null, 'Content-Length': '5' }, 'hello'],
    ['a field name with a space', { 'Content-Length ': '5' }, 'hello'],
  ])('T-112 broken framing is refused, and nothing is stored: %s', async (_, framing, body) => {
    const url = await fresh()
    const wire = await site.connect()
    await wire.write(Buffer.concat([site.text('PATCH', url, { ...AT_0, ...framing }), Buffer.from(body)]))
    expect([400, 413, 431, 501, null]).toContain(await statusOrClose(wire, 'PATCH'))
    await wire.closed
    expect(await site.offset(url)).toBe(0)
    expect(await site.stored(url)).toHaveLength(0)
  })

  it('T-112 a bad chunk after good ones ends the request; what came before may be kept', async () => {
    const url = await fresh()
    const wire = await site.connect()
    await wire.write(
      Buffer.concat([site.text('PATCH', url, { ...AT_0, ...chunks }), Buffer.from('5\r\nhello\r\nzz\r\nworld')]),
    )
    expect([400, null]).toContain(await statusOrClose(wire, 'PATCH'))
    await wire.closed
    const offset = await site.offset(url)
    expect((await site.stored(url)).toString()).toBe('hello'.slice(0, offset))
    expect((await site.patch(url, offset, 'helloworld'.slice(offset))).status).toBe(204)
  })

  const unknown = `/files/${'0'.repeat(32)}`
  it.each([
    ['a wrong version', 412, 'PATCH', 'URL', { ...AT_0, 'Tus-Resumable': '0.2.2' }],
    ['a wrong media type', 415, 'PATCH', 'URL', { ...AT_0, 'Content-Type': 'text/plain' }],
    ['a wrong offset', 409, 'PATCH', 'URL', { ...AT_0, 'Upload-Offset': '3' }],
    ['no offset', 400, 'PATCH', 'URL', { 'Content-Type': OCTETS }],
    ['too many bytes', 413, 'PATCH', 'URL', AT_0],
    ['a wrong checksum', 460, 'PATCH', 'WIDE', { ...AT_0, 'Upload-Checksum': 'md5 AAAAAAAAAAAAAAAAAAAAAA==' }],
    ['an unknown upload', 404, 'PATCH', unknown, AT_0],
    ['an unknown path', 404, 'POST', '/elsewhere', {}],
    ['a method', 405, 'PUT', 'URL', {}],
    ['a media type in POST', 415, 'POST', '/files/', { 'Upload-Length': '500', 'Content-Type': 'text/plain' }],
    ['a length in POST', 413, 'POST', '/files/', { 'Upload-Length': '1001', 'Content-Type': OCTETS }],
  ] as const)('T-113 a body refused for %s is never run as a request', async (_, status, method, target, fields) => {
    const url = await (target === 'WIDE' ? site.create({ 'Upload-Length': '1000' }) : fresh())
    const files = await site.files()
    const hidden = Buffer.concat([site.text('DELETE', url), site.text('POST', '/files/', { 'Upload-Length': '7' })])
    for (const body of [hidden, { chunks: [hidden.subarray(0, 60), hidden.subarray(60)] }]) {
      const wire = await site.connect()
      await wire.write(site.text(method, /^[A-Z]/.test(target) ? url : target, fields, body))
      const answer = await wire.answer(method)
      expect(answer.status).toBe(status)
      await expectInOrder(site, wire, answer, url)
      expect(await site.files()).toEqual(files)
      if (status === 413 && method === 'PATCH') return // Chunked, a prefix may be kept.
      expect(await site.offset(url)).toBe(0)
    }
  })

  it('T-113 bytes after a body are another request, and not of this one', async () => {
    const url = await fresh()
    const wire = await site.connect()
    const patch = site.text('PATCH', url, { ...AT_0, 'Content-Length': '5' }, 'hello')
    await wire.write(Buffer.concat([patch, site.text('HEAD', url)]))
    expect((await wire.answer('PATCH')).status).toBe(204)
    expect((await wire.answer('HEAD')).header('upload-offset')).toBe('5')
    wire.cut()
  })

  it.each([
    ['a URL of 100 KB', (id: string) => headText('HEAD', `/files/${id}${'a'.repeat(100_000)}`, { Host: 'x' })],
    [
      'a header of 100 KB',
      (id: string) => headText('HEAD', `/files/${id}`, { Host: 'x', 'X-Long': 'a'.repeat(100_000) }),
    ],
    [
      'a metadata header of 100 KB',
      () =>
        headText('POST', '/files/', {
          Host: 'x',
          'Upload-Length': '5',
          'Upload-Metadata': `a ${'YWFh'.repeat(25_000)}`,
        }),
    ],
    [
      '5,000 header lines',
      (id: string) => headText('HEAD', `/files/${id}`, { Host: 'x', 'X-Many': Array<string>(5000).fill('a') }),
    ],
  ])('T-115 %s is refused, and the server lives', async (_, text) => {
    const url = await fresh()
    const wire = await site.connect()
    await wire.write(text(idOf(url)))
    expect([400, 404, 412, 413, 414, 431, null]).toContain(await statusOrClose(wire, 'GET'))
    wire.cut()
    expect(await site.offset(url)).toBe(0)
    await expectAlive()
  })
})
