import { describe, expect, it } from 'vitest'
import { chunked } from '../tus/support/answer.ts'
import { doors } from '../tus/support/doors.ts'
import { host, OCTETS } from '../tus/support/site.ts'
import { draftOf, hostDraft, urlIn } from './support/draft.ts'

describe.each(doors)('two protocols behind the $name door', (door) => {
  const site = host(door)
  const draft = draftOf(site, 8)
  const unmarked = { 'Tus-Resumable': null, 'Upload-Draft-Interop-Version': null }

  it('an upload of tus does not exist for the draft', async () => {
    const url = await site.create({ 'Upload-Length': '11' }, 'hello')
    expect(await draft.stand(url)).toBe('404')
    expect((await draft.append(url, 5, '?1', ' world')).status).toBe(404)
    expect((await draft.send('DELETE', url)).status).toBe(404)
    expect((await draft.send('GET', url)).status).toBe(404)
    expect(await site.offset(url)).toBe(5)
    expect((await site.patch(url, 5, ' world')).status).toBe(204)
  })

  it('an upload of the draft does not exist for tus', async () => {
    const url = await draft.create('?0', 'hello', { 'Upload-Length': '11' })
    expect((await site.head(url)).status).toBe(404)
    expect((await site.patch(url, 5, ' world')).status).toBe(404)
    expect((await site.send('DELETE', url)).status).toBe(404)
    expect(await draft.stand(url)).toBe('5 ?0 11')
  })

  it('an upload of the draft is no part of a concatenation', async () => {
    const url = await draft.create('?1', 'hello')
    expect((await site.post({ 'Upload-Concat': `final;${url}` })).status).toBe(400)
  })

  it('who says nothing of a protocol is answered in that of the upload', async () => {
    const ours = await draft.create('?0', 'hello')
    const head = await site.send('HEAD', ours, unmarked)
    expect([head.status, head.header('upload-offset'), head.header('upload-complete')]).toEqual([204, '5', '?0'])
    expect((await site.send('GET', ours, unmarked)).status).toBe(204)
    expect((await site.send('DELETE', ours, unmarked)).status).toBe(204)
    const theirs = await site.create({ 'Upload-Length': '5' }, 'hello')
    for (const method of ['HEAD', 'DELETE']) {
      const answer = await site.send(method, theirs, unmarked)
      expect([answer.status, answer.header('tus-version')]).toEqual([412, '1.0.0'])
    }
    expect((await site.send('GET', theirs, unmarked)).text).toBe('hello')
  })

  it('the final text, whose clients name no version, is understood already', async () => {
    const nameless = { 'Upload-Draft-Interop-Version': null }
    const url = await draft.create('?0', 'hello', nameless)
    expect((await draft.append(url, 5, '?1', ' world', nameless)).status).toBe(201)
    expect(await site.content(url)).toBe('hello world')
  })

  it('Tus-Resumable makes it tus, whatever else is there', async () => {
    const answer = await draft.post('?1', undefined, { 'Tus-Resumable': '1.0.0', 'Upload-Length': '5' })
    expect(answer.status).toBe(201)
    expect(answer.header('tus-resumable')).toBe('1.0.0')
    expect(answer.header('upload-complete')).toBeNull()
  })

  it('a tus client that forgot Tus-Resumable is told so', async () => {
    const answer = await site.post({ 'Tus-Resumable': null, 'Upload-Length': '5', 'Content-Type': OCTETS }, 'hello')
    expect(answer.status).toBe(412)
  })
})

describe.each(doors)('without the draft, through the $name door', (door) => {
  const site = host(door, { disableIetf: true, acceptPlainUploads: true })
  const draft = draftOf(site, 8)

  it('its requests are refused, and not announced', async () => {
    expect((await draft.post('?1', 'hello')).status).toBe(412)
    expect((await site.send('OPTIONS', site.base)).header('upload-limit')).toBeNull()
    expect((await site.post({ 'Tus-Resumable': null }, 'hello')).status).toBe(412)
    expect(site.uploads.interopVersions).toEqual([])
  })
})

describe.each(doors)('conventional uploads through the $name door', (door) => {
  const draft = hostDraft(door, 8, { acceptPlainUploads: true, maxSize: 20, maxAppendSize: 8, minSize: 6 })
  const plain = (method: string, body: Parameters<typeof draft.send>[3], fields = {}) =>
    draft.send(method, draft.base, { 'Upload-Draft-Interop-Version': null, ...fields }, body)

  it.each(['POST', 'PUT'])('%s of a body is stored as a whole, and 201 says where', async (method) => {
    for (const body of ['hello world', chunked('hello', ' world')]) {
      const answer = await plain(method, body, {
        'Content-Type': 'text/plain',
        'Content-Disposition': 'inline; filename=a.txt',
      })
      expect(answer.status).toBe(201)
      expect(answer.header('upload-complete')).toBeNull()
      const got = await draft.site.send('GET', urlIn(answer, draft.site), { 'Tus-Resumable': null })
      expect(got.text).toBe('hello world')
      expect(got.header('content-type')).toBe('text/plain')
      expect(got.header('content-disposition')).toContain('a.txt')
    }
  })

  it('its digests are checked and told', async () => {
    const digest = 'sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:'
    const answer = await plain('POST', 'hello', { 'Repr-Digest': digest, 'Content-Digest': digest })
    expect([answer.status, answer.header('repr-digest')]).toEqual([201, digest])
    expect((await plain('POST', 'other', { 'Content-Digest': digest })).status).toBe(400)
  })

  it('R-031 a draft client without a valid Upload-Complete makes one, too', async () => {
    expect((await draft.post('yes', 'hello')).status).toBe(201)
  })

  it('what is too large or cut leaves nothing behind', async () => {
    const before = await draft.site.files()
    for (const body of ['x'.repeat(21), chunked('x'.repeat(15), 'x'.repeat(6))]) {
      expect((await plain('POST', body)).status).toBe(413)
    }
    const fields = { 'Tus-Resumable': null, 'Content-Type': 'text/plain' }
    const running = draft.site.begin('POST', draft.base, fields, { first: 'hello', length: 10 })
    const url = await draft.site.appeared(before)
    running.cut()
    await expect.poll(() => draft.site.files(), { timeout: 60_000 }).toEqual(before)
    expect(await draft.stand(url)).toBe('404')
  })

  it('a form is refused', async () => {
    expect((await plain('POST', '--x--', { 'Content-Type': 'multipart/form-data; boundary=x' })).status).toBe(415)
  })

  it('nothing is no upload, nor is what smells of tus, nor what names an upload', async () => {
    expect((await plain('POST', '')).status).toBe(412)
    expect((await plain('POST', 'hello', { 'Upload-Length': '5' })).status).toBe(412)
    expect((await draft.send('PUT', `${draft.base}name`, { 'Upload-Draft-Interop-Version': null }, 'x')).status).toBe(
      405,
    )
  })
})

describe.each(doors)('conventional uploads where nobody asked for them, through the $name door', (door) => {
  const draft = hostDraft(door, 8)

  it('are refused', async () => {
    const before = await draft.site.files()
    for (const method of ['POST', 'PUT']) {
      const answer = await draft.send(method, draft.base, { 'Upload-Draft-Interop-Version': null }, 'hello')
      expect(answer.status).toBeGreaterThanOrEqual(400)
    }
    expect(await draft.site.files()).toEqual(before)
  })
})
