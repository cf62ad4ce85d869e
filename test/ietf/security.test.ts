import { describe, expect, it, vi } from 'vitest'
import { UploadError } from '../../src/core/errors.ts'
import type { Upload } from '../../src/core/upload.ts'
import { doors } from '../tus/support/doors.ts'
import { idOf } from '../tus/support/site.ts'
import { appending, draftOf, hostDraft, NEWEST } from './support/draft.ts'

describe.each(NEWEST)('who may do what, %s', (_, door, version) => {
  const finished: string[] = []
  let revoked = false
  const draft = hostDraft(door, version, {
    hooks: {
      preCreate: (_upload, request) =>
        request.header('authorization') === 'me' ? null : { reject: true, reply: { status: 403 } },
      preFinish: () => (revoked ? { reject: true, reply: { status: 403, body: 'no more' } } : null),
      postFinish: (upload: Upload) => void finished.push(`${upload.id} ${upload.offset}`),
      preTerminate: (_upload, request) =>
        request.header('authorization') === 'me' ? null : { reject: true, reply: { status: 403 } },
    },
    networkTimeout: 300,
  })
  const me = { Authorization: 'me' }

  it('R-111 a hook can refuse creation and cancellation to others; nobody else knows the URL', async () => {
    const before = await draft.site.files()
    const answer = await draft.post('?1', 'hello', { Authorization: 'other' })
    expect(answer.status).toBe(403)
    expect(answer.header('upload-complete')).toBe('?1')
    expect(await draft.site.files()).toEqual(before)
    const url = await draft.create('?0', 'hello', me)
    expect((await draft.send('DELETE', url, { Authorization: 'other' })).status).toBe(403)
    expect(await draft.stand(url)).toBe('5 ?0 -')
    expect((await draft.send('DELETE', url, me)).status).toBe(204)
  })

  it('R-113 who looks at content sees the whole, once, when it is complete', async () => {
    const url = await draft.create('?0', 'hello', { ...me, 'Upload-Length': '11' })
    await draft.append(url, 5, '?0', ' world')
    expect(finished.some((line) => line.startsWith(idOf(url)))).toBe(false)
    await draft.append(url, 11, '?1')
    await draft.append(url, 11, '?1')
    const ofThis = () => finished.filter((line) => line.startsWith(idOf(url)))
    await vi.waitFor(() => expect(ofThis()).toEqual([`${idOf(url)} 11`]), 60_000)
  })

  it('R-114 a permission that was revoked meanwhile is a refusal by the target', async () => {
    const url = await draft.create('?0', 'hello', me)
    revoked = true
    const answer = await draft.append(url, 5, '?1', ' world')
    revoked = false
    expect(answer.status).toBe(403)
    expect(answer.header('upload-complete')).toBe('?1')
    expect(answer.text).toBe('no more')
    expect(await draft.stand(url)).toBe('11 ?0 11')
  })

  it('R-115 a client that sends nothing for a while is let go, and what came is kept', async () => {
    const url = await draft.create('?0', '', me)
    const running = draft.begin('PATCH', url, appending(0, '?1'), { first: 'hello' })
    expect((await running.answer).status).toBe(500)
    await running.closed
    expect(await draft.stand(url)).toBe('5 ?0 -')
  })

  it('R-117 Incremental does no harm, and bytes are kept as they come', async () => {
    const url = await draft.create('?0', '', { ...me, Incremental: '?1' })
    const running = draft.begin('PATCH', url, appending(0, '?1', { Incremental: '?1' }), { first: 'hello' })
    await vi.waitFor(async () => expect(await draft.site.stored(url)).toHaveLength(5), 60_000)
    running.cut()
    expect(await draft.stand(url)).toBe('5 ?0 -')
  })
})

describe.each(NEWEST)('an upload that expires, %s', (_, door, version) => {
  const draft = hostDraft(door, version, { expireAfter: 1 })

  it('R-044 R-115 is gone for every method', async () => {
    const answer = await draft.post('?0')
    const url = new URL(answer.header('location') ?? '', draft.base).href
    await vi.waitFor(async () => expect(['404', '410']).toContain(await draft.stand(url)), 60_000)
    expect([404, 410]).toContain((await draft.append(url, 0, '?1', 'x')).status)
    expect([404, 410]).toContain((await draft.send('GET', url)).status)
  })
})

describe.each(NEWEST)('rights, %s', (_, door, version) => {
  let allowed = true
  const draft = hostDraft(door, version, {
    authorize: (operation, { owner }, { header }) => {
      const user = header('authorization')
      if (operation === 'create') {
        return user === null ? false : { owner: user, ...(user === 'small' && { maxSize: 100 }) }
      }
      return owner === user && (operation !== 'finish' || allowed)
    },
    quotas: { perOwner: { maxUploads: 2 } },
  })
  const me = { Authorization: 'me' }
  const other = { Authorization: 'other' }

  it('R-111 only its owner reaches an upload, by any method; to others it does not exist', async () => {
    expect((await draft.post('?0')).status).toBe(403)
    const url = await draft.create('?0', 'hello', me)
    const unknown = url.replace(/.$/, (last) => (last === '0' ? '1' : '0'))
    for (const fields of [other, {}]) {
      for (const method of ['HEAD', 'GET', 'DELETE']) {
        const answers = [await draft.send(method, url, fields), await draft.send(method, unknown, fields)]
        expect(
          answers.map(({ status }) => status),
          method,
        ).toEqual([404, 404])
        expect(answers[0]?.text).toBe(answers[1]?.text)
      }
      expect((await draft.append(url, 5, '?1', ' world', fields)).status).toBe(404)
    }
    expect((await draft.send('HEAD', url, me)).header('upload-offset')).toBe('5')
    expect((await draft.append(url, 5, '?1', ' world', me)).header('upload-complete')).toBe('?1')
  })

  it('R-114 rights are asked again when all bytes are there', async () => {
    const url = await draft.create('?0', 'hello', me)
    allowed = false
    const answer = await draft.append(url, 5, '?1', ' world', me)
    allowed = true
    expect(answer.status).toBe(403)
    expect((await draft.send('HEAD', url, me)).header('upload-complete')).toBe('?0')
    expect((await draft.append(url, 11, '?1', '', me)).header('upload-complete')).toBe('?1')
  })

  it("R-006 an upload is told its own maximum, if that is less than the server's", async () => {
    const answer = await draft.post('?0', 'hello', { Authorization: 'small' })
    expect(answer.header('upload-limit')).toContain('max-size=100')
    const url = new URL(answer.header('location') ?? '', draft.base).href
    expect((await draft.send('HEAD', url, { Authorization: 'small' })).header('upload-limit')).toContain('max-size=100')
  })

  it('R-115 a client has only so many unfinished uploads', async () => {
    const fields = { Authorization: 'busy' }
    for (let count = 0; count < 2; count++) await draft.create('?0', 'hello', fields)
    const answer = await draft.post('?0', 'hello', fields)
    expect(answer.status).toBe(429)
    expect(answer.header('retry-after')).toMatch(/^\d+$/)
  })
})

describe.each(NEWEST)('a failure on our side, %s', (_, door, version) => {
  let broken = true
  const draft = hostDraft(door, version, {
    hooks: {
      preFinish: () => {
        if (broken) throw new UploadError('hook_failed')
      },
    },
  })

  it('R-028 R-051 leaves an upload that can be completed later', async () => {
    const url = await draft.create('?0', 'hello')
    broken = true
    const answer = await draft.append(url, 5, '?1', ' world')
    broken = false
    expect(answer.status).toBe(500)
    expect(answer.header('upload-complete')).toBe('?0')
    expect(await draft.stand(url)).toBe('11 ?0 11')
    expect((await draft.append(url, 11, '?1')).status).toBe(201)
    expect(await draft.stand(url)).toBe('11 ?1 11')
  })
})

describe.each(doors)('pages of other origins through the $name door', (door) => {
  const draft = draftOf(hostDraft(door, 8).site, 8)
  const ORIGIN = 'https://page.example'

  it('R-120 may send the fields of the draft, and read them, on errors too', async () => {
    const names = 'upload-complete,upload-offset,upload-length,upload-draft-interop-version,content-digest,repr-digest'
    const preflight = await draft.send('OPTIONS', draft.base, {
      Origin: ORIGIN,
      'Access-Control-Request-Method': 'PATCH',
      'Access-Control-Request-Headers': `${names},want-repr-digest,content-disposition`,
    })
    expect(preflight.header('access-control-allow-methods')).toContain('PATCH')
    const allowed = (preflight.header('access-control-allow-headers') ?? '').toLowerCase().split(', ')
    expect(allowed).toEqual(expect.arrayContaining([...names.split(','), 'want-repr-digest', 'content-disposition']))
    const url = await draft.create('?0', 'hello')
    for (const offset of [5, 3]) {
      const answer = await draft.append(url, offset, '?0', '!', { Origin: ORIGIN })
      expect(answer.header('access-control-allow-origin')).toBe(ORIGIN)
      const exposed = (answer.header('access-control-expose-headers') ?? '').split(', ')
      const needed = ['Location', 'Upload-Offset', 'Upload-Complete', 'Upload-Length', 'Upload-Limit', 'Repr-Digest']
      expect(exposed).toEqual(expect.arrayContaining(needed))
    }
  })
})
