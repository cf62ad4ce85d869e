import { describe, expect, it } from 'vitest'
import { chunked } from '../tus/support/answer.ts'
import { hostDraft, NEWEST, problemIn, REGISTRY } from './support/draft.ts'

describe.each(NEWEST)('the state of an upload, %s', (_, door, version) => {
  const draft = hostDraft(door, version)

  it('R-001 the version is an integer, and any value of it lets the upload itself work', async () => {
    for (const named of [String(version), `${version};a=1`, '7', '99', 'eight', '"8"', '', null]) {
      const fields = { 'Upload-Draft-Interop-Version': named }
      const answer = await draft.post('?1', 'hello', fields)
      expect(answer.status, String(named)).toBe(201)
      expect(answer.header('upload-complete')).toBe('?1')
    }
  })

  it.each(['-1', '1.5', '0.0', '"0"', '0, 0', '1234567890123456', '+0', '0x0', '0abc', ':AA==:', '?0', ''])(
    'R-010 Upload-Offset "%s" is as good as missing',
    async (offset) => {
      const url = await draft.create('?0', 'hello')
      const answer = await draft.append(url, offset, '?1', ' world')
      expect(answer.status).toBe(400)
      expect(await draft.stand(url)).toBe('5 ?0 -')
    },
  )

  it('R-010 Upload-Offset may have parameters', async () => {
    const url = await draft.create('?0', 'hello')
    expect((await draft.append(url, '5;a=b;c', '?1', ' world')).status).toBe(201)
    expect(await draft.stand(url)).toBe('11 ?1 11')
  })

  it.each(['1', '0', 'true', '?2', '?1, ?1', '"?1"', '?', '??1', ''])(
    'R-011 Upload-Complete "%s" is as good as missing, and completes nothing',
    async (complete) => {
      const url = await draft.create('?0', 'hello')
      expect((await draft.append(url, 5, complete, ' world')).status).toBe(400)
      expect(await draft.stand(url)).toBe('5 ?0 -')
      expect((await draft.post(complete, 'hello')).status).toBe(400)
    },
  )

  it('R-011 Upload-Complete may have parameters', async () => {
    const url = await draft.create('?0;a=b', 'hello')
    expect((await draft.append(url, 5, '?1;a=b', ' world')).header('upload-complete')).toBe('?1')
  })

  it.each(['-1', '1.5', '"5"', '5, 5', '1234567890123456', '+5', ''])(
    'R-012 Upload-Length "%s" is as good as missing: the upload is created, and has no length',
    async (length) => {
      const url = await draft.create('?0', 'hello', { 'Upload-Length': length })
      expect(await draft.stand(url)).toBe('5 ?0 -')
    },
  )

  it('R-012 Upload-Length may have parameters', async () => {
    const url = await draft.create('?0', 'hello', { 'Upload-Length': '11;a=b' })
    expect(await draft.stand(url)).toBe('5 ?0 11')
  })

  it('R-013 lengths that differ in one creation are refused, and nothing is created', async () => {
    const before = await draft.site.files()
    for (const length of ['4', '6']) {
      const answer = await draft.post('?1', 'hello', { 'Upload-Length': length })
      expect(answer.status).toBe(400)
      expect(problemIn(answer)['type']).toBe(`${REGISTRY}inconsistent-upload-length`)
      expect(answer.header('upload-complete')).toBe('?0')
      expect(answer.header('location')).toBeNull()
    }
    expect(await draft.site.files()).toEqual(before)
  })

  it.each([
    ['another Upload-Length', '?0', 'abc', { 'Upload-Length': '12' }],
    ['an Upload-Length below the offset', '?0', 'abc', { 'Upload-Length': '3' }],
    ['last bytes that are too few', '?1', 'abc', {}],
    ['last bytes that are too many', '?1', 'abcdefgh', {}],
    ['two lengths that differ', '?1', 'abcdef', { 'Upload-Length': '10' }],
    ['no last bytes', '?1', '', {}],
  ])('R-013 an append with %s is refused and changes nothing', async (_name, complete, body, fields) => {
    const url = await draft.create('?0', 'hello', { 'Upload-Length': '11' })
    const answer = await draft.append(url, 5, complete, body, fields)
    expect(answer.status).toBe(400)
    expect(problemIn(answer)['type']).toBe(`${REGISTRY}inconsistent-upload-length`)
    expect(await draft.stand(url)).toBe('5 ?0 11')
    expect((await draft.append(url, 5, '?1', ' world')).status).toBe(201)
  })

  it('R-013 last bytes without a Content-Length that are too few are kept, but complete nothing', async () => {
    const url = await draft.create('?0', 'hello', { 'Upload-Length': '11' })
    expect((await draft.append(url, 5, '?1', chunked(' w', 'o'))).status).toBe(400)
    expect(await draft.stand(url)).toBe('8 ?0 11')
    expect((await draft.append(url, 8, '?1', chunked('rld'))).status).toBe(201)
    expect(await draft.site.content(url)).toBe('hello world')
  })

  it('R-013 a length that was told by the last bytes of a cut append binds the next ones', async () => {
    const url = await draft.create('?0', 'hello')
    const fields = { 'Upload-Offset': '5', 'Upload-Complete': '?1', 'Content-Type': 'application/partial-upload' }
    const running = draft.begin('PATCH', url, fields, { first: ' w', length: 6 })
    await draft.site.arrived(url, 7)
    running.cut()
    expect(await draft.stand(url)).toBe('7 ?0 11')
    expect((await draft.append(url, 7, '?1', 'orld!')).status).toBe(400)
    expect((await draft.append(url, 7, '?1', 'orld')).status).toBe(201)
  })

  it('R-014 the offset never decreases, whatever is tried', async () => {
    const url = await draft.create('?0', 'hello')
    const tries = [() => draft.append(url, 0, '?0', 'x'), () => draft.append(url, 9, '?0', 'x')]
    for (const each of tries) {
      await each()
      expect(await draft.stand(url)).toBe('5 ?0 -')
    }
  })

  it('R-015 an upload that has all its bytes is not complete before its client says so', async () => {
    const url = await draft.create('?0', 'hello', { 'Upload-Length': '11' })
    const all = await draft.append(url, 5, '?0', ' world')
    expect(all.header('upload-complete')).toBe('?0')
    expect(await draft.stand(url)).toBe('11 ?0 11')
    const said = await draft.append(url, 11, '?1')
    expect(said).toMatchObject({ status: 201 })
    expect(said.header('upload-complete')).toBe('?1')
    expect(await draft.stand(url)).toBe('11 ?1 11')
  })
})
