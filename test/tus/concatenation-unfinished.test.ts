import { describe, expect, it, vi } from 'vitest'
import { doors } from './support/doors.ts'
import { host, idOf } from './support/site.ts'

const PARTIAL = { 'Upload-Concat': 'partial' }

describe.each(doors)('concatenation of unfinished parts through the $name door', (door) => {
  const finished: string[] = []
  const site = host(door, {
    hooks: {
      preFinish: (upload) => void finished.push(`pre ${upload.id}`),
      postFinish: (upload) => void finished.push(`post ${upload.id}`),
    },
  })
  const unfinished = (length = 5) => site.create({ ...PARTIAL, 'Upload-Length': String(length) })
  const join = (...urls: readonly string[]) => site.post({ 'Upload-Concat': `final;${urls.join(' ')}` })

  async function expectJoined(url: string, text: string): Promise<void> {
    const head = await site.head(url)
    expect(head.header('upload-offset')).toBe(String(text.length))
    expect(head.header('upload-length')).toBe(String(text.length))
    expect(await site.content(url)).toBe(text)
  }

  it('T-100 is done only because it is listed', async () => {
    expect((await site.send('OPTIONS', site.base)).header('tus-extension')).toContain('concatenation-unfinished')
    expect((await join(await unfinished())).status).toBe(201)
  })

  it('T-101 has no offset yet, but a length, as the parts have', async () => {
    const [a, b] = [await unfinished(5), await unfinished(3)]
    await site.patch(a, 0, 'hel')
    const answer = await join(a, b)
    expect(answer.status).toBe(201)
    const url = answer.header('location') ?? ''
    const head = await site.head(url)
    expect(head.status).toBe(200)
    expect(head.header('upload-offset')).toBeNull()
    expect(head.header('upload-length')).toBe('8')
    expect(head.header('upload-concat')).toBe(`final;${a} ${b}`)
    expect((await site.send('GET', url)).status).toBe(400)
  })

  it('T-101 has no length as long as that of a part is not known', async () => {
    const [a, b] = [await unfinished(5), await site.create({ ...PARTIAL, 'Upload-Defer-Length': '1' })]
    const url = (await join(a, b)).header('location') ?? ''
    const head = await site.head(url)
    expect(head.header('upload-offset')).toBeNull()
    expect(head.header('upload-length')).toBeNull()
    await site.patch(b, 0, '', { 'Upload-Length': '3' })
    expect((await site.head(url)).header('upload-length')).toBe('8')
  })

  it('T-101 takes no PATCH either', async () => {
    const url = (await join(await unfinished())).header('location') ?? ''
    expect((await site.patch(url, 0, 'hello')).status).toBe(403)
    expect((await site.head(url)).header('upload-offset')).toBeNull()
  })

  it('T-102 completes when the last part does', async () => {
    const [a, b, c] = [await unfinished(5), await unfinished(3), await unfinished(1)]
    const url = (await join(a, b, c)).header('location') ?? ''
    await site.patch(b, 0, 'you')
    await site.patch(a, 0, 'hello')
    expect((await site.head(url)).header('upload-offset')).toBeNull()
    expect((await site.patch(c, 0, '!')).status).toBe(204)
    await expectJoined(url, 'helloyou!')
  })

  it('T-102 completes when the length of the last part is declared', async () => {
    const [a, b] = [await unfinished(5), await site.create({ ...PARTIAL, 'Upload-Defer-Length': '1' })]
    const url = (await join(a, b)).header('location') ?? ''
    await site.patch(a, 0, 'hello')
    await site.patch(b, 0, 'you')
    expect((await site.head(url)).header('upload-offset')).toBeNull()
    await site.patch(b, 3, '', { 'Upload-Length': '3' })
    await expectJoined(url, 'helloyou')
  })

  it('T-102 completes for every final upload that waits, each by itself', async () => {
    const [a, b] = [await unfinished(5), await unfinished(3)]
    const [first, second] = [(await join(a, b)).header('location') ?? '', (await join(b, b)).header('location') ?? '']
    await site.patch(b, 0, 'you')
    await expectJoined(second, 'youyou')
    expect((await site.head(first)).header('upload-offset')).toBeNull()
    await site.patch(a, 0, 'hello')
    await expectJoined(first, 'helloyou')
  })

  it('T-102 completes when the last two parts do so at the same time', async () => {
    for (let round = 0; round < 5; round++) {
      const [a, b] = [await unfinished(5), await unfinished(3)]
      const url = (await join(a, b)).header('location') ?? ''
      const answers = await Promise.all([site.patch(a, 0, 'hello'), site.patch(b, 0, 'you')])
      expect(answers.map((answer) => answer.status)).toEqual([204, 204])
      await expectJoined(url, 'helloyou')
    }
  })

  it('T-102 T-106 hooks hear of the whole when it completes, once', async () => {
    const part = await unfinished(5)
    const url = (await join(part)).header('location') ?? ''
    const heard = (each: string) => finished.filter((line) => line.endsWith(idOf(each)))
    expect(heard(url)).toEqual([])
    await site.patch(part, 0, 'hello')
    await expectJoined(url, 'hello')
    await vi.waitFor(() => expect(heard(url)).toEqual([`pre ${idOf(url)}`, `post ${idOf(url)}`]), 60_000)
    await site.head(url)
    expect(heard(url)).toHaveLength(2)
    expect(heard(part)).toEqual([])
  })

  it('T-105 can be deleted while it waits, without harm to its parts', async () => {
    const part = await unfinished(5)
    const url = (await join(part)).header('location') ?? ''
    expect((await site.send('DELETE', url)).status).toBe(204)
    expect((await site.patch(part, 0, 'hello')).status).toBe(204)
    expect(await site.content(part)).toBe('hello')
    expect([404, 410]).toContain((await site.head(url)).status)
  })

  it('T-105 that lost a part before it was joined never completes, and does not break the server', async () => {
    const [a, b] = [await unfinished(5), await unfinished(3)]
    const url = (await join(a, b)).header('location') ?? ''
    expect((await site.send('DELETE', a)).status).toBe(204)
    expect((await site.patch(b, 0, 'you')).status).toBe(204)
    const head = await site.head(url)
    expect(head.status).toBeLessThan(500)
    expect(head.header('upload-offset')).toBeNull()
    const get = await site.send('GET', url)
    expect(get.status).toBeGreaterThanOrEqual(400)
    expect(get.status).toBeLessThan(500)
    expect((await site.send('DELETE', url)).status).toBe(204)
  })
})
