import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { nodeDoor } from '../tus/support/node-door.ts'
import { host, OCTETS } from '../tus/support/site.ts'
import { type Json, type Other, TRANSPORTS } from './support/transports.ts'

const encode = (text: string) => Buffer.from(text).toString('base64')

/** What tusd sends when a client creates an upload, sends it in two pieces and removes it, as recorded from the real one; but for its port. */
const HEADERS = { 'Tus-Resumable': ['1.0.0'], Connection: ['keep-alive'], Host: ['HOST'] }
const POST = {
  Method: 'POST',
  URI: '/files/?q=1&access_token=REDACTED',
  RemoteAddr: '127.0.0.1:PORT',
  Header: {
    ...HEADERS,
    Authorization: ['Bearer tok'],
    'Content-Length': ['0'],
    Cookie: ['c=1'],
    'Upload-Length': ['11'],
    'Upload-Metadata': [`filename ${encode('wörld.txt')},empty`],
    'X-Request-Id': ['req-1'],
    'X-Two': ['a'],
  },
}
const PATCH = {
  Method: 'PATCH',
  URI: '/files/ID',
  RemoteAddr: '127.0.0.1:PORT',
  Header: { ...HEADERS, 'Content-Length': ['11'], 'Content-Type': [OCTETS], 'Upload-Offset': ['0'] },
}
const DELETE = { Method: 'DELETE', URI: '/files/ID', RemoteAddr: '127.0.0.1:PORT', Header: HEADERS }
const upload = (ID: string, Offset: number) => ({
  ID,
  Size: 11,
  SizeIsDeferred: false,
  Offset,
  MetaData: { empty: '', filename: 'wörld.txt' },
  IsPartial: false,
  IsFinal: false,
  PartialUploads: null,
  Storage: ID === '' ? null : { InfoPath: 'FOLDER/ID.info', Path: 'FOLDER/ID', Type: 'filestore' },
})
const TUSD: Readonly<Record<string, Json>> = {
  'pre-create': { Upload: upload('', 0), HTTPRequest: POST },
  'post-create': { Upload: upload('ID', 0), HTTPRequest: POST },
  'post-receive': { Upload: upload('ID', 5), HTTPRequest: PATCH },
  'pre-finish': { Upload: upload('ID', 11), HTTPRequest: PATCH },
  'post-finish': { Upload: upload('ID', 11), HTTPRequest: PATCH },
  'pre-terminate': { Upload: upload('ID', 11), HTTPRequest: DELETE },
  'post-terminate': { Upload: upload('ID', 11), HTTPRequest: DELETE },
}

describe.each(TRANSPORTS)('hooks by %s', (_, open) => {
  let other: Other
  beforeAll(async () => {
    other = await open()
  })
  afterAll(() => other.close())
  // The hooks exist when the server starts, which is behind this.
  const site = host(nodeDoor, () => ({ hooks: other.hooks, progressInterval: 50 }))

  const post = (fields: Readonly<Record<string, string>> = {}) => site.post({ 'Upload-Length': '5', ...fields })
  const locationOf = (answer: { header(name: string): string | null }) =>
    new URL(answer.header('location') ?? '', site.base).href
  /** Answers once only, so that no test disturbs the next. */
  const during = async <T>(event: string, answer: Json, work: () => Promise<T>): Promise<T> => {
    await other.answers(event, answer)
    try {
      return await work()
    } finally {
      await other.answers(event, {})
    }
  }
  const told = (event: string, url: string) =>
    vi.waitFor(async () => {
      const messages = await other.messages()
      expect(messages.filter(({ Type }) => Type === event).map(idOf)).toContain(url.slice(site.base.length))
    }, 60_000)

  it('tells each of the seven moments as tusd does', async () => {
    const before = (await other.messages()).length
    const wire = await site.connect()
    const host = site.origin.replace('http://', '')
    const common = { Connection: 'keep-alive', Host: host }
    const metadata = `filename ${encode('wörld.txt')},empty`
    const more = {
      'Upload-Length': '11',
      'Upload-Metadata': metadata,
      'X-Two': 'a',
      Cookie: 'c=1',
      'X-Request-ID': 'req-1',
    }
    const url = `${site.base}?q=1&access_token=s3`
    await wire.write(site.text('POST', url, { ...common, ...more, Authorization: 'Bearer tok', 'Content-Length': '0' }))
    const location = locationOf(await wire.answer('POST'))
    const fields = { ...common, 'Upload-Offset': '0', 'Content-Type': OCTETS, 'Content-Length': '11' }
    await wire.write(site.text('PATCH', location, fields, 'hello'))
    await told('post-receive', location)
    await wire.write(Buffer.from(' world'))
    expect((await wire.answer('PATCH')).status).toBe(204)
    await told('post-finish', location)
    await wire.write(site.text('DELETE', location, common))
    expect((await wire.answer('DELETE')).status).toBe(204)
    await told('post-terminate', location)
    wire.cut()

    const id = location.slice(site.base.length)
    const plain = (text: string) =>
      text
        .replaceAll(id, 'ID')
        .replaceAll(site.directory, 'FOLDER')
        .replaceAll(host, 'HOST')
        .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT')
    const seen = new Map<string, Json>()
    for (const message of (await other.messages()).slice(before)) {
      const { Type, Event } = JSON.parse(plain(JSON.stringify(message)))
      const { ID, Time, Attempt, ...event } = Event
      expect([typeof ID, Number.isNaN(Date.parse(Time)), Attempt]).toEqual(['string', false, 1])
      // The first of its kind: post-receive may come more than once.
      if (!seen.has(Type)) seen.set(Type, event)
    }
    expect(Object.fromEntries(seen)).toEqual(TUSD)
  })

  it('may reject a creation: alone, with a status, with everything', async () => {
    const refuse = (HTTPResponse?: Json) =>
      during('pre-create', { RejectUpload: true, ...(HTTPResponse && { HTTPResponse }) }, post)
    expect(await refuse()).toMatchObject({ status: 400, text: 'ERR_UPLOAD_REJECTED: the upload was rejected\n' })
    expect(await refuse({ StatusCode: 418 })).toMatchObject({
      status: 418,
      text: 'ERR_UPLOAD_REJECTED: the upload was rejected\n',
    })
    const whole = await refuse({
      StatusCode: 422,
      Body: '{"no": 1}',
      Header: { 'Content-Type': 'application/json', 'X-A': 'b' },
    })
    expect([whole.status, whole.text, whole.header('content-type'), whole.header('x-a')]).toEqual([
      422,
      '{"no": 1}',
      'application/json',
      'b',
    ])
  })

  it('may choose id, metadata and place, and add to the reply', async () => {
    const ChangeFileInfo = {
      ID: 'chosen/id',
      MetaData: { filename: 'other.txt' },
      Storage: { Path: 'by/day/file.bin' },
    }
    const HTTPResponse = { StatusCode: 202, Body: 'welcome', Header: { 'X-A': 'b' } }
    const made = await during('pre-create', { ChangeFileInfo, HTTPResponse }, post)
    expect([made.status, made.text, made.header('x-a'), locationOf(made)]).toEqual([
      202,
      'welcome',
      'b',
      `${site.base}chosen/id`,
    ])
    await site.patch(locationOf(made), 0, 'hello')
    expect(await readFile(join(site.directory, 'by/day/file.bin'), 'utf8')).toBe('hello')
    expect((await site.head(locationOf(made))).header('upload-metadata')).toBe(`filename ${encode('other.txt')}`)
    // What is taken is a conflict.
    expect((await during('pre-create', { ChangeFileInfo }, post)).status).toBe(409)
    const another = { ChangeFileInfo: { Storage: { Path: 'by/day/file.bin' } } }
    expect((await during('pre-create', another, post)).status).toBe(409)
  })

  it.each([{ ID: '../x' }, { Storage: { Path: '../../etc/passwd' } }, { Storage: { Path: '/etc/passwd' } }])(
    'cannot lead outside: %j',
    async (ChangeFileInfo) => {
      expect((await during('pre-create', { ChangeFileInfo }, post)).status).toBe(500)
    },
  )

  it('may say how large an upload may become, when it expires, and whose it is', async () => {
    const ExpiresAt = new Date(Date.now() + 3_600_000).toISOString()
    const ChangeFileInfo = { MaxSize: 3, ExpiresAt, Owner: 'anna' }
    expect((await during('pre-create', { ChangeFileInfo }, post)).status).toBe(413)
    const deferred = { 'Upload-Defer-Length': '1' }
    const made = await during('pre-create', { ChangeFileInfo }, () => site.post(deferred))
    expect(Math.abs(Date.parse(made.header('upload-expires') ?? '') - Date.parse(ExpiresAt))).toBeLessThan(2000)
    expect((await site.patch(locationOf(made), 0, 'hello')).status).toBe(413)
    await told('post-create', locationOf(made))
    const created = (await other.messages()).filter(({ Type }) => Type === 'post-create')
    expect(created.at(-1)).toMatchObject({ Event: { Upload: { Owner: 'anna', MaxSize: 3, ExpiresAt } } })
  })

  it('may stop a running upload', async () => {
    const url = await site.create({ 'Upload-Length': '100' })
    const stop = { StopUpload: true, HTTPResponse: { StatusCode: 409, Body: 'enough', Header: { 'X-A': 'b' } } }
    await during('post-receive', stop, async () => {
      const wire = await site.connect()
      await wire.write(
        site.text('PATCH', url, { 'Upload-Offset': '0', 'Content-Type': OCTETS, 'Content-Length': '100' }, 'hello'),
      )
      const answer = await wire.answer('PATCH')
      expect([answer.status, answer.text, answer.header('x-a')]).toEqual([409, 'enough', 'b'])
      wire.cut()
    })
    expect((await site.head(url)).status).toBe(404)
    await told('post-terminate', url)
    const ids = (await other.messages()).filter(({ Type }) => Type === 'pre-terminate').map(idOf)
    expect(ids).not.toContain(url.slice(site.base.length))
  })

  it('may refuse a completion, and add to the reply of one', async () => {
    const url = await site.create({ 'Upload-Length': '5' })
    const no = { RejectUpload: true, HTTPResponse: { StatusCode: 422, Body: 'unsound' } }
    expect(await during('pre-finish', no, () => site.patch(url, 0, 'hello'))).toMatchObject({
      status: 422,
      text: 'unsound',
    })
    const yes = { HTTPResponse: { StatusCode: 200, Body: 'done', Header: { 'X-A': 'b' } } }
    const answer = await during('pre-finish', yes, () => site.patch(url, 5, ''))
    expect([answer.status, answer.text, answer.header('x-a'), answer.header('upload-offset')]).toEqual([
      200,
      'done',
      'b',
      '5',
    ])
  })

  it('may refuse a termination, and add to the reply of one', async () => {
    const url = await site.create({ 'Upload-Length': '5' })
    const no = { RejectTermination: true, HTTPResponse: { StatusCode: 423, Body: 'kept' } }
    expect(await during('pre-terminate', no, () => site.send('DELETE', url))).toMatchObject({
      status: 423,
      text: 'kept',
    })
    const plain = await during('pre-terminate', { RejectTermination: true }, () => site.send('DELETE', url))
    expect([plain.status, plain.text.split(':')[0]]).toEqual([400, 'ERR_UPLOAD_TERMINATION_REJECTED'])
    const yes = { HTTPResponse: { Header: { 'X-A': 'b' } } }
    const answer = await during('pre-terminate', yes, () => site.send('DELETE', url))
    expect([answer.status, answer.header('x-a')]).toEqual([204, 'b'])
  })

  it.each([99999, 42])('that answers with the status %d is a failure, and the connection lives', async (StatusCode) => {
    expect((await during('pre-create', { HTTPResponse: { StatusCode } }, post)).status).toBe(500)
    expect((await post()).status).toBe(201)
  })

  it('that answers with a header that cannot be sent is a failure', async () => {
    for (const Header of [{ 'Bad Name': 'x' }, { 'X-A': 'a\r\nb: c' }])
      expect((await during('pre-create', { HTTPResponse: { Header } }, post)).status).toBe(500)
  })
})

function idOf(message: Json): unknown {
  const { Event } = message as { Event: { Upload: { ID: string } } }
  return Event.Upload.ID
}
