import { describe, expect, it } from 'vitest'
import { afterStalls, timed } from '../support/calm.ts'
import { doors } from './support/doors.ts'
import { host, OCTETS, pattern } from './support/site.ts'
import { AT_ONCE } from './support/stores.ts'

const OCTETS_AT_0 = { 'Upload-Offset': '0', 'Content-Type': OCTETS }

describe.each(doors)('an interrupted PATCH through the $name door', (door) => {
  const site = host(door)
  const impatient = host(door, { networkTimeout: 150 })

  describe.each([
    ['with Content-Length', true],
    ['chunked', false],
  ])('%s', (_, sized) => {
    it.each([1, 2, 1000, 65_535, 65_536, 65_537, 200_000, 299_999])(
      'T-024 cut after %i bytes keeps what arrived, and goes on exactly there',
      async (sent) => {
        const bytes = pattern(300_000, sent)
        const url = await site.create({ 'Upload-Length': String(bytes.length) })
        const first = bytes.subarray(0, sent)
        const running = site.begin('PATCH', url, OCTETS_AT_0, { first, ...(sized && { length: bytes.length }) })
        await site.arrived(url, 1)
        running.cut()
        const offset = await site.offset(url)
        expect(offset).toBeGreaterThan(0)
        expect(offset).toBeLessThanOrEqual(sent)
        expect((await site.stored(url)).equals(bytes.subarray(0, offset))).toBe(true)
        expect((await site.patch(url, offset, bytes.subarray(offset))).status).toBe(204)
        expect((await site.content(url)) === bytes.toString('latin1')).toBe(true)
      },
    )
  })

  it('T-024 cut many times over keeps every byte once', async () => {
    const bytes = pattern(100_000)
    const url = await site.create({ 'Upload-Length': String(bytes.length) })
    let offset = 0
    for (let step = 1; offset < bytes.length - 8000; step++) {
      const fields = { ...OCTETS_AT_0, 'Upload-Offset': String(offset) }
      const first = bytes.subarray(offset, offset + 700 * step)
      const running = site.begin('PATCH', url, fields, { first, length: bytes.length - offset })
      await site.arrived(url, offset + 1)
      running.cut()
      const reached = await site.offset(url)
      expect(reached).toBeGreaterThan(offset)
      offset = reached
    }
    expect((await site.patch(url, offset, bytes.subarray(offset))).status).toBe(204)
    expect((await site.content(url)) === bytes.toString('latin1')).toBe(true)
  })

  it('T-024 cut before its first byte changes nothing', async () => {
    const url = await site.create({ 'Upload-Length': '10' })
    site.begin('PATCH', url, OCTETS_AT_0, { first: '', length: 10 }).cut()
    expect(await site.offset(url)).toBe(0)
    expect((await site.patch(url, 0, '0123456789')).status).toBe(204)
  })

  it('T-025 whose client falls silent ends with a timeout, keeps the bytes and frees the upload', {
    retry: afterStalls,
  }, async () => {
    const url = await impatient.create({ 'Upload-Length': '10' })
    const running = impatient.begin('PATCH', url, OCTETS_AT_0, { first: 'hello', length: 10 })
    const answer = await running.answer
    expect(answer.status).toBe(500)
    expect(answer.text).toContain('ERR_READ_TIMEOUT')
    const { result: offset, took } = await timed(() => impatient.offset(url))
    expect(offset).toBe(5)
    expect(took).toBeLessThan(AT_ONCE)
    expect((await impatient.patch(url, 5, 'world')).status).toBe(204)
    expect(await impatient.content(url)).toBe('helloworld')
  })

  it('T-025 whose client never sends a byte ends with a timeout', async () => {
    const url = await impatient.create({ 'Upload-Length': '10' })
    const running = impatient.begin('PATCH', url, OCTETS_AT_0, { first: '', length: 10 })
    const answer = await running.answer
    expect(answer.status).toBe(500)
    if (door.http1) expect(answer.header('connection')).toMatch(/close/i)
    expect((await timed(() => running.closed)).took).toBeLessThan(3000)
    expect(await impatient.offset(url)).toBe(0)
  })
})
