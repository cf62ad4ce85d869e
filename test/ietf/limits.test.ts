import { parseDictionary } from 'structured-headers'
import { describe, expect, it } from 'vitest'
import { type Answer, chunked } from '../tus/support/answer.ts'
import { hostDraft, NEWEST, problemIn, urlIn } from './support/draft.ts'

function limitsIn(answer: Answer): Record<string, unknown> {
  const members = parseDictionary(answer.header('upload-limit') ?? '')
  return Object.fromEntries([...members].map(([name, [value]]) => [name, value]))
}

describe.each(NEWEST)('without limits, %s', (_, door, version) => {
  const draft = hostDraft(door, version)
  const bare = { 'Upload-Draft-Interop-Version': null }

  it('R-002 R-004 OPTIONS tells that nothing is limited, whoever asks', async () => {
    for (const fields of [{}, bare]) {
      const answer = await draft.send('OPTIONS', draft.base, fields)
      expect(answer.status).toBe(204)
      expect(answer.header('upload-limit')).toBe('min-size=0')
      expect(answer.header('tus-version')).toBe('1.0.0')
    }
  })

  it('R-003 OPTIONS * tells the same', async () => {
    if (door.name === 'fetch') {
      // A Request has a URL, so there is nothing to say * with; the nearest is the root.
      expect((await draft.send('OPTIONS', '/', bare)).header('upload-limit')).toBe('min-size=0')
      return
    }
    const wire = await draft.site.connect()
    await wire.write(draft.text('OPTIONS', '*', bare))
    expect((await wire.answer('OPTIONS')).header('upload-limit')).toBe('min-size=0')
    wire.cut()
  })
})

describe.each(NEWEST)('with limits, %s', (_, door, version) => {
  const draft = hostDraft(door, version, {
    maxSize: 100,
    minSize: 10,
    maxAppendSize: 50,
    minAppendSize: 5,
    expireAfter: 3_600_000,
  })
  const all = { 'max-size': 100, 'min-size': 10, 'max-append-size': 50, 'min-append-size': 5, 'max-age': 3600 }

  it('R-005 R-006 R-008 R-115 OPTIONS and uploads tell the same limits, as integers', async () => {
    expect(limitsIn(await draft.send('OPTIONS', draft.base))).toEqual(all)
    const created = await draft.post('?0')
    expect(limitsIn(created)).toEqual(all)
    const url = urlIn(created, draft.site)
    const answers = [await draft.head(url), await draft.append(url, 0, '?0', 'hello'), await draft.head(url)]
    for (const answer of answers) {
      const { 'max-age': age, ...rest } = limitsIn(answer)
      expect({ ...rest, 'max-age': 3600 }).toEqual(all)
      expect(Number(age)).toBeGreaterThan(3500)
      expect(Number(age)).toBeLessThanOrEqual(3600)
    }
  })

  it('R-008 a complete upload does not expire', async () => {
    const answer = await draft.head(await draft.create('?1', 'hello world'))
    expect(limitsIn(answer)).not.toHaveProperty('max-age')
  })

  it.each([
    ['a length', '?0', '', { 'Upload-Length': '101' }],
    ['the content', '?1', 'x'.repeat(101), {}],
    ['chunked content', '?1', chunked('x'.repeat(40), 'x'.repeat(61)), {}],
    ['content of one request', '?0', 'x'.repeat(51), {}],
    ['chunked content of one request', '?0', chunked('x'.repeat(40), 'x'.repeat(11)), {}],
  ])('R-007 R-116 a creation with too large %s is refused, with the limits', async (_name, complete, body, fields) => {
    const before = await draft.site.files()
    const answer = await draft.post(complete, body, fields)
    expect(answer.status).toBe(413)
    expect(limitsIn(answer)).toMatchObject({ 'max-size': 100, 'max-append-size': 50 })
    expect(await draft.site.files()).toEqual(before)
  })

  it('R-007 an append that is too large is refused, with the limits, and can be tried again', async () => {
    const url = await draft.create('?0', 'x'.repeat(10))
    const answer = await draft.append(url, 10, '?0', 'x'.repeat(51))
    expect(answer.status).toBe(413)
    expect(limitsIn(answer)).toMatchObject({ 'max-append-size': 50 })
    expect(await draft.stand(url)).toBe('10 ?0 -')
    expect((await draft.append(url, 10, '?0', 'x'.repeat(50))).status).toBe(204)
  })

  it('R-007 of a chunked append that is too large, as much is kept as one may bring', async () => {
    const url = await draft.create('?0')
    const answer = await draft.append(url, 0, '?1', chunked('x'.repeat(40), 'x'.repeat(20)))
    expect(answer.status).toBe(413)
    expect(answer.header('upload-offset')).toBe('50')
    expect(await draft.stand(url)).toBe('50 ?0 -')
    expect((await draft.append(url, 50, '?1', 'x'.repeat(10))).status).toBe(201)
  })

  it('R-007 an append that is too small is refused unless it is the last; an empty creation is not', async () => {
    const url = await draft.create('?0')
    expect((await draft.post('?0', 'four')).status).toBe(400)
    expect((await draft.post('?0', chunked())).status).toBe(201)
    for (const body of ['four', '', chunked('fo', 'ur')]) {
      const answer = await draft.append(url, (await draft.head(url)).header('upload-offset') ?? '', '?0', body)
      expect(answer.status).toBe(400)
      expect(problemIn(answer)).toMatchObject({ status: 400 })
      expect(limitsIn(answer)).toMatchObject({ 'min-append-size': 5 })
    }
    // What came without a length could not be refused before it had come.
    expect(await draft.stand(url)).toBe('4 ?0 -')
    expect((await draft.append(url, 4, '?1', 'end')).status).toBe(201)
  })

  it('R-007 below the smallest size an upload comes in one request, or not at all', async () => {
    const refused = await draft.post('?0', '', { 'Upload-Length': '9' })
    expect(refused.status).toBe(400)
    expect(limitsIn(refused)).toMatchObject({ 'min-size': 10 })
    const plain = await draft.post('?1', 'hello')
    expect(plain.status).toBe(201)
    expect(await draft.site.content(urlIn(plain, draft.site))).toBe('hello')
    if (door.name === 'fetch') return
    const wire = await draft.site.connect()
    await wire.write(draft.text('POST', draft.base, { 'Upload-Complete': '?1' }, 'hello'))
    expect((await wire.next('POST')).status).toBe(201)
    wire.cut()
  })

  it('R-116 the largest size bounds all appends together', async () => {
    const url = await draft.create('?0', 'x'.repeat(50))
    expect((await draft.append(url, 50, '?0', 'x'.repeat(45))).status).toBe(204)
    const answer = await draft.append(url, 95, '?0', chunked('x'.repeat(3), 'x'.repeat(3)))
    expect(answer.status).toBe(413)
    expect(limitsIn(answer)).toMatchObject({ 'max-size': 100 })
    expect(await draft.stand(url)).toBe('404')
  })
})

describe.each(NEWEST)('a limit beyond what a field can say, %s', (_, door, version) => {
  const draft = hostDraft(door, version, { maxSize: Number.MAX_SAFE_INTEGER })

  it('R-006 is told as the largest integer there is', async () => {
    expect(limitsIn(await draft.send('OPTIONS', draft.base))['max-size']).toBe(999_999_999_999_999)
  })
})
