import { afterEach, describe, expect, it, vi } from 'vitest'
import { doors } from './support/doors.ts'
import { host, idOf } from './support/site.ts'

const IMF_FIXDATE =
  /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT$/
const HOUR = 3_600_000

describe.each(doors)('expiration through the $name door', (door) => {
  const site = host(door, { expireAfter: HOUR })
  const never = host(door)

  afterEach(() => void vi.useRealTimers())

  /** From now on the clock is two hours ahead. */
  function twoHoursLater(): void {
    const later = Date.now() + 2 * HOUR
    vi.useFakeTimers({ toFake: ['Date'], now: later })
  }

  it('T-061 every PATCH of an upload that will expire tells when', async () => {
    const url = await site.create({ 'Upload-Length': '10' })
    expect((await site.patch(url, 0, 'hello')).header('upload-expires')).toMatch(IMF_FIXDATE)
    expect((await site.patch(url, 5, '')).header('upload-expires')).toMatch(IMF_FIXDATE)
    expect((await site.patch(url, 5, 'wor')).header('upload-expires')).toMatch(IMF_FIXDATE)
  })

  it('T-062 POST tells when', async () => {
    const answer = await site.post({ 'Upload-Length': '10' })
    expect(answer.header('upload-expires')).toMatch(IMF_FIXDATE)
  })

  it('T-063 the time is an HTTP date, and right', async () => {
    const before = Date.now()
    const expires = (await site.post({ 'Upload-Length': '10' })).header('upload-expires') ?? ''
    expect(expires).toMatch(IMF_FIXDATE)
    expect(Date.parse(expires)).toBeGreaterThanOrEqual(before + HOUR - 1000)
    expect(Date.parse(expires)).toBeLessThanOrEqual(Date.now() + HOUR + 1000)
  })

  it('T-061 T-062 nothing is told of uploads that do not expire', async () => {
    const answer = await never.post({ 'Upload-Length': '10' })
    expect(answer.header('upload-expires')).toBeNull()
    expect((await never.patch(answer.header('location') ?? '', 0, 'x')).header('upload-expires')).toBeNull()
  })

  it('T-064 an expired upload is gone: 410, as long as it is remembered', async () => {
    const url = await site.create({ 'Upload-Length': '10' }, 'hello')
    twoHoursLater()
    const head = await site.head(url)
    expect(head.status).toBe(410)
    expect(head.header('upload-offset')).toBeNull()
    expect((await site.patch(url, 5, 'world')).status).toBe(410)
    expect([404, 410]).toContain((await site.send('GET', url)).status)
    expect((await site.stored(url)).toString()).toBe('hello')
  })

  it.each([
    ['a deferred upload', { 'Upload-Defer-Length': '1' }],
    ['a partial upload', { 'Upload-Length': '10', 'Upload-Concat': 'partial' }],
  ])('T-064 %s expires like any other', async (_, fields) => {
    const url = await site.create(fields, 'hello')
    expect(await site.offset(url)).toBe(5)
    twoHoursLater()
    expect((await site.head(url)).status).toBe(410)
  })

  it('T-064 an expired upload is removed by the sweep, and stays gone', async () => {
    const url = await site.create({ 'Upload-Length': '10' }, 'hello')
    const young = await never.create({ 'Upload-Length': '10' }, 'hello')
    twoHoursLater()
    expect(await site.uploads.engine.sweep()).toBeGreaterThan(0)
    await never.uploads.engine.sweep()
    expect((await site.files()).filter((name) => name.startsWith(idOf(url)))).toEqual([])
    expect([404, 410]).toContain((await site.head(url)).status)
    expect([404, 410]).toContain((await site.patch(url, 5, 'world')).status)
    expect(await never.offset(young)).toBe(5)
  })

  it('T-064 a complete upload does not expire', async () => {
    const url = await site.create({ 'Upload-Length': '5' }, 'hello')
    twoHoursLater()
    await site.uploads.engine.sweep()
    expect(await site.offset(url)).toBe(5)
    expect(await site.content(url)).toBe('hello')
  })
})
