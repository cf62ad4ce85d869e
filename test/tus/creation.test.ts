import { describe, expect, it } from 'vitest'
import { chunked } from './support/answer.ts'
import { notIntegers, tooLarge } from './support/decoys.ts'
import { doors } from './support/doors.ts'
import { host, idOf, OCTETS, pattern } from './support/site.ts'
import { LARGEST, MADE_ID } from './support/stores.ts'

describe.each(doors)('creation through the $name door', (door) => {
  const finished: string[] = []
  const site = host(door, {
    hooks: {
      preFinish: (upload) => void finished.push(`pre ${upload.id}`),
      postFinish: (upload) => void finished.push(`post ${upload.id}`),
    },
  })
  const limited = host(door, { maxSize: 1000 })

  it.each(notIntegers)('T-012 Upload-Length "%s" is refused with 400', async (length) => {
    const before = await site.files()
    const answer = await site.post({ 'Upload-Length': length })
    expect(answer.status).toBe(400)
    expect(answer.header('location')).toBeNull()
    expect(await site.files()).toEqual(before)
  })

  it('T-012 two lines of Upload-Length are refused with 400', async () => {
    const answer = await site.post({ 'Upload-Length': ['5', '5'] })
    expect(answer.status).toBe(400)
    expect(answer.header('location')).toBeNull()
  })

  it.each(tooLarge)('T-012 Upload-Length %s is refused, as it would be rounded', async (length) => {
    const answer = await site.post({ 'Upload-Length': length })
    expect([400, 413]).toContain(answer.status)
    expect(answer.header('location')).toBeNull()
  })

  it('T-012 the largest length that the store takes is kept exactly', async () => {
    const url = await site.create({ 'Upload-Length': String(LARGEST) })
    expect((await site.head(url)).header('upload-length')).toBe(String(LARGEST))
  })

  it.each([' 5', '5 ', '\t5\t'])('T-012 white space around a value, as in "%s", is no part of it', async (length) => {
    const url = await site.create({ 'Upload-Length': length })
    expect((await site.head(url)).header('upload-length')).toBe('5')
  })

  it('T-012 leading zeros do not make a number octal', async () => {
    const answer = await site.post({ 'Upload-Length': '010' })
    expect([201, 400]).toContain(answer.status)
    if (answer.status === 400) return
    expect(Number((await site.head(answer.header('location') ?? '')).header('upload-length'))).toBe(10)
  })

  it('T-031 POST creates an upload at offset 0, and tells where', async () => {
    const answer = await site.post({ 'Upload-Length': '100' })
    expect(answer.status).toBe(201)
    const location = answer.header('location') ?? ''
    expect(location.startsWith(site.base)).toBe(true)
    expect(idOf(location)).toMatch(new RegExp(`^${MADE_ID}$`))
    expect(await site.offset(location)).toBe(0)
  })

  it.each([
    ['neither', {}],
    ['both', { 'Upload-Length': '5', 'Upload-Defer-Length': '1' }],
  ])('T-032 %s of Upload-Length and Upload-Defer-Length: 400', async (_, fields) => {
    const before = await site.files()
    const answer = await site.post(fields)
    expect(answer.status).toBe(400)
    expect(answer.header('location')).toBeNull()
    expect(await site.files()).toEqual(before)
  })

  it.each(['0', '2', 'true', '01', '1.0', '', '1, 1'])(
    'T-033 Upload-Defer-Length "%s" is refused with 400',
    async (value) => {
      const answer = await site.post({ 'Upload-Defer-Length': value })
      expect(answer.status).toBe(400)
      expect(answer.header('location')).toBeNull()
    },
  )

  it.each([
    ['without a body', {}, undefined],
    ['with an empty body', {}, ''],
    ['with an empty body of the media type', { 'Content-Type': OCTETS }, ''],
    ['with an empty chunked body', { 'Content-Type': OCTETS }, chunked()],
  ])('T-038 an upload of length 0 is complete at once: POST %s', async (_, fields, body) => {
    const answer = await site.post({ 'Upload-Length': '0', ...fields }, body)
    expect(answer.status).toBe(201)
    const url = answer.header('location') ?? ''
    const head = await site.head(url)
    expect([head.header('upload-offset'), head.header('upload-length')]).toEqual(['0', '0'])
    expect(await site.content(url)).toBe('')
    expect(finished.filter((line) => line.endsWith(idOf(url)))).toEqual([`pre ${idOf(url)}`, `post ${idOf(url)}`])
  })

  it('T-042 a length above the maximum is refused with 413', async () => {
    const before = await limited.files()
    const answer = await limited.post({ 'Upload-Length': '1001' })
    expect(answer.status).toBe(413)
    expect(answer.header('location')).toBeNull()
    expect(await limited.files()).toEqual(before)
  })

  it('T-042 a length that equals the maximum is accepted', async () => {
    const url = await limited.create({ 'Upload-Length': '1000' })
    const bytes = pattern(1000)
    expect((await limited.patch(url, 0, bytes)).status).toBe(204)
    expect(await limited.content(url)).toBe(bytes.toString('latin1'))
  })

  it.each([
    ['with Content-Length', pattern(1001)],
    ['chunked', chunked(pattern(600), pattern(401))],
  ])('T-042 a deferred upload takes no more than the maximum: PATCH %s', async (_, body) => {
    const url = await limited.create({ 'Upload-Defer-Length': '1' })
    const answer = await limited.patch(url, 0, body)
    expect(answer.status).toBe(413)
    expect(await limited.offset(url)).toBeLessThanOrEqual(1000)
    expect((await limited.stored(url)).length).toBeLessThanOrEqual(1000)
  })

  it('T-042 a deferred upload takes no more than the maximum in several steps', async () => {
    const url = await limited.create({ 'Upload-Defer-Length': '1' })
    expect((await limited.patch(url, 0, pattern(700))).status).toBe(204)
    expect((await limited.patch(url, 700, pattern(301))).status).toBe(413)
    expect(await limited.offset(url)).toBe(700)
    expect((await limited.patch(url, 700, pattern(300))).status).toBe(204)
  })

  it('T-042 a length above the maximum cannot be declared later', async () => {
    const url = await limited.create({ 'Upload-Defer-Length': '1' })
    expect((await limited.patch(url, 0, '', { 'Upload-Length': '1001' })).status).toBe(413)
    expect((await limited.head(url)).header('upload-defer-length')).toBe('1')
    expect((await limited.patch(url, 0, '', { 'Upload-Length': '1000' })).status).toBe(204)
  })

  it('T-042 a deferred upload created with too much content is refused', async () => {
    const answer = await limited.post({ 'Upload-Defer-Length': '1', 'Content-Type': OCTETS }, pattern(1001))
    expect(answer.status).toBe(413)
  })

  it('T-043 ids are unlike each other in every digit', async () => {
    const ids = new Set<string>()
    for (let count = 0; count < 60; count++) ids.add(idOf(await site.create({ 'Upload-Length': '1' })))
    expect(ids.size).toBe(60)
    for (let digit = 0; digit < 32; digit++) {
      expect(new Set([...ids].map((id) => id[digit])).size).toBeGreaterThan(5)
    }
  })
})
