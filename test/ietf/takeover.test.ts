import { describe, expect, it } from 'vitest'
import { timed } from '../support/calm.ts'
import type { Running } from '../tus/support/doors.ts'
import { pattern } from '../tus/support/site.ts'
import { AT_ONCE } from '../tus/support/stores.ts'
import { appending, hostDraft, NEWEST } from './support/draft.ts'

describe.each(NEWEST)('several requests at once, %s', (_, door, version) => {
  const draft = hostDraft(door, version)

  /** What `ask` gives, if it takes less than a second. */
  async function soon<T>(ask: Promise<T>): Promise<T> {
    const { result, took } = await timed(() => ask)
    expect(took).toBeLessThan(AT_ONCE)
    return result
  }

  /** The connection ends without a word; where there is none, the request fails. */
  async function expectCut(running: Running): Promise<void> {
    if (door.name === 'node') await expect(running.answer).rejects.toThrow('connection ended')
    else expect((await running.answer).status).toBe(400)
    await running.closed
  }

  async function stalled(sized: boolean): Promise<{ url: string; running: Running }> {
    const url = await draft.create('?0')
    const running = draft.begin('PATCH', url, appending(0, '?1'), { first: 'hello', ...(sized && { length: 11 }) })
    await draft.site.arrived(url, 5)
    return { url, running }
  }

  describe.each([
    ['with Content-Length', true],
    ['chunked', false],
  ])('while an append stalls, %s', (_name, sized) => {
    it.each(['HEAD', 'GET'])(
      'R-081 R-082 %s ends it at once, and the offset that it tells can be used',
      async (method) => {
        const { url, running } = await stalled(sized)
        const answer = await soon(draft.send(method, url))
        expect(answer.status).toBe(204)
        expect(answer.header('upload-offset')).toBe('5')
        await running.write(' LATE!')
        await expectCut(running)
        expect((await draft.append(url, 5, '?1', ' world')).status).toBe(201)
        expect(await draft.site.content(url)).toBe('hello world')
      },
    )

    it('R-082 PATCH ends it at once', async () => {
      const { url, running } = await stalled(sized)
      expect((await soon(draft.append(url, 5, '?1', ' world'))).status).toBe(201)
      await expectCut(running)
      expect(await draft.site.content(url)).toBe('hello world')
    })

    it('R-070 R-071 DELETE ends it at once, and the upload is gone', async () => {
      const { url, running } = await stalled(sized)
      expect((await soon(draft.send('DELETE', url))).status).toBe(204)
      await expectCut(running)
      expect(await draft.stand(url)).toBe('404')
      expect((await draft.append(url, 5, '?1', ' world')).status).toBe(404)
      expect((await draft.send('DELETE', url)).status).toBe(404)
    })
  })

  it('R-070 DELETE of an upload, complete or not, is answered with 204', async () => {
    for (const complete of ['?0', '?1']) {
      const url = await draft.create(complete, 'hello')
      expect((await draft.send('DELETE', url)).status).toBe(204)
      expect(await draft.stand(url)).toBe('404')
    }
  })

  it('R-082 HEAD ends a creation', async () => {
    const before = await draft.site.files()
    const running = draft.begin('POST', draft.base, { 'Upload-Complete': '?1' }, { first: 'hello' })
    const url = await draft.site.appeared(before)
    await draft.site.arrived(url, 5)
    expect(await soon(draft.stand(url))).toBe('5 ?0 -')
    await expectCut(running)
  })

  it('R-080 two appends at one offset never mix', async () => {
    const patterns = [Buffer.alloc(200_000, 'A'), Buffer.alloc(200_000, 'B')] as const
    for (let round = 0; round < 5; round++) {
      const url = await draft.create('?0')
      const answers = await Promise.allSettled(patterns.map((bytes) => draft.append(url, 0, '?1', bytes)))
      const successes = answers.filter((each) => each.status === 'fulfilled' && each.value.status === 201)
      expect(successes.length).toBeLessThanOrEqual(1)
      const offset = Number((await draft.head(url)).header('upload-offset'))
      const stored = await draft.site.stored(url)
      expect(stored).toHaveLength(offset)
      expect(patterns.some((bytes) => stored.equals(bytes.subarray(0, offset)))).toBe(true)
    }
  })

  it('R-080 appends against a cancellation leave nothing behind', async () => {
    const before = await draft.site.files()
    for (let round = 0; round < 5; round++) {
      const url = await draft.create('?0')
      await Promise.allSettled([draft.append(url, 0, '?1', pattern(100_000)), draft.send('DELETE', url)])
      expect(await draft.stand(url)).toBe('404')
    }
    expect(await draft.site.files()).toEqual(before)
  })
})
