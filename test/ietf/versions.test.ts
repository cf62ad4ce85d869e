import { describe, expect, it } from 'vitest'
import type { Answer, Fields, Payload } from '../tus/support/answer.ts'
import { chunked } from '../tus/support/answer.ts'
import { doors } from '../tus/support/doors.ts'
import { host } from '../tus/support/site.ts'
import { storesAtOnce } from '../tus/support/stores.ts'
import { PARTIAL, problemIn, REGISTRY, urlIn } from './support/draft.ts'

/** What clients of a version expect, as its text says it; independent of the table in the code. */
interface Expectation {
  readonly version: number
  readonly field: 'Upload-Incomplete' | 'Upload-Complete'
  readonly more: string
  readonly done: string
  readonly type: string | null
  readonly limit: 'expires' | 'max-age' | null
  readonly length: boolean
  readonly appended: number
  readonly progress: boolean
  readonly bare: boolean
  /** Status of an append to a complete upload that is empty and the last. */
  readonly repeated: number
}

const V3: Expectation = {
  version: 3,
  field: 'Upload-Incomplete',
  more: '?1',
  done: '?0',
  type: null,
  limit: null,
  length: false,
  appended: 201,
  progress: false,
  bare: true,
  repeated: 201,
}
const V4: Expectation = { ...V3, version: 4, field: 'Upload-Complete', more: '?0', done: '?1' }
const V5: Expectation = { ...V4, version: 5, progress: true }
const V6: Expectation = { ...V5, version: 6, type: PARTIAL, limit: 'expires', length: true, repeated: 400 }
const V8: Expectation = { ...V6, version: 8, limit: 'max-age', appended: 204, bare: false, repeated: 201 }
const V9: Expectation = { ...V8, version: 9 }

const CASES = doors.flatMap((door) =>
  [V3, V4, V5, V6, V8, V9].map(
    (each) => [`version ${each.version} through the ${door.name} door`, door, each] as const,
  ),
)

describe.each(CASES)('a client of %s', (_, door, expected) => {
  const site = host(door, { expireAfter: 3_600_000 })
  const { field, more, done } = expected
  const key = field === 'Upload-Complete' ? 'upload-complete' : 'upload-incomplete'

  function send(method: string, url: string, fields: Fields, body?: Payload): Promise<Answer> {
    const version = { 'Tus-Resumable': null, 'Upload-Draft-Interop-Version': String(expected.version) }
    return site.send(method, url, { ...version, ...fields }, body)
  }
  const create = (state: string, body?: Payload, fields: Fields = {}) =>
    send('POST', site.base, { [field]: state, ...fields }, body)
  const append = (url: string, offset: number, state: string | null, body?: Payload, fields: Fields = {}) =>
    send(
      'PATCH',
      url,
      { [field]: state, 'Upload-Offset': String(offset), 'Content-Type': expected.type, ...fields },
      body,
    )

  function expectState(answer: Answer, offset: number, state: string): void {
    expect(answer.header('upload-offset')).toBe(String(offset))
    expect(answer.header(key)).toBe(state)
    if (expected.limit === null) expect(answer.header('upload-limit')).toBeNull()
    else expect(answer.header('upload-limit')).toMatch(state === more ? new RegExp(`^${expected.limit}=\\d+$`) : /./)
  }

  it('uploads in several requests', async () => {
    const created = await create(more, 'hello')
    expect(created.status).toBe(201)
    expectState(created, 5, more)
    const url = urlIn(created, site)
    const head = await send('HEAD', url, {})
    expect(head.status).toBe(204)
    expectState(head, 5, more)
    expect(head.header('cache-control')).toBe('no-store')
    const onTheWay = await append(url, 5, more, ' ')
    expect(onTheWay.status).toBe(expected.appended)
    expectState(onTheWay, 6, more)
    const last = await append(url, 6, done, chunked('wor', 'ld'))
    expect(last.status).toBe(201)
    expectState(last, 11, done)
    const after = await send('HEAD', url, {})
    expectState(after, 11, done)
    expect(after.header('upload-length')).toBe(expected.length ? '11' : null)
    expect(await site.content(url)).toBe('hello world')
  })

  it('uploads in one request, or nothing at all', async () => {
    for (const body of ['hello', '']) {
      const answer = await create(done, body)
      expect(answer.status).toBe(201)
      expectState(answer, body.length, done)
      expect(await site.content(urlIn(answer, site))).toBe(body)
    }
  })

  it('asks for a URL first', async () => {
    const created = await create(more)
    expectState(created, 0, more)
    expect((await append(urlIn(created, site), 0, done, 'hello')).status).toBe(201)
  })

  it('learns where an upload stands if it is mistaken', async () => {
    const url = urlIn(await create(more, 'hello'), site)
    const answer = await append(url, 3, more, 'x')
    expect(answer.status).toBe(409)
    expectStateOf409(answer)
  })
  function expectStateOf409(answer: Answer): void {
    expect(answer.header('upload-offset')).toBe('5')
    expect(answer.header(key)).toBe(more)
    expect(problemIn(answer)['type']).toBe(`${REGISTRY}mismatching-upload-offset`)
  }

  it('cancels', async () => {
    const url = urlIn(await create(more, 'hello'), site)
    expect((await send('DELETE', url, {})).status).toBe(204)
    expect((await send('HEAD', url, {})).status).toBe(404)
    expect((await append(url, 5, done, 'x')).status).toBe(404)
  })

  it(`HEAD and DELETE with a field of the state are ${expected.bare ? 'refused' : 'answered all the same'}`, async () => {
    const url = urlIn(await create(more, 'hello'), site)
    for (const fields of [{ 'Upload-Offset': '5' }, { [field]: more }]) {
      expect((await send('HEAD', url, fields)).status).toBe(expected.bare ? 400 : 204)
    }
    expect((await send('DELETE', url, { 'Upload-Offset': '5' })).status).toBe(expected.bare ? 400 : 204)
    expect((await send('HEAD', url, {})).status).toBe(expected.bare ? 204 : 404)
  })

  it('an append of another media type', async () => {
    const url = urlIn(await create(more, 'hello'), site)
    const status = (await append(url, 5, done, ' world', { 'Content-Type': 'text/plain' })).status
    expect(status).toBe(expected.type === null ? 201 : 415)
  })

  it('an append that does not say whether it is the last', async () => {
    const url = urlIn(await create(more, 'hello'), site)
    const answer = await append(url, 5, null, ' world')
    expect(answer.status).toBe(field === 'Upload-Incomplete' ? 201 : 400)
    expect((await send('HEAD', url, {})).header(key)).toBe(field === 'Upload-Incomplete' ? done : more)
  })

  it('content beyond the length', async () => {
    const url = urlIn(await create(more, 'hello'), site)
    // The last bytes tell the length, and are cut.
    const cut = site.begin(
      'PATCH',
      url,
      {
        'Tus-Resumable': null,
        'Upload-Draft-Interop-Version': String(expected.version),
        [field]: done,
        'Upload-Offset': '5',
        'Content-Type': expected.type,
      },
      { first: ' w', length: 6 },
    )
    await site.arrived(url, 7)
    cut.cut()
    expectState(await send('HEAD', url, {}), 7, more)
    expect((await append(url, 7, more, chunked('orld', '!'))).status).toBe(400)
    const head = await send('HEAD', url, {})
    if (expected.version < 8) expectState(head, 11, more)
    else expect(head.status).toBe(404)
  })

  it('the last append again', async () => {
    const url = urlIn(await create(done, 'hello'), site)
    const answer = await append(url, 5, done, '')
    expect(answer.status).toBe(expected.repeated)
    if (expected.repeated === 201) expectState(answer, 5, done)
    else expect(problemIn(answer)['type']).toBe(`${REGISTRY}completed-upload`)
    const more_ = await append(url, 5, done, '!')
    expect(more_.status).toBe(400)
    expect(await site.content(url)).toBe('hello')
  })

  it('the field of the other sense means nothing', async () => {
    const other = field === 'Upload-Complete' ? 'Upload-Incomplete' : 'Upload-Complete'
    expect((await send('POST', site.base, { [other]: '?1' }, 'hello')).status).toBe(400)
  })

  if (door.name === 'node') {
    const tells = expected.progress && storesAtOnce
    it(`104 comes early${tells ? ', and again with the offset' : ', and once only'}`, async () => {
      const wire = await site.connect()
      const fields = { [field]: done, 'Tus-Resumable': null, 'Upload-Draft-Interop-Version': String(expected.version) }
      await wire.write(site.text('POST', site.base, { ...fields, 'Transfer-Encoding': 'chunked' }))
      const early = await wire.next('POST')
      expect(early.status).toBe(104)
      expect(early.header('upload-draft-interop-version')).toBe(String(expected.version))
      expect(early.header('upload-limit')).toBe(expected.limit === null ? null : `${expected.limit}=3600`)
      await wire.write('5\r\nhello\r\n')
      if (tells) {
        const later = await wire.next('POST')
        expect([later.status, later.header('upload-offset'), later.header('location')]).toEqual([104, '5', null])
      }
      await wire.write('0\r\n\r\n')
      const final = await wire.next('POST')
      expect([final.status, final.header('location')]).toEqual([201, early.header('location')])
      wire.cut()
    })
  }
})

describe.each(doors)('a client that names no version through the $name door', (door) => {
  const site = host(door)

  it('is spoken to in that of its field', async () => {
    const answer = await site.send('POST', site.base, { 'Tus-Resumable': null, 'Upload-Incomplete': '?1' }, 'hello')
    expect([answer.status, answer.header('upload-incomplete')]).toEqual([201, '?1'])
  })
})
