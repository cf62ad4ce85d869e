import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { doors } from '../tus/support/doors.ts'
import { host, idOf, pattern } from '../tus/support/site.ts'
import { draftOf } from './support/draft.ts'

describe.each(doors)('a server that records digests, through the $name door', (door) => {
  const told = new Map<string, unknown>()
  const site = host(door, {
    recordDigest: 'sha256',
    hooks: { postFinish: (upload) => void told.set(upload.id, upload.digests) },
  })
  const draft = draftOf(site, 8)
  const bytes = pattern(200_000)
  const base64 = createHash('sha256').update(bytes).digest('base64')

  it('tells that of a tus upload on HEAD once it is complete, and to hooks', async () => {
    const url = await site.create({ 'Upload-Length': '200000' })
    await site.patch(url, 0, bytes.subarray(0, 90_000))
    expect((await site.head(url)).header('repr-digest')).toBeNull()
    await site.patch(url, 90_000, bytes.subarray(90_000))
    expect((await site.head(url)).header('repr-digest')).toBe(`sha-256=:${base64}:`)
    await expect.poll(() => told.get(idOf(url)), { timeout: 60_000 }).toEqual({ sha256: base64 })
  })

  it('tells that of a concatenation, and none of its parts', async () => {
    const part = await site.create({ 'Upload-Length': '5', 'Upload-Concat': 'partial' }, 'hello')
    const whole = await site.post({ 'Upload-Concat': `final;${part} ${part}` })
    expect((await site.head(part)).header('repr-digest')).toBeNull()
    const digest = createHash('sha256').update('hellohello').digest('base64')
    const url = new URL(whole.header('location') ?? '', site.base).href
    expect((await site.head(url)).header('repr-digest')).toBe(`sha-256=:${digest}:`)
  })

  it('tells that of an upload of the draft, beside those that were asked for', async () => {
    const url = await draft.create('?0', bytes.subarray(0, 90_000), { 'Want-Repr-Digest': 'sha-512=1' })
    const answer = await draft.append(url, 90_000, '?1', bytes.subarray(90_000))
    for (const each of [answer, await draft.head(url)]) {
      expect(each.header('repr-digest')).toContain(`sha-256=:${base64}:`)
      expect(each.header('repr-digest')).toContain('sha-512=:')
    }
  })

  it('tells that of nothing', async () => {
    const url = await site.create({ 'Upload-Length': '0' })
    expect((await site.head(url)).header('repr-digest')).toBe('sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:')
  })
})
