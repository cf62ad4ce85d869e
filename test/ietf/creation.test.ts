import { describe, expect, it } from 'vitest'
import { chunked } from '../tus/support/answer.ts'
import { idOf, pattern } from '../tus/support/site.ts'
import { MADE_FILE, MADE_ID } from '../tus/support/stores.ts'
import { hostDraft, NEWEST, PARTIAL, urlIn } from './support/draft.ts'

describe.each(NEWEST)('upload creation, %s', (_, door, version) => {
  const draft = hostDraft(door, version)

  it.each(['POST', 'PUT', 'PATCH'])('R-020 %s with content creates an upload', async (method) => {
    const answer = await draft.send(method, draft.base, { 'Upload-Complete': '?0' }, 'hello')
    expect(answer.status).toBe(201)
    expect(await draft.stand(urlIn(answer, draft.site))).toBe('5 ?0 -')
  })

  it.each(['GET', 'HEAD', 'DELETE'])('R-020 %s creates nothing', async (method) => {
    const before = await draft.site.files()
    const answer = await draft.send(method, draft.base, { 'Upload-Complete': '?0' })
    expect(answer.status).toBe(405)
    expect(await draft.site.files()).toEqual(before)
  })

  it('R-021 all content at once is an upload, and the target says where', async () => {
    const bytes = pattern(300_000)
    for (const body of [bytes, chunked(bytes.subarray(0, 100_000), bytes.subarray(100_000))]) {
      const answer = await draft.post('?1', body)
      expect(answer.status).toBe(201)
      expect(answer.header('upload-complete')).toBe('?1')
      const url = urlIn(answer, draft.site)
      expect((await draft.site.content(url)) === bytes.toString('latin1')).toBe(true)
      expect(await draft.stand(url)).toBe('300000 ?1 300000')
    }
  })

  it.each([
    ['no content', ''],
    ['some content', 'hello'],
  ])('R-022 R-029 with %s that is not all, 201 tells Location and Upload-Limit', async (_name, body) => {
    const answer = await draft.post('?0', body)
    expect(answer.status).toBe(201)
    expect(answer.header('location')).toMatch(new RegExp(`/files/${MADE_ID}$`))
    expect(answer.header('upload-limit')).toBe('min-size=0')
    expect(answer.header('upload-offset')).toBe(String(body.length))
    expect(await draft.stand(urlIn(answer, draft.site))).toBe(`${body.length} ?0 -`)
  })

  it('R-023 final responses say whether the target spoke', async () => {
    expect((await draft.post('?0', 'hello')).header('upload-complete')).toBe('?0')
    expect((await draft.post('?1', 'hello')).header('upload-complete')).toBe('?1')
    expect((await draft.post('?1', 'hello', { 'Upload-Length': '9' })).header('upload-complete')).toBe('?0')
    const url = await draft.create('?0', 'hello')
    expect((await draft.append(url, 5, '?0', ' ')).header('upload-complete')).toBe('?0')
    expect((await draft.append(url, 6, '?1', 'world')).header('upload-complete')).toBe('?1')
  })

  it('R-027 the length is recorded as a creation tells it', async () => {
    expect(await draft.stand(await draft.create('?0', 'hello', { 'Upload-Length': '11' }))).toBe('5 ?0 11')
    expect(await draft.stand(await draft.create('?1', 'hello'))).toBe('5 ?1 5')
    expect(await draft.stand(await draft.create('?0', 'hello'))).toBe('5 ?0 -')
  })

  it('R-027 the length is recorded as an append tells it', async () => {
    const url = await draft.create('?0', 'hello')
    await draft.append(url, 5, '?0', ' ', { 'Upload-Length': '11' })
    expect(await draft.stand(url)).toBe('6 ?0 11')
  })

  it.each([
    ['with Content-Length', { length: 11 }, '5 ?0 11'],
    ['chunked', {}, '5 ?0 -'],
  ])('R-028 a cut creation, %s, keeps what came and is not complete', async (_name, sized, stand) => {
    const before = await draft.site.files()
    const running = draft.begin('POST', draft.base, { 'Upload-Complete': '?1' }, { first: 'hello', ...sized })
    const url = await draft.site.appeared(before)
    await draft.site.arrived(url, 5)
    running.cut()
    expect(await draft.stand(url)).toBe(stand)
    expect((await draft.append(url, 5, '?1', ' world')).status).toBe(201)
    expect(await draft.site.content(url)).toBe('hello world')
  })

  it('R-029 an empty creation that is all of it is an empty representation', async () => {
    const url = await draft.create('?1')
    expect(await draft.stand(url)).toBe('0 ?1 0')
    expect(await draft.site.content(url)).toBe('')
  })

  it('R-031 without a valid Upload-Complete it is an ordinary request, and creates no upload', async () => {
    const before = await draft.site.files()
    for (const complete of [null, '1', 'true']) {
      const answer = await draft.send('POST', draft.base, { 'Upload-Complete': complete }, 'hello')
      expect(answer.status).toBe(400)
      expect(answer.header('location')).toBeNull()
    }
    expect(await draft.site.files()).toEqual(before)
  })

  it('R-033 a refusal by the target itself says that there is nothing to resume', async () => {
    const url = await rejecting.create('?0', 'hello')
    const answer = await rejecting.append(url, 5, '?1', ' world')
    expect(answer.status).toBe(422)
    expect(answer.header('upload-complete')).toBe('?1')
    expect(answer.text).toBe('a virus')
    const whole = await rejecting.post('?1', 'hello')
    expect(whole.status).toBe(422)
    expect(whole.header('upload-complete')).toBe('?1')
  })
  const rejecting = hostDraft(door, version, {
    hooks: { preFinish: () => ({ reject: true, reply: { status: 422, body: 'a virus' } }) },
  })

  it('R-034 type and name of the first request are those of the whole', async () => {
    const described = { 'Content-Type': 'image/png', 'Content-Disposition': "inline; filename*=UTF-8''%E5%B1%A5.png" }
    const url = await draft.create('?0', 'hello', described)
    await draft.append(url, 5, '?1', ' world', { 'Content-Disposition': 'inline; filename="other"' })
    const got = await draft.site.send('GET', url, { 'Tus-Resumable': null })
    expect(got.status).toBe(200)
    expect(got.header('content-type')).toBe('image/png')
    expect(got.header('content-disposition')).toContain('%E5%B1%A5.png')
  })

  it.each([
    ['a path', 'inline; filename="../../etc/passwd"', 'passwd'],
    ['a name of Windows', String.raw`inline; filename="C:\\evil\\x.exe"`, 'x.exe'],
    ['a line end, encoded', "inline; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20b", 'a__Set-Cookie'],
    ['nonsense', ';;;=', ''],
    ['no disposition', '"', ''],
  ])('R-034 R-112 a file name that is %s does no harm', async (_name, disposition, kept) => {
    const url = await draft.create('?1', 'hello', { 'Content-Disposition': disposition, 'Content-Type': 'text/html' })
    const got = await draft.site.send('GET', url, { 'Tus-Resumable': null })
    expect(got.status).toBe(200)
    expect(got.header('content-disposition')).toMatch(/^attachment/)
    expect(got.header('content-disposition')).toContain(kept)
    expect(got.header('set-cookie')).toBeNull()
    expect(got.header('content-type')).toBe('application/octet-stream')
    expect((await draft.site.files()).every((name) => MADE_FILE.test(name))).toBe(true)
  })

  it('R-034 the media type of a piece is not that of the whole', async () => {
    const url = await draft.create('?1', 'hello', { 'Content-Type': PARTIAL })
    const got = await draft.site.send('GET', url, { 'Tus-Resumable': null })
    expect(got.header('content-type')).toBe('application/octet-stream')
  })

  it('R-110 URLs are long, random, and say nothing of what is behind them', async () => {
    const urls = [await draft.create('?0'), await draft.create('?0')]
    expect(new Set(urls).size).toBe(2)
    for (const url of urls) expect(idOf(url)).toMatch(new RegExp(`^${MADE_ID}$`))
  })
})
