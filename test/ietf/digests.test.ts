import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createUploads } from '../../src/uploads.ts'
import { chunked } from '../tus/support/answer.ts'
import { pattern } from '../tus/support/site.ts'
import { appending, hostDraft, NEWEST } from './support/draft.ts'

const digest = (algorithm: 'sha-256' | 'sha-512', bytes: string | Uint8Array) =>
  `${algorithm}=:${createHash(algorithm.replace('-', '')).update(bytes).digest('base64')}:`

describe.each(NEWEST)('digests, %s', (_, door, version) => {
  const draft = hostDraft(door, version)

  describe.each(['sha-256', 'sha-512'] as const)('by %s', (algorithm) => {
    it('R-102 an append that matches its Content-Digest is stored', async () => {
      const bytes = pattern(200_000)
      const url = await draft.create('?0', 'hello', { 'Content-Digest': digest(algorithm, 'hello') })
      const fields = { 'Content-Digest': `md5=:AAAA:, ${digest(algorithm, bytes)}` }
      expect((await draft.append(url, 5, '?1', bytes, fields)).status).toBe(201)
      expect((await draft.site.stored(url)).length).toBe(200_005)
    })

    it.each([
      ['with Content-Length', ' world'],
      ['chunked', chunked(' wor', 'ld')],
    ])('R-102 an append that does not match stores and completes nothing: %s', async (_name, body) => {
      const url = await draft.create('?0', 'hello')
      const answer = await draft.append(url, 5, '?1', body, { 'Content-Digest': digest(algorithm, 'other') })
      expect(answer.status).toBe(400)
      expect(answer.header('upload-complete')).toBe('?0')
      expect(await draft.stand(url)).toBe('5 ?0 -')
      expect((await draft.append(url, 5, '?1', ' world')).status).toBe(201)
    })

    it('R-102 a creation that does not match creates nothing', async () => {
      const before = await draft.site.files()
      expect((await draft.post('?1', '', { 'Content-Digest': digest(algorithm, 'other') })).status).toBe(400)
      expect((await draft.post('?1', 'hello', { 'Content-Digest': digest(algorithm, 'other') })).status).toBe(400)
      expect(await draft.site.files()).toEqual(before)
    })

    it('R-100 a whole that matches the Repr-Digest of its creation is complete, and says so', async () => {
      const whole = digest(algorithm, 'hello world')
      const url = await draft.create('?0', 'hello', { 'Repr-Digest': whole })
      expect((await draft.append(url, 5, '?1', ' world')).status).toBe(201)
      expect((await draft.head(url)).header('repr-digest')).toBe(whole)
      expect((await draft.post('?1', 'hello world', { 'Repr-Digest': whole })).status).toBe(201)
    })

    it('R-100 a whole that does not match is a failure, and is no more', async () => {
      const url = await draft.create('?0', 'hello', { 'Repr-Digest': digest(algorithm, 'other') })
      const answer = await draft.append(url, 5, '?1', ' world')
      expect(answer.status).toBe(400)
      expect(await draft.stand(url)).toBe('404')
      const before = await draft.site.files()
      const once = await draft.post('?1', 'hello', { 'Repr-Digest': digest(algorithm, 'other') })
      expect(once.status).toBe(400)
      expect(await draft.site.files()).toEqual(before)
    })

    it('R-101 a digest of the whole that the creation asked for comes with the final response', async () => {
      const url = await draft.create('?0', 'hello', { 'Want-Repr-Digest': `md5=9, ${algorithm}=3` })
      const answer = await draft.append(url, 5, '?1', ' world')
      expect(answer.header('repr-digest')).toBe(digest(algorithm, 'hello world'))
      // Also if that response was lost.
      expect((await draft.append(url, 11, '?1')).header('repr-digest')).toBe(digest(algorithm, 'hello world'))
      expect((await draft.head(url)).header('repr-digest')).toBe(digest(algorithm, 'hello world'))
    })
  })

  it('R-100 the digest of the whole survives a cut, a takeover and another process', async () => {
    const bytes = pattern(300_000)
    const url = await draft.create('?0', '', {
      'Repr-Digest': digest('sha-256', bytes),
      'Want-Repr-Digest': 'sha-512=1',
    })
    const running = draft.begin('PATCH', url, appending(0, '?1'), { first: bytes.subarray(0, 100_000) })
    await draft.site.arrived(url, 100_000)
    expect(await draft.stand(url)).toBe('100000 ?0 -')
    running.cut()
    const other = await createUploads({ store: draft.site.storeAgain() })
    const fields = appending(100_000, '?0', { 'Upload-Draft-Interop-Version': String(version) })
    const headers = Object.entries(fields).map(([name, value]): [string, string] => [name, String(value)])
    const body = Uint8Array.from(bytes.subarray(100_000, 200_000))
    const path = `http://uploads.example${new URL(url).pathname}`
    expect((await other.fetch(new Request(path, { method: 'PATCH', headers, body }))).status).toBe(204)
    await other.close()
    const last = await draft.append(url, 200_000, '?1', bytes.subarray(200_000))
    expect(last.status).toBe(201)
    expect(last.header('repr-digest')).toContain(digest('sha-512', bytes))
  })

  it('R-101 the preferred one of several is computed, and none that is not wanted', async () => {
    const answers = await Promise.all(
      ['sha-256=1, sha-512=5', 'sha-256=5, sha-512=1', 'sha-256=0', 'md5=5', 'nonsense=?1', '((('].map((wanted) =>
        draft.post('?1', 'hello', { 'Want-Repr-Digest': wanted }),
      ),
    )
    const [first, second, ...none] = answers.map((answer) => answer.header('repr-digest'))
    expect(first).toBe(digest('sha-512', 'hello'))
    expect(second).toBe(digest('sha-256', 'hello'))
    expect(none).toEqual([null, null, null, null])
  })

  it.each(['sha-256', 'sha-256=1', 'sha-256="AAAA"', 'sha-256=:!!!:', '((('])(
    'R-100 R-102 the malformed digest %s is refused, and nothing is stored',
    async (malformed) => {
      const before = await draft.site.files()
      for (const name of ['Content-Digest', 'Repr-Digest']) {
        expect((await draft.post('?1', 'hello', { [name]: malformed })).status).toBe(400)
      }
      expect(await draft.site.files()).toEqual(before)
    },
  )
})
