import { describe, expect, it } from 'vitest'
import { chunked } from './support/answer.ts'
import { notIntegers, tooLarge } from './support/decoys.ts'
import { doors } from './support/doors.ts'
import { host, idOf, type Site } from './support/site.ts'

describe.each(doors)('a deferred length through the $name door', (door) => {
  const finished: string[] = []
  const site = host(door, { hooks: { postFinish: (upload) => void finished.push(upload.id) } })
  const deferred = () => site.create({ 'Upload-Defer-Length': '1' })
  const completions = (url: string) => finished.filter((id) => id === idOf(url)).length

  async function expectDeferred(at: Site, url: string, offset: number): Promise<void> {
    const answer = await at.head(url)
    expect(answer.status).toBe(200)
    expect(answer.header('upload-offset')).toBe(String(offset))
    expect(answer.header('upload-defer-length')).toBe('1')
    expect(answer.header('upload-length')).toBeNull()
  }

  it('T-034 is told as such as long as it is deferred', async () => {
    const url = await deferred()
    await expectDeferred(site, url, 0)
    expect((await site.patch(url, 0, 'hello')).status).toBe(204)
    await expectDeferred(site, url, 5)
    expect((await site.send('GET', url)).status).toBe(400)
  })

  it.each([
    ['the first bytes', 0, 'hello', '10'],
    ['later bytes', 5, 'wor', '10'],
    ['no bytes', 5, '', '10'],
  ])('T-035 comes with a PATCH of %s', async (_, offset, body, length) => {
    const url = await deferred()
    if (offset > 0) await site.patch(url, 0, 'hello')
    expect((await site.patch(url, offset, body, { 'Upload-Length': length })).status).toBe(204)
    const answer = await site.head(url)
    expect(answer.header('upload-length')).toBe(length)
    expect(answer.header('upload-defer-length')).toBeNull()
    expect(completions(url)).toBe(0)
  })

  it.each([
    ['with the last bytes', 'world', '10'],
    ['after them, with an empty PATCH', '', '5'],
  ])('T-035 completes the upload when it comes %s', async (_, body, length) => {
    const url = await deferred()
    await site.patch(url, 0, 'hello')
    expect((await site.patch(url, 5, body, { 'Upload-Length': length })).status).toBe(204)
    expect(await site.content(url)).toBe(`hello${body}`)
    expect(completions(url)).toBe(1)
  })

  it('T-035 of 0 completes an empty upload', async () => {
    const url = await deferred()
    expect((await site.patch(url, 0, '', { 'Upload-Length': '0' })).status).toBe(204)
    expect(await site.content(url)).toBe('')
    expect(completions(url)).toBe(1)
  })

  it.each([...notIntegers, '0', '4'])('T-035 of "%s" is refused with 400 once there are 5 bytes', async (length) => {
    const url = await deferred()
    await site.patch(url, 0, 'hello')
    expect((await site.patch(url, 5, 'world', { 'Upload-Length': length })).status).toBe(400)
    await expectDeferred(site, url, 5)
    expect((await site.stored(url)).toString()).toBe('hello')
  })

  it.each(tooLarge)('T-035 of %s is refused, as it would be rounded', async (length) => {
    const url = await deferred()
    expect([400, 413]).toContain((await site.patch(url, 0, 'hello', { 'Upload-Length': length })).status)
    await expectDeferred(site, url, 0)
  })

  it.each([
    ['by Content-Length', 'worlds', [400, 413]],
    ['at a wrong offset', 'world', [409]],
  ])('T-035 is not taken from a PATCH that is refused %s', async (_, body, statuses) => {
    const url = await deferred()
    await site.patch(url, 0, 'hello')
    const offset = body === 'world' ? 4 : 5
    expect(statuses).toContain((await site.patch(url, offset, body, { 'Upload-Length': '10' })).status)
    await expectDeferred(site, url, 5)
  })

  it('T-035 bounds the very PATCH that it comes with, chunked', async () => {
    const url = await deferred()
    expect((await site.patch(url, 0, chunked('hello', 'world'), { 'Upload-Length': '7' })).status).toBe(413)
    const offset = await site.offset(url)
    expect(offset).toBeLessThanOrEqual(7)
    expect((await site.stored(url)).toString()).toBe('helloworld'.slice(0, offset))
  })

  it('T-036 once set may be repeated', async () => {
    const url = await deferred()
    await site.patch(url, 0, 'hello', { 'Upload-Length': '10' })
    expect((await site.patch(url, 5, 'wor', { 'Upload-Length': '10' })).status).toBe(204)
    const fixed = await site.create({ 'Upload-Length': '5' })
    expect((await site.patch(fixed, 0, 'hello', { 'Upload-Length': '5' })).status).toBe(204)
    expect(await site.content(fixed)).toBe('hello')
  })

  it.each(['5', '9', '11', 'x', ''])('T-036 once set to 10 does not become "%s"', async (length) => {
    const late = await deferred()
    await site.patch(late, 0, 'hello', { 'Upload-Length': '10' })
    const early = await site.create({ 'Upload-Length': '10' })
    await site.patch(early, 0, 'hello')
    for (const url of [late, early]) {
      expect((await site.patch(url, 5, '', { 'Upload-Length': length })).status).toBe(400)
      expect((await site.patch(url, 5, 'world', { 'Upload-Length': length })).status).toBe(400)
      expect(await site.offset(url)).toBe(5)
      expect((await site.head(url)).header('upload-length')).toBe('10')
    }
  })

  it('T-036 of a complete upload does not change', async () => {
    const url = await site.create({ 'Upload-Length': '5' }, 'hello')
    expect((await site.patch(url, 5, '', { 'Upload-Length': '6' })).status).toBe(400)
    expect((await site.head(url)).header('upload-length')).toBe('5')
  })
})
