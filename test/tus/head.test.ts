import { describe, expect, it } from 'vitest'
import { doors } from './support/doors.ts'
import { host } from './support/site.ts'

describe.each(doors)('HEAD through the $name door', (door) => {
  const site = host(door)

  it('T-013 tells the offset at the start, on the way, and at the end', async () => {
    const url = await site.create({ 'Upload-Length': '6' })
    expect((await site.head(url)).header('upload-offset')).toBe('0')
    await site.patch(url, 0, 'abc')
    expect((await site.head(url)).header('upload-offset')).toBe('3')
    await site.patch(url, 3, 'def')
    expect((await site.head(url)).header('upload-offset')).toBe('6')
  })

  it('T-014 tells the length once it is known, and then no Upload-Defer-Length', async () => {
    const url = await site.create({ 'Upload-Length': '6' })
    const deferred = await site.create({ 'Upload-Defer-Length': '1' })
    await site.patch(deferred, 0, 'abc', { 'Upload-Length': '6' })
    for (const each of [url, deferred]) {
      const answer = await site.head(each)
      expect(answer.header('upload-length')).toBe('6')
      expect(answer.header('upload-defer-length')).toBeNull()
    }
  })

  it('T-015 is answered with 200, without a body', async () => {
    const url = await site.create({ 'Upload-Length': '6' })
    const answer = await site.head(url)
    expect(answer.status).toBe(200)
    expect(answer.body).toHaveLength(0)
  })

  it('T-015 of a complete upload tells what GET would send', async () => {
    const url = await site.create({ 'Upload-Length': '5' }, 'hello')
    const head = await site.head(url)
    const get = await site.send('GET', url)
    expect(head.header('content-length')).toBe('5')
    expect(head.header('etag')).not.toBeNull()
    for (const name of ['etag', 'last-modified', 'content-type', 'content-disposition', 'accept-ranges'] as const) {
      expect(head.header(name), name).toBe(get.header(name))
    }
  })

  it('T-016 is never cached', async () => {
    const url = await site.create({ 'Upload-Length': '6' })
    const done = await site.create({ 'Upload-Length': '5' }, 'hello')
    const unknown = `${site.base}${'0'.repeat(32)}`
    for (const each of [url, done, unknown]) {
      expect((await site.head(each)).header('cache-control')).toContain('no-store')
    }
  })

  it.each(['0'.repeat(32), 'unknown', 'a/b', ''])(
    'T-017 of "%s", which is no upload, is refused without an offset',
    async (id) => {
      const answer = await site.head(`${site.base}${id}`)
      expect([404, 405]).toContain(answer.status)
      if (id !== '') expect(answer.status).toBe(404)
      expect(answer.header('upload-offset')).toBeNull()
      expect(answer.header('upload-length')).toBeNull()
    },
  )
})
