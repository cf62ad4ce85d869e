import { describe, expect, it, vi } from 'vitest'
import { doors } from './support/doors.ts'
import { host, idOf, pattern, type Site } from './support/site.ts'

const PARTIAL = { 'Upload-Concat': 'partial' }

/** A complete partial upload of these bytes. */
function partial(site: Site, bytes: string | Uint8Array): Promise<string> {
  return site.create({ ...PARTIAL, 'Upload-Length': String(bytes.length) }, bytes)
}

const final = (...urls: readonly string[]) => ({ 'Upload-Concat': `final;${urls.join(' ')}` })

describe.each(doors)('concatenation through the $name door', (door) => {
  const finished: string[] = []
  const site = host(door, {
    hooks: {
      preFinish: (upload) => void finished.push(`pre ${upload.id}`),
      postFinish: (upload) => void finished.push(`post ${upload.id}`),
    },
  })
  const limited = host(door, { maxSize: 10 })
  const off = host(door, { disableConcatenation: true })

  it.each(['partial', 'final;/files/0123456789abcdef0123456789abcdef'])(
    'T-090 "%s" is refused where concatenation is turned off',
    async (concat) => {
      const before = await off.files()
      const fields = concat === 'partial' ? { 'Upload-Length': '5' } : {}
      const answer = await off.post({ 'Upload-Concat': concat, ...fields })
      expect(answer.status).toBe(501)
      expect(answer.header('location')).toBeNull()
      expect(await off.files()).toEqual(before)
    },
  )

  it('T-091 a partial upload goes like any other, and says what it is', async () => {
    const url = await site.create({ ...PARTIAL, 'Upload-Length': '10' })
    await site.patch(url, 0, 'hello')
    const head = await site.head(url)
    expect(head.header('upload-concat')).toBe('partial')
    expect(head.header('upload-offset')).toBe('5')
    expect(head.header('upload-length')).toBe('10')
    expect((await site.patch(url, 5, 'world')).status).toBe(204)
    expect((await site.head(url)).header('upload-concat')).toBe('partial')
  })

  it('T-092 a final upload joins its parts in the order of the list', async () => {
    const [a, b, c] = [await partial(site, 'one '), await partial(site, 'two '), await partial(site, 'three')]
    expect(await site.content(await site.create(final(a, b, c)))).toBe('one two three')
    expect(await site.content(await site.create(final(c, a, b)))).toBe('threeone two ')
  })

  it('T-092 a final upload joins large parts exactly', async () => {
    const parts = [pattern(1_500_000, 1), pattern(1, 2), pattern(0), pattern(1_048_576, 3), pattern(65_537, 4)]
    const urls: string[] = []
    for (const bytes of parts) urls.push(await partial(site, bytes))
    const url = await site.create(final(...urls))
    expect((await site.content(url)) === Buffer.concat(parts).toString('latin1')).toBe(true)
  })

  it('T-092 parts that were sent in several requests are joined exactly', async () => {
    const [a, b] = [
      await site.create({ ...PARTIAL, 'Upload-Length': '6' }),
      await site.create({ ...PARTIAL, 'Upload-Defer-Length': '1' }),
    ]
    await Promise.all([site.patch(a, 0, 'abc'), site.patch(b, 0, '123')])
    await Promise.all([site.patch(a, 3, 'def'), site.patch(b, 3, '456', { 'Upload-Length': '6' })])
    expect(await site.content(await site.create(final(a, b)))).toBe('abcdef123456')
  })

  it('T-093 its length is the sum of theirs', async () => {
    const url = await site.create(final(await partial(site, 'hello'), await partial(site, 'you')))
    expect((await site.head(url)).header('upload-length')).toBe('8')
  })

  it('T-094 a part may occur twice, and be used again', async () => {
    const [a, b] = [await partial(site, 'ab'), await partial(site, 'c')]
    expect(await site.content(await site.create(final(a, b, a, a)))).toBe('abcabab')
    expect(await site.content(await site.create(final(b, a)))).toBe('cab')
    expect(await site.content(a)).toBe('ab')
  })

  it.each([
    ['at 0', 0, 'x'],
    ['at its end', 5, 'x'],
    ['without bytes', 5, ''],
    ['past its end', 9, 'x'],
  ])('T-095 a final upload takes no PATCH: %s', async (_, offset, body) => {
    const url = await site.create(final(await partial(site, 'hello')))
    expect((await site.patch(url, offset, body)).status).toBe(403)
    expect(await site.content(url)).toBe('hello')
  })

  it('T-096 once joined its offset is its length', async () => {
    const head = await site.head(await site.create(final(await partial(site, 'hello'), await partial(site, 'you'))))
    expect(head.status).toBe(200)
    expect(head.header('upload-offset')).toBe('8')
    expect(head.header('upload-length')).toBe('8')
  })

  it('T-097 HEAD returns Upload-Concat as it came', async () => {
    const [a, b] = [await partial(site, 'hello'), await partial(site, 'you')]
    for (const text of [
      `final;${a} ${b}`,
      `final;${new URL(a).pathname} ${new URL(b).pathname}`,
      `final;${a} ${new URL(b).pathname}`,
    ]) {
      const url = await site.create({ 'Upload-Concat': text })
      expect((await site.head(url)).header('upload-concat')).toBe(text)
    }
  })

  it('T-098 parts are named by absolute or relative URLs', async () => {
    const [a, b] = [await partial(site, 'hello'), await partial(site, 'you')]
    const relative = [a, b].map((url) => new URL(url).pathname)
    for (const names of [[a, b], relative, [a, relative[1] ?? '']]) {
      expect(await site.content(await site.create(final(...names)))).toBe('helloyou')
    }
  })

  it('T-099 metadata of the parts is not taken over; the whole has its own', async () => {
    const metadata = 'filename cGFydA=='
    const a = await site.create({ ...PARTIAL, 'Upload-Length': '5', 'Upload-Metadata': metadata }, 'hello')
    const bare = await site.create(final(a))
    expect((await site.head(bare)).header('upload-metadata')).toBeNull()
    const own = await site.create({ ...final(a), 'Upload-Metadata': 'filename d2hvbGU=' })
    expect((await site.head(own)).header('upload-metadata')).toBe('filename d2hvbGU=')
    expect((await site.head(a)).header('upload-metadata')).toBe(metadata)
  })

  it('T-105 deleting the parts later does the whole no harm', async () => {
    const [a, b] = [await partial(site, 'hello'), await partial(site, 'you')]
    const url = await site.create(final(a, b))
    for (const part of [a, b]) expect((await site.send('DELETE', part)).status).toBe(204)
    expect(await site.content(url)).toBe('helloyou')
    expect(await site.offset(url)).toBe(8)
    expect((await site.send('DELETE', url)).status).toBe(204)
  })

  it('T-105 deleting the whole does its parts no harm', async () => {
    const a = await partial(site, 'hello')
    expect((await site.send('DELETE', await site.create(final(a)))).status).toBe(204)
    expect(await site.content(a)).toBe('hello')
  })

  it('T-105 the maximum holds for the sum', async () => {
    const [a, b] = [await partial(limited, '123456'), await partial(limited, '7890')]
    const before = await limited.files()
    const answer = await limited.post(final(a, b, b))
    expect(answer.status).toBe(413)
    expect(answer.header('location')).toBeNull()
    expect(await limited.files()).toEqual(before)
    expect(await limited.content(await limited.create(final(a, b)))).toBe('1234567890')
  })

  it('T-106 hooks hear of the whole, once, and not of its parts', async () => {
    const [a, b] = [await partial(site, 'hello'), await site.create({ ...PARTIAL, 'Upload-Length': '0' })]
    const url = await site.create(final(a, b))
    const heard = (each: string) => finished.filter((line) => line.endsWith(idOf(each)))
    // It is told behind the answer.
    await vi.waitFor(() => expect(heard(url)).toEqual([`pre ${idOf(url)}`, `post ${idOf(url)}`]), 60_000)
    expect([...heard(a), ...heard(b)]).toEqual([])
  })
})
