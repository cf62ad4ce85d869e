import { describe, expect, it } from 'vitest'
import { timed } from '../support/calm.ts'
import { chunked } from './support/answer.ts'
import { checksum } from './support/digest.ts'
import { doors, type Running } from './support/doors.ts'
import { host, OCTETS, pattern } from './support/site.ts'
import { AT_ONCE } from './support/stores.ts'

const OCTETS_AT_0 = { 'Upload-Offset': '0', 'Content-Type': OCTETS }

describe.each(doors)('several requests at once through the $name door', (door) => {
  const site = host(door)

  /** What `ask` gives, if it takes less than a second. */
  async function soon<T>(ask: Promise<T>): Promise<T> {
    const { result, took } = await timed(() => ask)
    expect(took).toBeLessThan(AT_ONCE)
    return result
  }

  async function expectInterrupted(running: Running): Promise<void> {
    const answer = await running.answer
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('ERR_UPLOAD_INTERRUPTED')
    // What connections are like behind the other door is not for us to say.
    if (door.http1) expect(answer.header('connection')).toMatch(/close/i)
  }

  /** The interrupted client wakes up and sends the rest of its body, whatever it was told. */
  async function sendLate(running: Running): Promise<void> {
    await running.write('LATE!')
    await running.end()
    await running.closed
  }

  it.each([
    ['with Content-Length', (bytes: Buffer) => bytes],
    ['chunked', (bytes: Buffer) => chunked(...[0, 1, 2, 3].map((n) => bytes.subarray(n * 50_000, (n + 1) * 50_000)))],
  ])('T-117 two PATCHes at one offset never mix: %s', async (_, body) => {
    const patterns = [Buffer.alloc(200_000, 'A'), Buffer.alloc(200_000, 'B')] as const
    for (let round = 0; round < 10; round++) {
      const url = await site.create({ 'Upload-Length': '200000' })
      const answers = await Promise.allSettled(patterns.map((bytes) => site.patch(url, 0, body(bytes))))
      const successes = answers.filter((each) => each.status === 'fulfilled' && each.value.status === 204)
      expect(successes.length).toBeLessThanOrEqual(1)
      const offset = await site.offset(url)
      const stored = await site.stored(url)
      expect(stored).toHaveLength(offset)
      const winner = patterns.find((bytes) => stored.equals(bytes.subarray(0, offset)))
      expect(winner).toBeDefined()
      if (successes.length === 1) expect(offset).toBe(200_000)
      else expect((await site.patch(url, offset, winner?.subarray(offset) ?? '')).status).toBe(204)
    }
  })

  it('T-117 the same PATCH twice at once stores its bytes once', async () => {
    for (let round = 0; round < 10; round++) {
      const url = await site.create({ 'Upload-Length': '10' })
      const answers = await Promise.all([site.patch(url, 0, 'hello'), site.patch(url, 0, 'hello')])
      expect(answers.filter((answer) => answer.status === 204)).toHaveLength(1)
      expect(await site.offset(url)).toBe(5)
      expect((await site.stored(url)).toString()).toBe('hello')
    }
  })

  describe.each([
    ['with Content-Length', true],
    ['chunked', false],
  ])('while a PATCH stalls, %s', (_, sized) => {
    async function stalled(url: string, fields = {}): Promise<Running> {
      const start = { first: 'hello', ...(sized && { length: 10 }) }
      const running = site.begin('PATCH', url, { ...OCTETS_AT_0, ...fields }, start)
      await site.arrived(url, 5)
      return running
    }

    it('T-118 HEAD takes over, and late bytes are never stored', async () => {
      const url = await site.create({ 'Upload-Length': '10' })
      const running = await stalled(url)
      expect(await soon(site.offset(url))).toBe(5)
      await expectInterrupted(running)
      await sendLate(running)
      expect(await site.offset(url)).toBe(5)
      expect((await site.patch(url, 5, 'world')).status).toBe(204)
      expect(await site.content(url)).toBe('helloworld')
    })

    it('T-118 PATCH takes over, and late bytes are never stored', async () => {
      const url = await site.create({ 'Upload-Length': '10' })
      const running = await stalled(url)
      expect((await soon(site.patch(url, 5, 'wor'))).status).toBe(204)
      await expectInterrupted(running)
      await sendLate(running)
      expect(await site.offset(url)).toBe(8)
      expect((await site.patch(url, 8, 'ld')).status).toBe(204)
      expect(await site.content(url)).toBe('helloworld')
    })

    it('T-118 late bytes that come at the same time as HEAD are counted by it or never stored', async () => {
      const url = await site.create({ 'Upload-Length': '10' })
      const running = await stalled(url)
      const [offset] = await Promise.all([soon(site.offset(url)), running.write('wor')])
      await expectInterrupted(running)
      expect(await site.offset(url)).toBe(offset)
      expect((await site.stored(url)).toString()).toBe('hellowor'.slice(0, offset))
    })

    it('T-118 DELETE takes over, and late bytes are never stored', async () => {
      const url = await site.create({ 'Upload-Length': '10' })
      const running = await stalled(url)
      const before = await site.files()
      expect((await soon(site.send('DELETE', url))).status).toBe(204)
      await sendLate(running)
      expect((await site.head(url)).status).toBe(404)
      expect((await site.files()).length).toBeLessThan(before.length)
    })

    it('T-118 HEAD takes over from a PATCH with a checksum, of which nothing counts', async () => {
      const bytes = pattern(300_000)
      const url = await site.create({ 'Upload-Length': String(bytes.length) })
      const fields = { ...OCTETS_AT_0, 'Upload-Checksum': checksum('sha1', bytes) }
      const first = bytes.subarray(5)
      const running = site.begin('PATCH', url, fields, { first, ...(sized && { length: bytes.length }) })
      await site.arrived(url, first.length)
      expect(await soon(site.offset(url))).toBe(0)
      await expectInterrupted(running)
      await sendLate(running)
      expect(await site.offset(url)).toBe(0)
      expect((await site.patch(url, 0, bytes)).status).toBe(204)
      expect((await site.content(url)) === bytes.toString('latin1')).toBe(true)
    })

    it('T-118 many newcomers are all answered soon', async () => {
      const url = await site.create({ 'Upload-Length': '10' })
      const running = await stalled(url)
      expect(await soon(Promise.all(Array.from({ length: 10 }, () => site.offset(url))))).toEqual(Array(10).fill(5))
      await expectInterrupted(running)
    })
  })

  it('T-118 an interrupted client that stays silent is let go within 3 seconds', async () => {
    // One behind the other: what has arrived is told for all of them together.
    for (const sized of [{ length: 10 }, {}]) {
      const url = await site.create({ 'Upload-Length': '10' })
      const running = site.begin('PATCH', url, OCTETS_AT_0, { first: 'hello', ...sized })
      await site.arrived(url, 5)
      expect(await soon(site.offset(url))).toBe(5)
      expect((await timed(() => running.closed)).took).toBeLessThan(3000)
      expect((await running.answer).status).toBe(400)
    }
  })

  it('T-118 HEAD takes over from content in POST', async () => {
    const fields = { 'Upload-Length': '10', 'Content-Type': OCTETS }
    const before = await site.files()
    const running = site.begin('POST', site.base, fields, { first: 'hello', length: 10 })
    const url = await site.appeared(before)
    await site.arrived(url, 5)
    expect(await soon(site.offset(url))).toBe(5)
    await expectInterrupted(running)
    await sendLate(running)
    expect(await site.offset(url)).toBe(5)
    expect((await site.patch(url, 5, 'world')).status).toBe(204)
    expect(await site.content(url)).toBe('helloworld')
  })

  it('T-119 no upload holds up another', async () => {
    const slow = await site.create({ 'Upload-Length': '10' })
    const running = site.begin('PATCH', slow, OCTETS_AT_0, { first: 'hello', length: 10 })
    await site.arrived(slow, 5)
    await Promise.all(
      Array.from({ length: 8 }, async (_, seed) => {
        const bytes = pattern(120_000, seed)
        const url = await site.create({ 'Upload-Length': String(bytes.length) })
        for (let at = 0; at < bytes.length; at += 30_000) {
          expect((await site.patch(url, at, bytes.subarray(at, at + 30_000))).status).toBe(204)
          expect(await site.offset(url)).toBe(at + 30_000)
        }
        expect((await site.content(url)) === bytes.toString('latin1')).toBe(true)
      }),
    )
    await running.write('world')
    expect((await running.answer).status).toBe(204)
    expect(await site.content(slow)).toBe('helloworld')
  })
})
