import { validateHeaderValue } from 'node:http'
import { parse as parseDisposition } from 'content-disposition'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { emptyBody } from '../core/body.ts'
import { UploadError } from '../core/errors.ts'
import { type ByteRange, parseUploadId, type Upload } from '../core/upload.ts'
import type { Readable } from '../engine/commands.ts'
import type { UploadRequest } from '../protocols/exchange.ts'
import { download, representation } from './download.ts'

const CONTENT = Buffer.from('0123456789abcdefghijklmnopqrstuvwxyz')
const MODIFIED = new Date('2026-03-04T05:06:07.890Z')
const MODIFIED_TEXT = 'Wed, 04 Mar 2026 05:06:07 GMT'

function uploadOf(metadata: Record<string, string | null> = {}, changes: Partial<Upload> = {}): Upload {
  return {
    id: parseUploadId('abc'),
    length: CONTENT.length,
    offset: CONTENT.length,
    complete: true,
    metadata: new Map(Object.entries(metadata)),
    concat: null,
    completion: 'at_length',
    echo: {},
    createdAt: new Date('2026-03-04T05:00:00.123Z'),
    modifiedAt: MODIFIED,
    expiresAt: null,
    storage: { Path: '/secret/place/abc' },
    ...changes,
  }
}

function requestOf(headers: Record<string, string>): UploadRequest {
  return {
    method: 'GET',
    uri: '/files/abc',
    remoteAddress: null,
    target: { kind: 'upload', id: parseUploadId('abc') },
    header: (name) => headers[name] ?? null,
    body: emptyBody,
    signal: new AbortController().signal,
    urlOf: (id) => `/files/${id}`,
    idOf: () => null,
  }
}

/** What a client gets, and how many reads were begun for it. */
async function get(headers: Record<string, string> = {}, upload = uploadOf(), isHead = false, link?: Readable['link']) {
  const content = CONTENT.subarray(0, upload.offset)
  let reads = 0
  async function* read({ start, end }: ByteRange = { start: 0, end: content.length - 1 }) {
    reads += 1
    for (let at = start; at <= end; at += 7) yield [content.subarray(at, Math.min(at + 7, end + 1))]
  }
  const reply = await download({ upload, read, ...(link && { link }) }, requestOf(headers), isHead)
  const before = reads
  const chunks: Uint8Array[] = []
  if (reply.body !== null && typeof reply.body !== 'string') for await (const batch of reply.body) chunks.push(...batch)
  return { status: reply.status, headers: { ...reply.headers }, text: Buffer.concat(chunks).toString(), before, reads }
}

/** The error that a GET ends with. */
async function refused(headers: Record<string, string>, upload = uploadOf()): Promise<UploadError> {
  const error = await get(headers, upload).catch((thrown: unknown) => thrown)
  if (!(error instanceof UploadError)) throw new Error('it was not refused')
  return error
}

afterEach(() => vi.unstubAllEnvs())

const etag = representation(uploadOf())['ETag'] ?? ''

describe('download', () => {
  it('sends the whole upload with its length, marks and a safe type', async () => {
    const { status, headers, text } = await get()
    expect({ status, text }).toEqual({ status: 200, text: CONTENT.toString() })
    expect(headers).toMatchObject({
      'Content-Length': '36',
      'Content-Type': 'application/octet-stream',
      'Content-Disposition': 'attachment',
      'Accept-Ranges': 'bytes',
      'Last-Modified': MODIFIED_TEXT,
      'Cache-Control': 'private, no-cache, no-transform',
      'X-Content-Type-Options': 'nosniff',
    })
    expect(headers['Content-Security-Policy']).toMatch(/default-src 'none';.*sandbox/)
    expect(headers['Content-Security-Policy']).not.toMatch(/script/)
  })

  it('reads nothing before the door takes bytes', async () => {
    expect(await get()).toMatchObject({ before: 0, reads: 1 })
  })

  it('HEAD has the fields of GET, ignores ranges, and reads nothing', async () => {
    const head = await get({ range: 'bytes=0-1' }, uploadOf(), true)
    expect(head).toMatchObject({ status: 200, text: '', reads: 0 })
    expect(head.headers).toEqual((await get()).headers)
    expect(head.headers).toEqual({ ...representation(uploadOf()), 'Cache-Control': head.headers['Cache-Control'] })
  })

  it('sends an empty upload as 200 with length 0', async () => {
    const empty = uploadOf({}, { length: 0, offset: 0 })
    expect(await get({}, empty)).toMatchObject({ status: 200, text: '', headers: { 'Content-Length': '0' }, reads: 0 })
  })
})

describe('links', () => {
  const link = async () => 'https://objects.example.org/a?signature=x'

  it('GET is sent on to one, which nobody may keep, and reads nothing here', async () => {
    const answer = await get({ range: 'bytes=2-3' }, uploadOf(), false, link)
    expect(answer).toMatchObject({ status: 307, text: '', reads: 0 })
    expect(answer.headers).toEqual({
      Location: 'https://objects.example.org/a?signature=x',
      'Cache-Control': 'no-store',
      'Referrer-Policy': 'no-referrer',
    })
  })

  it('are made for the same type and name as an answer from here would have', async () => {
    const asked: unknown[] = []
    const metadata = { filename: 'a.html', filetype: 'text/html' }
    await get({}, uploadOf(metadata), false, async (headers) => {
      asked.push(headers)
      return null
    })
    const { 'Content-Type': contentType, 'Content-Disposition': contentDisposition } = representation(
      uploadOf(metadata),
    )
    expect(asked).toEqual([{ contentType, contentDisposition }])
    expect(contentType).toBe('application/octet-stream')
  })

  it('are not asked for by HEAD, nor if the client has it already', async () => {
    const none = () => Promise.reject(new Error('asked'))
    expect(await get({}, uploadOf(), true, none)).toMatchObject({ status: 200 })
    expect(await get({ 'if-none-match': etag }, uploadOf(), false, none)).toMatchObject({ status: 304 })
    expect(await get({ 'if-none-match': '"of-the-link"' }, uploadOf(), false, link)).toMatchObject({ status: 307 })
  })

  it('a store that has none for this upload has its bytes sent from here', async () => {
    expect(await get({}, uploadOf(), false, async () => null)).toMatchObject({ status: 200, text: CONTENT.toString() })
  })

  it('what keeps a store from making one is thrown', async () => {
    const failing = () => Promise.reject(new UploadError('storage_failed'))
    await expect(get({}, uploadOf(), false, failing)).rejects.toMatchObject({ code: 'storage_failed' })
  })
})

describe('ranges', () => {
  it.each([
    ['bytes=0-9', 0, 9],
    ['bytes=0-0', 0, 0],
    ['bytes=10-', 10, 35],
    ['bytes=35-35', 35, 35],
    ['bytes=35-', 35, 35],
    ['bytes=30-1000', 30, 35],
    ['bytes=0-99999999999999999999999', 0, 35],
    ['bytes=-5', 31, 35],
    ['bytes=-36', 0, 35],
    ['bytes=-1000', 0, 35],
    ['Bytes=2-3', 2, 3],
    ['bytes= 2-3 ', 2, 3],
  ])('%s gets bytes %d to %d', async (range, start, end) => {
    const { status, headers, text } = await get({ range })
    expect({ status, text }).toEqual({ status: 206, text: CONTENT.toString().slice(start, end + 1) })
    expect(headers).toMatchObject({
      'Content-Range': `bytes ${start}-${end}/36`,
      'Content-Length': String(end - start + 1),
      ETag: etag,
    })
  })

  it.each([
    ...['bytes', 'bytes=', 'bytes=-', 'bytes=a-b', 'bytes=1', 'bytes=1-2-3', 'bytes=+1-2', 'bytes=0x1-2', 'bytes=9-2'],
    ...['items=0-5', 'items=99-', 'bytes 0-5', 'bytes=1.5-2', 'bytes=0-1,5-6', 'bytes=99-100,200-', 'bytes=0-1,', ''],
  ])('%j is not understood or asks for several, and gets the whole', async (range) => {
    const { status, headers, text } = await get({ range })
    expect({ status, text, range: headers['Content-Range'] }).toEqual({ status: 200, text: CONTENT.toString() })
  })

  it.each(['bytes=36-', 'bytes=36-40', 'bytes=99999999999999999999-', 'bytes=-0'])(
    '%s lies outside and is refused with 416 and the length',
    async (range) => {
      const error = await refused({ range })
      expect(error).toMatchObject({ code: 'range_not_satisfiable', status: 416 })
      expect(error.details.headers).toEqual({ 'Content-Range': 'bytes */36' })
    },
  )

  it.each(['bytes=0-', 'bytes=0-0', 'bytes=-1', 'bytes=-0'])('an empty upload has no %s', async (range) => {
    const error = await refused({ range }, uploadOf({}, { length: 0, offset: 0 }))
    expect(error).toMatchObject({ status: 416, details: { headers: { 'Content-Range': 'bytes */0' } } })
  })

  it.each([
    ['the ETag', etag, 206],
    ['the date', MODIFIED_TEXT, 206],
    ['another ETag', '"other"', 200],
    ['the ETag, but weak', `W/${etag}`, 200],
    ['a later date', 'Wed, 04 Mar 2026 05:06:08 GMT', 200],
    ['an earlier date', 'Wed, 04 Mar 2026 05:06:06 GMT', 200],
    ['a list', `${etag}, "other"`, 200],
    ['nonsense', 'yesterday', 200],
    ['nothing', '', 200],
  ])('If-Range with %s', async (_, condition, status) => {
    expect((await get({ range: 'bytes=1-2', 'if-range': condition })).status).toBe(status)
  })

  it('If-Range that does not hold turns an impossible range into the whole', async () => {
    expect((await get({ range: 'bytes=99-', 'if-range': '"other"' })).status).toBe(200)
  })
})

describe('conditions', () => {
  it.each([
    [{ 'if-none-match': etag }, 304],
    [{ 'if-none-match': `W/${etag}` }, 304],
    [{ 'if-none-match': `"a,b", W/${etag} , "c"` }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"other"' }, 200],
    [{ 'if-none-match': etag.slice(1, -1) }, 200],
    [{ 'if-none-match': '' }, 200],
    [{ 'if-modified-since': MODIFIED_TEXT }, 304],
    [{ 'if-modified-since': 'Wed, 04 Mar 2026 05:06:08 GMT' }, 304],
    [{ 'if-modified-since': 'Wednesday, 04-Mar-26 05:06:07 GMT' }, 304],
    [{ 'if-modified-since': 'Wed Mar  4 05:06:07 2026' }, 304],
    [{ 'if-modified-since': 'Wed Mar  4 05:06:06 2026' }, 200],
    [{ 'if-modified-since': 'Wed, 04 Mar 2026 05:06:06 GMT' }, 200],
    [{ 'if-modified-since': '2027' }, 200],
    [{ 'if-modified-since': 'Wed, 99 Mar 2026 99:06:06 GMT' }, 200],
    [{ 'if-none-match': '"other"', 'if-modified-since': MODIFIED_TEXT }, 200],
    [{ 'if-match': etag }, 200],
    [{ 'if-match': `"x", ${etag}` }, 200],
    [{ 'if-match': '*' }, 200],
    [{ 'if-match': '"other"' }, 412],
    [{ 'if-match': `W/${etag}` }, 412],
    [{ 'if-unmodified-since': MODIFIED_TEXT }, 200],
    [{ 'if-unmodified-since': 'Wed, 04 Mar 2026 05:06:06 GMT' }, 412],
    [{ 'if-unmodified-since': 'never' }, 200],
    [{ 'if-match': etag, 'if-unmodified-since': 'Wed, 04 Mar 2026 05:06:06 GMT' }, 200],
    [{ 'if-match': '"other"', 'if-none-match': etag }, 412],
    [{ 'if-none-match': etag, range: 'bytes=0-1' }, 304],
    [{ 'if-none-match': '"other"', range: 'bytes=0-1' }, 206],
    [{ 'if-match': '"other"', range: 'bytes=99-' }, 412],
  ])('%j answers %d', async (headers: Record<string, string>, status) => {
    if (status === 412) expect((await refused(headers)).status).toBe(412)
    else expect((await get(headers)).status).toBe(status)
  })

  it('a date without a zone means GMT, wherever the server stands', async () => {
    vi.stubEnv('TZ', 'America/New_York')
    expect(new Date(2026, 2, 4).getTimezoneOffset()).toBe(300)
    expect((await get({ 'if-modified-since': 'Wed Mar  4 05:06:07 2026' })).status).toBe(304)
    expect((await get({ 'if-modified-since': 'Wed Mar  4 05:06:06 2026' })).status).toBe(200)
  })

  it('304 repeats the marks and describes no content', async () => {
    const { headers, reads } = await get({ 'if-none-match': etag })
    expect(Object.keys(headers).sort()).toEqual(['Cache-Control', 'ETag', 'Last-Modified'])
    expect(reads).toBe(0)
  })
})

describe('marks', () => {
  it('the ETag is strong, stays, and differs where the bytes may', () => {
    const tags = [
      uploadOf(),
      uploadOf({}, { id: parseUploadId('abd') }),
      uploadOf({}, { offset: 35 }),
      uploadOf({}, { createdAt: new Date('2026-03-04T05:00:00.124Z') }),
    ].map((upload) => representation(upload)['ETag'])
    expect(new Set(tags).size).toBe(tags.length)
    for (const tag of tags) expect(tag).toMatch(/^"[A-Za-z0-9_-]{22}"$/)
    expect(representation(uploadOf({}, { modifiedAt: new Date(0), storage: {} }))['ETag']).toBe(etag)
  })

  it('Last-Modified is never in the future', () => {
    const ahead = uploadOf({}, { modifiedAt: new Date(Date.now() + 3_600_000) })
    expect(Date.parse(representation(ahead)['Last-Modified'] ?? '')).toBeLessThanOrEqual(Date.now())
  })
})

const typeFor = (filetype: string) => {
  const fields = representation(uploadOf({ filetype }))
  return `${fields['Content-Disposition']} ${fields['Content-Type']}`
}

describe('type', () => {
  it.each([
    'image/png',
    'IMAGE/JPEG',
    'video/mp4; codecs="avc1.42E01E, mp4a.40.2"',
    'text/plain;charset=utf-8',
    'audio/ogg',
  ])('%s is shown in place', (type) => {
    expect(typeFor(type)).toBe(`inline ${type}`)
  })

  it.each([
    'application/pdf',
    'application/zip',
    'application/json',
    'image/heic',
    'text/csv',
    'x/y;a=b',
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  ])('%s is an attachment', (type) => {
    expect(typeFor(type)).toBe(`attachment ${type}`)
  })

  it.each([
    ...['text/html', 'TEXT/HTML', 'text/html;charset=utf-8', 'application/xhtml+xml', 'image/svg+xml', 'text/xml'],
    ...[
      'application/xml',
      'application/atom+xml',
      'text/javascript',
      'application/javascript',
      'application/x-javascript',
    ],
    ...['text/ecmascript', 'text/jscript', 'text/css', 'application/wasm', 'text/xsl', 'application/xslt+xml'],
    ...['application/x-shockwave-flash', 'multipart/related', 'message/rfc822', 'multipart/x-mixed-replace;boundary=x'],
  ])('T-123 %s is active: an attachment without its type', (type) => {
    expect(typeFor(type)).toBe('attachment application/octet-stream')
  })

  it.each([
    ...['', ' ', 'png', 'image/', '/png', 'image/png/x', 'image/png;', 'image/png; x', 'image/png, text/html', 'a b/c'],
    ...['image/png\r\nX-Evil: 1', 'image/png;a="\r\n"', 'image/png;a="\\""', 'imäge/png', 'image/png\u0000', '*/*;q="'],
    `image/${'p'.repeat(300)}`,
  ])('T-041 %j is no media type', (type) => {
    expect(typeFor(type)).toBe(`attachment application/octet-stream`)
  })

  it('an essence that hides another in a parameter is taken at its word', () => {
    expect(typeFor('text/plain;x="text/html"')).toBe('inline text/plain;x="text/html"')
  })

  it('is found under `type` if `filetype` is of no use', () => {
    expect(representation(uploadOf({ type: 'image/png' }))['Content-Type']).toBe('image/png')
    expect(representation(uploadOf({ filetype: null, type: 'image/png' }))['Content-Type']).toBe('image/png')
    expect(representation(uploadOf({ filetype: 'text/csv', type: 'image/png' }))['Content-Type']).toBe('text/csv')
  })
})

/** The field, and the name that a browser takes from it. */
function named(filename: string | null, key = 'filename') {
  const field = representation(uploadOf({ [key]: filename }))['Content-Disposition'] ?? ''
  validateHeaderValue('Content-Disposition', field)
  expect(field).toMatch(/^[\x20-\x7e]+$/)
  return { field, name: parseDisposition(field).parameters['filename'] }
}

describe('file name', () => {
  it.each([
    ['report.pdf', 'report.pdf'],
    ['a b;c=d.txt', 'a b;c=d.txt'],
    ['say "hi".txt', 'say "hi".txt'],
    ["it's 100%25.txt", "it's 100%25.txt"],
    ['naïve.txt', 'naïve.txt'],
    ['报告书.pdf', '报告书.pdf'],
    ['👩‍👩‍👧 🎉.png', '👩‍👩‍👧 🎉.png'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\Users\\me\\x.txt', 'x.txt'],
    ['/a/b\\c/d.txt', 'd.txt'],
    ['a\r\nSet-Cookie: x=1', 'a__Set-Cookie: x=1'],
    ['a\u0000\u007f\u0085.txt', 'a___.txt'],
    ['invoice\u202efdp.exe', 'invoice_fdp.exe'],
    ['half \ud83d.txt', 'half _.txt'],
    ['  padded.txt ', 'padded.txt'],
    ['.bashrc', '.bashrc'],
  ])('T-041 %j arrives as %j', (filename, expected) => {
    expect(named(filename).name).toBe(expected)
  })

  it.each([null, '', ' ', '.', '..', '../..', '/', 'dir/', '\\'])('%j is no name', (filename) => {
    expect(named(filename).field).toBe('attachment')
  })

  it.each([
    ['ASCII', `${'a'.repeat(1024 * 1024)}.txt`, '.txt'],
    ['CJK', `${'报'.repeat(400_000)}.tar.gz`, '.gz'],
    ['emoji', `${'🎉'.repeat(300_000)}.png`, '.png'],
    ['a long ending', `a.${'b'.repeat(1024 * 1024)}`, 'b'],
    ['line ends', '\r\n'.repeat(500_000), '_'],
    ['slashes', `${'/'.repeat(1024 * 1024)}x.txt`, 'x.txt'],
  ])('T-041 a name of 1 MiB of %s is cut to what a file system takes', (_, filename, ending) => {
    const { field, name = '' } = named(filename)
    expect(field.length).toBeLessThan(1200)
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255)
    expect(name.endsWith(ending)).toBe(true)
    expect(name).not.toContain('\ufffd')
  })

  it('is found under `name` if there is no `filename`', () => {
    expect(named('a.txt', 'name').name).toBe('a.txt')
  })

  it('goes with what is shown in place, too', () => {
    const fields = representation(uploadOf({ filename: 'ü.png', filetype: 'image/png' }))
    expect(fields['Content-Disposition']).toBe(`inline; filename="?.png"; filename*=UTF-8''%C3%BC.png`)
  })
})
