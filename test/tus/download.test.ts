import { describe, expect, it } from 'vitest'
import type { Fields } from './support/answer.ts'
import { doors } from './support/doors.ts'
import { nodeDoor } from './support/node-door.ts'
import { host, idOf, pattern } from './support/site.ts'

const b64 = (text: string) => Buffer.from(text).toString('base64')

describe.each(doors)('downloads through the $name door', (door) => {
  const site = host(door)
  const upload = (body: string | Uint8Array, metadata?: string) =>
    site.create({ 'Upload-Length': String(body.length), ...(metadata && { 'Upload-Metadata': metadata }) }, body)
  const get = (url: string, fields: Fields = {}) => site.send('GET', url, { 'Tus-Resumable': null, ...fields })

  it.each([
    'text/html',
    'text/html; charset=utf-8',
    'TEXT/HTML',
    'image/svg+xml',
    'application/xhtml+xml',
    'text/xml',
    'application/xml',
    'application/javascript',
    'text/javascript',
    'application/x-shockwave-flash',
    'text/plain, text/html',
    'x',
    '',
  ])('T-123 active or unknown content is never shown inline: %j', async (type) => {
    const url = await upload('<script>alert(1)</script>', `filetype ${b64(type)},filename ${b64('page.html')}`)
    const answer = await get(url)
    expect(answer.status).toBe(200)
    expect(answer.header('content-disposition')).toMatch(/^attachment\b/)
    expect(answer.header('x-content-type-options')).toBe('nosniff')
    expect(answer.text).toBe('<script>alert(1)</script>')
  })

  it('T-123 content without a type is never sniffed', async () => {
    const answer = await get(await upload('<script>alert(1)</script>'))
    expect(answer.header('content-disposition')).toMatch(/^attachment\b/)
    expect(answer.header('content-type')).toBe('application/octet-stream')
    expect(answer.header('x-content-type-options')).toBe('nosniff')
  })

  it.each(['image/png', 'image/jpeg', 'video/mp4'])('T-123 harmless content may be shown inline: %s', async (type) => {
    const answer = await get(await upload('pixels', `filetype ${b64(type)},filename ${b64('a.bin')}`))
    expect(answer.header('content-type')).toBe(type)
    expect(answer.header('content-disposition')).toMatch(/^inline\b/)
    expect(answer.header('x-content-type-options')).toBe('nosniff')
  })

  it('T-123 a file name of any language comes through', async () => {
    const disposition = (await get(await upload('x', `filename ${b64('报告 €.pdf')}`))).header('content-disposition')
    expect(disposition).toContain(`filename*=UTF-8''${encodeURIComponent('报告 €.pdf')}`)
  })

  it.each([
    ['bytes=0-4', 206, '01234', 'bytes 0-4/10'],
    ['bytes=5-', 206, '56789', 'bytes 5-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=9-100', 206, '9', 'bytes 9-9/10'],
    ['bytes=0-0', 206, '0', 'bytes 0-0/10'],
  ])('T-123 a range is answered with its bytes: %s', async (range, status, text, contentRange) => {
    const answer = await get(await upload('0123456789'), { Range: range })
    expect(answer).toMatchObject({ status, text })
    expect(answer.header('content-range')).toBe(contentRange)
    expect(answer.header('content-length')).toBe(String(text.length))
  })

  it.each(['bytes=10-', 'bytes=100-200', 'bytes=-0'])(
    'T-123 a range outside is answered with 416: %s',
    async (range) => {
      const answer = await get(await upload('0123456789'), { Range: range })
      expect(answer.status).toBe(416)
      expect(answer.header('content-range')).toBe('bytes */10')
    },
  )

  it.each(['bytes=x', 'bytes=5-2', 'lines=0-4', 'bytes', 'bytes=0-1,3-4,6-7'])(
    'T-123 a range that is malformed or too much is ignored: %s',
    async (range) => {
      const answer = await get(await upload('0123456789'), { Range: range })
      expect(answer).toMatchObject({ status: 200, text: '0123456789' })
    },
  )

  it('T-123 conditional requests are honoured', async () => {
    const url = await upload('0123456789')
    const first = await get(url)
    const [etag, date] = [first.header('etag') ?? '', first.header('last-modified') ?? '']
    expect(etag).toMatch(/^"[^"]+"$/)
    expect(Date.parse(date)).not.toBeNaN()
    expect(await get(url, { 'If-None-Match': etag })).toMatchObject({ status: 304, text: '' })
    expect(await get(url, { 'If-None-Match': '"other"' })).toMatchObject({ status: 200 })
    expect(await get(url, { 'If-Modified-Since': date })).toMatchObject({ status: 304 })
    expect(await get(url, { Range: 'bytes=0-1', 'If-Range': etag })).toMatchObject({ status: 206, text: '01' })
    expect(await get(url, { Range: 'bytes=0-1', 'If-Range': '"other"' })).toMatchObject({ status: 200 })
  })

  it('T-123 two uploads of the same bytes have tags of their own', async () => {
    const [a, b] = [await upload('0123456789'), await upload('9876543210')]
    expect((await get(a)).header('etag')).not.toBe((await get(b)).header('etag'))
  })

  it('T-123 an upload of 3 MiB comes back exactly, whole and in ranges', async () => {
    const bytes = pattern(3 * 1024 * 1024 + 5)
    const url = await upload(bytes)
    expect((await get(url)).body.equals(bytes)).toBe(true)
    const part = await get(url, { Range: 'bytes=1048570-2097160' })
    expect(part.body.equals(bytes.subarray(1_048_570, 2_097_161))).toBe(true)
  })

  it('T-123 an unfinished upload is not given out', async () => {
    const answer = await get(await site.create({ 'Upload-Length': '10' }, 'hello'))
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('ERR_UPLOAD_NOT_FINISHED')
    expect(answer.text).not.toContain('hello')
  })
})

describe('downloads to rude clients', () => {
  const site = host(nodeDoor)

  it('T-123 a client that leaves at its first byte does no harm', async () => {
    const bytes = pattern(8 * 1024 * 1024)
    const url = await site.create({ 'Upload-Length': String(bytes.length) }, bytes)
    for (let round = 0; round < 10; round++) {
      const wire = await site.connect()
      await wire.write(site.text('GET', url))
      await expect.poll(() => wire.rest().length, { interval: 1 }).toBeGreaterThan(0)
      wire.cut()
    }
    expect(await site.offset(url)).toBe(bytes.length)
    expect((await site.send('DELETE', url)).status).toBe(204)
  })

  it('T-123 a client that leaves right after the last byte does no harm', async () => {
    const url = await site.create({ 'Upload-Length': '5' }, 'hello')
    for (let round = 0; round < 30; round++) {
      const wire = await site.connect()
      await wire.write(site.text('GET', url))
      expect((await wire.answer('GET')).text).toBe('hello')
      wire.cut()
    }
    expect(await site.content(url)).toBe('hello')
  })

  it('T-123 a client that never reads holds up nobody, and its upload can be deleted', async () => {
    const bytes = pattern(8 * 1024 * 1024, 1)
    const url = await site.create({ 'Upload-Length': String(bytes.length) }, bytes)
    const wire = await site.connect()
    wire.stopReading()
    await wire.write(site.text('GET', url))
    expect(await site.offset(url)).toBe(bytes.length)
    expect((await site.send('GET', url, { Range: 'bytes=0-4' })).status).toBe(206)
    expect((await site.send('DELETE', url)).status).toBe(204)
    wire.cut()
    expect((await site.files()).filter((name) => name.includes(idOf(url)))).toEqual([])
  })
})
