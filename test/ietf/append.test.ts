import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { chunked } from '../tus/support/answer.ts'
import { pattern } from '../tus/support/site.ts'
import { appending, hostDraft, NEWEST, PARTIAL, problemIn, REGISTRY } from './support/draft.ts'

describe.each(NEWEST)('upload append, %s', (_, door, version) => {
  const draft = hostDraft(door, version)

  it('R-050 an append that is not the last is answered with 204', async () => {
    const url = await draft.create('?0', 'hello')
    const answer = await draft.append(url, 5, '?0', ' world')
    expect(answer.status).toBe(204)
    expect(answer.header('upload-complete')).toBe('?0')
    expect(answer.header('upload-offset')).toBe('11')
    expect(await draft.stand(url)).toBe('11 ?0 -')
  })

  it('R-051 the last append gets the response that all of it in one request would have got', async () => {
    const url = await draft.create('?0', 'hello')
    const last = await draft.append(url, 5, '?1', ' world')
    const whole = await draft.post('?1', 'hello world')
    expect(last.status).toBe(whole.status)
    expect(last.header('upload-complete')).toBe('?1')
    expect(new URL(last.header('location') ?? '', draft.base).href).toBe(url)
    expect(await draft.site.content(url)).toBe('hello world')
  })

  it.each(['application/octet-stream', 'application/offset+octet-stream', 'application/partial-uploads', '', null])(
    'R-052 Content-Type %s is answered with 415 and what is accepted',
    async (type) => {
      const url = await draft.create('?0', 'hello')
      const answer = await draft.append(url, 5, '?1', ' world', { 'Content-Type': type })
      expect(answer.status).toBe(415)
      expect(answer.header('accept-patch')).toBe(PARTIAL)
      expect(await draft.stand(url)).toBe('5 ?0 -')
    },
  )

  it('R-052 the media type may be in capitals and have parameters', async () => {
    const url = await draft.create('?0', 'hello')
    expect(
      (await draft.append(url, 5, '?1', ' world', { 'Content-Type': 'Application/Partial-Upload; a=b' })).status,
    ).toBe(201)
  })

  it.each([
    ['before the end', 3, '?0', 'x'],
    ['behind the end', 9, '?0', 'x'],
    ['behind the end, empty and last', 9, '?1', ''],
    ['before the end, chunked', 3, '?1', chunked('x', 'y')],
  ])('R-053 an append %s is answered with 409 and where the upload stands', async (_name, offset, complete, body) => {
    const url = await draft.create('?0', 'hello')
    const answer = await draft.append(url, offset, complete, body)
    expect(answer.status).toBe(409)
    expect(answer.header('upload-offset')).toBe('5')
    expect(answer.header('upload-complete')).toBe('?0')
    expect(await draft.stand(url)).toBe('5 ?0 -')
  })

  it('R-053 the same goes for a complete upload', async () => {
    const url = await draft.create('?1', 'hello')
    const answer = await draft.append(url, 0, '?1', 'hello')
    expect(answer.status).toBe(409)
    expect(answer.header('upload-offset')).toBe('5')
    expect(answer.header('upload-complete')).toBe('?0')
  })

  it('R-054 Upload-Offset is needed', async () => {
    const url = await draft.create('?0', 'hello')
    expect((await draft.append(url, 5, '?1', ' world', { 'Upload-Offset': null })).status).toBe(400)
    expect(await draft.stand(url)).toBe('5 ?0 -')
  })

  it('R-055 Upload-Complete is needed', async () => {
    const url = await draft.create('?0', 'hello')
    expect((await draft.append(url, 5, '?1', ' world', { 'Upload-Complete': null })).status).toBe(400)
    expect(await draft.stand(url)).toBe('5 ?0 -')
  })

  it.each([
    ['with Content-Length', 'much too long'],
    ['chunked', chunked('much', ' too', ' long')],
  ])('R-056 an upload that went past its length is dead: %s', async (_name, body) => {
    const url = await draft.create('?0', 'hello', { 'Upload-Length': '11' })
    const answer = await draft.append(url, 5, '?0', body)
    expect(answer.status).toBe(400)
    expect(answer.header('upload-complete')).toBe('?0')
    expect(await draft.stand(url)).toBe('404')
    expect((await draft.send('GET', url)).status).toBe(404)
    expect((await draft.append(url, 5, '?1', ' world')).status).toBe(404)
    expect((await draft.append(url, 11, '?1')).status).toBe(404)
  })

  it('R-056 a creation that goes past its length leaves nothing behind', async () => {
    const before = await draft.site.files()
    for (const body of ['hello', chunked('he', 'llo')]) {
      expect((await draft.post('?0', body, { 'Upload-Length': '4' })).status).toBe(400)
    }
    expect(await draft.site.files()).toEqual(before)
  })

  it.each([
    ['with Content-Length', true],
    ['chunked', false],
  ])('R-057 a cut append keeps what came and is not complete, not even with all bytes: %s', async (_name, sized) => {
    const bytes = pattern(200_000)
    const url = await draft.create('?0', '', { 'Upload-Length': '200000' })
    const first = bytes.subarray(0, 150_000)
    const running = draft.begin('PATCH', url, appending(0, '?1'), { first, ...(sized && { length: bytes.length }) })
    await draft.site.arrived(url, 150_000)
    running.cut()
    expect(await draft.stand(url)).toBe('150000 ?0 200000')
    const chunkedRest = draft.begin('PATCH', url, appending(150_000, '?1'), { first: bytes.subarray(150_000) })
    await draft.site.arrived(url, 200_000)
    chunkedRest.cut()
    expect(await draft.stand(url)).toBe('200000 ?0 200000')
    expect((await draft.append(url, 200_000, '?1')).status).toBe(201)
    expect((await draft.site.content(url)) === bytes.toString('latin1')).toBe(true)
  })

  it.each([
    ['with Content-Length', '!'],
    ['chunked', chunked('!')],
  ])('R-059 R-092 a complete upload takes no more bytes: %s', async (_name, body) => {
    const url = await draft.create('?1', 'hello')
    for (const complete of ['?0', '?1']) {
      const answer = await draft.append(url, 5, complete, body)
      expect(answer.status).toBe(400)
      expect(problemIn(answer)['type'] === `${REGISTRY}completed-upload`).toBe(false)
    }
    expect(await draft.stand(url)).toBe('5 ?1 5')
    expect(await draft.site.content(url)).toBe('hello')
  })

  it('R-059 the last request may be repeated if its response was lost', async () => {
    const url = await draft.create('?0', 'hello')
    const first = await draft.append(url, 5, '?1', ' world')
    const again = await draft.append(url, 11, '?1')
    expect(again.status).toBe(first.status)
    expect(again.header('upload-complete')).toBe('?1')
    expect(again.header('location')).toBe(first.header('location'))
    expect((await draft.append(url, 11, '?0')).status).toBe(400)
  })

  it('R-060 an empty append completes', async () => {
    const url = await draft.create('?0', 'hello')
    expect((await draft.append(url, 5, '?0')).status).toBe(204)
    expect((await draft.append(url, 5, '?1')).header('upload-complete')).toBe('?1')
    expect(await draft.site.content(url)).toBe('hello')
  })

  it('R-061 an append to what is no upload is answered with 404', async () => {
    expect((await draft.append(`${draft.base}${'0'.repeat(32)}`, 0, '?1', 'x')).status).toBe(404)
  })

  it('R-062 offset and length count the bytes without their transfer coding', async () => {
    const url = await draft.create('?0', chunked('he', 'll', 'o'))
    expect((await draft.append(url, 5, '?1', chunked(' ', 'world'))).header('upload-offset')).toBe('11')
    expect(await draft.stand(url)).toBe('11 ?1 11')
  })

  it('R-063 a content coding stays, counts, and is told when the upload is read', async () => {
    const coded = gzipSync('hello'.repeat(1000))
    const url = await draft.create('?0', coded.subarray(0, 20), { 'Content-Encoding': 'gzip' })
    expect(await draft.stand(url)).toBe('20 ?0 -')
    await draft.append(url, 20, '?1', coded.subarray(20))
    expect(await draft.stand(url)).toBe(`${coded.length} ?1 ${coded.length}`)
    expect((await draft.site.stored(url)).equals(coded)).toBe(true)
    const got = await draft.site.send('GET', url, { 'Tus-Resumable': null })
    expect(got.header('content-encoding')).toBe('gzip')
    expect(got.body.equals(coded)).toBe(true)
  })
})
