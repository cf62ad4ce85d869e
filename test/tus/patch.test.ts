import { describe, expect, it } from 'vitest'
import { chunked } from './support/answer.ts'
import { notIntegers, tooLarge } from './support/decoys.ts'
import { doors } from './support/doors.ts'
import { host, OCTETS, pattern } from './support/site.ts'

describe.each(doors)('PATCH through the $name door', (door) => {
  const site = host(door)
  const fresh = (length = 10) => site.create({ 'Upload-Length': String(length) })

  /** The upload holds these bytes, on disk as by HEAD. */
  async function expectStored(url: string, text: string): Promise<void> {
    expect(await site.offset(url)).toBe(text.length)
    expect((await site.stored(url)).toString('latin1')).toBe(text)
  }

  it.each([...notIntegers, ...tooLarge])(
    'T-011 Upload-Offset "%s" is refused, and nothing is stored',
    async (offset) => {
      const url = await fresh()
      const answer = await site.patch(url, offset, 'hello')
      expect([400, 409]).toContain(answer.status)
      expect(answer.header('upload-offset') ?? '0').toBe('0')
      await expectStored(url, '')
    },
  )

  it('T-011 two lines of Upload-Offset are refused with 400', async () => {
    const url = await fresh()
    const fields = { 'Upload-Offset': ['0', '0'], 'Content-Type': OCTETS }
    expect((await site.send('PATCH', url, fields, 'hello')).status).toBe(400)
    await expectStored(url, '')
  })

  it.each([' 0', '0 '])('T-011 white space around a value, as in "%s", is no part of it', async (offset) => {
    const url = await fresh()
    expect((await site.patch(url, offset, 'hello')).status).toBe(204)
  })

  it('T-018 is answered with 204, no body, and the new offset', async () => {
    const url = await fresh()
    const answer = await site.patch(url, 0, 'hello')
    expect(answer.status).toBe(204)
    expect(answer.header('upload-offset')).toBe('5')
    expect(answer.body).toHaveLength(0)
  })

  it('T-019 in any number adds every byte once', async () => {
    const sizes = [1, 7, 1, 4096, 65_535, 1, 65_536, 65_537, 100_000, 13]
    const bytes = pattern(sizes.reduce((sum, size) => sum + size, 0))
    const url = await fresh(bytes.length)
    let at = 0
    for (const size of sizes) {
      const answer = await site.patch(url, at, bytes.subarray(at, at + size))
      at += size
      expect(answer.header('upload-offset')).toBe(String(at))
    }
    expect(await site.content(url)).toBe(bytes.toString('latin1'))
  })

  it('T-019 of several MiB stores every byte once', async () => {
    const bytes = pattern(3 * 1024 * 1024 + 17)
    const url = await fresh(bytes.length)
    expect((await site.patch(url, 0, bytes)).status).toBe(204)
    expect(await site.content(url)).toBe(bytes.toString('latin1'))
  })

  it.each([null, '', 'text/plain', 'application/octet-stream', `${OCTETS}s`, `x${OCTETS}`, `${OCTETS}, text/plain`])(
    'T-020 of Content-Type %s is refused with 415',
    async (type) => {
      const url = await fresh()
      expect((await site.patch(url, 0, 'hello', { 'Content-Type': type })).status).toBe(415)
      await expectStored(url, '')
    },
  )

  it.each(['Application/Offset+Octet-Stream', `${OCTETS}; charset=utf-8`, `${OCTETS} ;x=y`])(
    'T-020 of Content-Type %s is accepted',
    async (type) => {
      const url = await fresh()
      expect((await site.patch(url, 0, 'hello', { 'Content-Type': type })).status).toBe(204)
    },
  )

  it.each([
    ['a replay', 0, 'hello'],
    ['one before the offset', 4, 'world'],
    ['one past the offset', 6, 'orld'],
    ['far past the end', 1000, 'world'],
    ['an empty body', 0, ''],
    ['an empty body at the end', 10, ''],
  ])('T-021 at another offset answers 409 and stores nothing: %s', async (_, offset, body) => {
    const url = await fresh()
    await site.patch(url, 0, 'hello')
    expect((await site.patch(url, offset, body)).status).toBe(409)
    await expectStored(url, 'hello')
  })

  it('T-022 without Upload-Offset answers 400 and stores nothing', async () => {
    const url = await fresh()
    const answer = await site.send('PATCH', url, { 'Content-Type': OCTETS }, 'hello')
    expect(answer.status).toBe(400)
    await expectStored(url, '')
  })

  it('T-023 of an unknown upload answers 404 and creates nothing', async () => {
    const before = await site.files()
    expect((await site.patch(`${site.base}${'0'.repeat(32)}`, 0, 'hello')).status).toBe(404)
    expect(await site.files()).toEqual(before)
  })

  it('T-026 longer than the upload by Content-Length answers 413 and stores nothing', async () => {
    const url = await fresh()
    await site.patch(url, 0, 'hello')
    expect((await site.patch(url, 5, 'worlds')).status).toBe(413)
    await expectStored(url, 'hello')
  })

  it.each([
    ['in one chunk', chunked('0123456789ABCDEF')],
    ['in a chunk of its own', chunked('0123456789', 'ABCDEF')],
    ['byte by byte', chunked(...'0123456789AB')],
  ])('T-026 longer than the upload, chunked, answers 413 and stores a true prefix: surplus %s', async (_, body) => {
    const url = await fresh()
    expect((await site.patch(url, 0, body)).status).toBe(413)
    const offset = await site.offset(url)
    expect(offset).toBeLessThanOrEqual(10)
    expect((await site.stored(url)).toString()).toBe('0123456789'.slice(0, offset))
    expect((await site.patch(url, offset, '0123456789'.slice(offset))).status).toBe(204)
    expect(await site.content(url)).toBe('0123456789')
  })

  it('T-026 with a Content-Length that is too small never passes the length', async () => {
    const url = await fresh()
    const fields = { 'Content-Length': '3', 'Upload-Offset': '0', 'Content-Type': OCTETS }
    // Behind node:http the surplus is the start of another request, and bad.
    await site.send('PATCH', url, fields, '0123456789ABCDEF').catch(() => null)
    const offset = await site.offset(url)
    expect(offset).toBeLessThanOrEqual(10)
    expect((await site.stored(url)).toString()).toBe('0123456789'.slice(0, offset))
  })

  it.each([
    ['with Content-Length', 'more'],
    ['chunked', chunked('m', 'ore')],
  ])('T-027 with bytes for a complete upload is refused: %s', async (_, body) => {
    const url = await site.create({ 'Upload-Length': '5' }, 'hello')
    const answer = await site.patch(url, 5, body)
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(answer.status).toBeLessThan(500)
    expect(await site.content(url)).toBe('hello')
  })

  it.each([0, 4, 6])('T-027 at offset %i of a complete upload of 5 bytes answers 409', async (offset) => {
    const url = await site.create({ 'Upload-Length': '5' }, 'hello')
    expect((await site.patch(url, offset, 'HELLO'.slice(0, 5 - Math.min(offset, 4)))).status).toBe(409)
    expect(await site.content(url)).toBe('hello')
  })

  it('T-028 without Content-Length counts the bytes, not their coding', async () => {
    const url = await fresh()
    const answer = await site.patch(url, 0, chunked('he', 'l', 'lo'))
    expect(answer.status).toBe(204)
    expect(answer.header('upload-offset')).toBe('5')
    expect((await site.patch(url, 5, chunked('world'))).status).toBe(204)
    expect(await site.content(url)).toBe('helloworld')
  })

  it.each([
    ['Content-Length: 0', ''],
    ['no chunk', chunked()],
  ])('T-029 without bytes answers 204 and the same offset: %s', async (_, body) => {
    const url = await fresh()
    await site.patch(url, 0, 'hello')
    const answer = await site.patch(url, 5, body)
    expect(answer.status).toBe(204)
    expect(answer.header('upload-offset')).toBe('5')
    await expectStored(url, 'hello')
  })

  it('T-029 without any framing is one without bytes', async () => {
    const url = await fresh()
    const answer = await site.send('PATCH', url, { 'Upload-Offset': '0', 'Content-Type': OCTETS })
    expect(answer).toMatchObject({ status: 204 })
    expect(answer.header('upload-offset')).toBe('0')
  })

  it('T-029 without bytes at the end of a complete upload answers 204', async () => {
    const url = await site.create({ 'Upload-Length': '5' }, 'hello')
    const answer = await site.patch(url, 5, '')
    expect(answer.status).toBe(204)
    expect(answer.header('upload-offset')).toBe('5')
  })
})
