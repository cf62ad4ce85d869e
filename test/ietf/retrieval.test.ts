import { describe, expect, it } from 'vitest'
import { hostDraft, NEWEST } from './support/draft.ts'

describe.each(NEWEST)('offset retrieval, %s', (_, door, version) => {
  const draft = hostDraft(door, version)

  it.each(['HEAD', 'GET'])('R-040 R-042 %s tells offset, completeness, length and limits', async (method) => {
    const url = await draft.create('?0', 'hello', { 'Upload-Length': '11' })
    const answer = await draft.send(method, url)
    expect(answer.status).toBe(204)
    expect(answer.header('upload-offset')).toBe('5')
    expect(answer.header('upload-complete')).toBe('?0')
    expect(answer.header('upload-length')).toBe('11')
    expect(answer.header('upload-limit')).toBe('min-size=0')
    expect(answer.body).toHaveLength(0)
  })

  it('R-040 no length is told that is not known', async () => {
    expect((await draft.head(await draft.create('?0', 'hello'))).header('upload-length')).toBeNull()
  })

  it('R-042 GET of a complete upload tells the same, with its bytes', async () => {
    const url = await draft.create('?1', 'hello')
    for (const version of [String(draft.version), null]) {
      const answer = await draft.send('GET', url, { 'Upload-Draft-Interop-Version': version })
      expect(answer.status).toBe(200)
      expect(answer.text).toBe('hello')
      expect(answer.header('upload-offset')).toBe('5')
      expect(answer.header('upload-complete')).toBe('?1')
      expect(answer.header('upload-length')).toBe('5')
      expect(answer.header('upload-limit')).toBe('min-size=0')
    }
  })

  it('R-041 what it tells is not cached', async () => {
    for (const complete of ['?0', '?1']) {
      const url = await draft.create(complete, 'hello')
      for (const method of ['HEAD', 'GET']) {
        expect((await draft.send(method, url)).header('cache-control')).toBe('no-store')
      }
    }
  })

  it('R-043 nothing is answered with a redirection', async () => {
    const url = await draft.create('?0', 'hello')
    for (const target of [url, `${url}/`, draft.base.slice(0, -1)]) {
      for (const method of ['HEAD', 'DELETE']) {
        const { status } = await draft.send(method, target)
        expect(status < 300 || status >= 400).toBe(true)
      }
    }
  })

  it.each(['0'.repeat(32), 'unknown', 'a/b'])('R-044 of "%s", which is no upload, is refused', async (id) => {
    for (const method of ['HEAD', 'GET']) {
      const answer = await draft.send(method, `${draft.base}${id}`)
      expect(answer.status).toBe(404)
      expect(answer.header('upload-offset')).toBeNull()
      expect(answer.header('upload-complete')).toBeNull()
    }
  })

  it('R-045 a complete upload stays and says so', async () => {
    expect(await draft.stand(await draft.create('?1', 'hello'))).toBe('5 ?1 5')
  })
})

describe.each(NEWEST)('where downloads are off, %s', (_, door, version) => {
  const draft = hostDraft(door, version, { disableDownload: true, disableTermination: true })

  it('R-042 GET tells the state and gives no bytes', async () => {
    const url = await draft.create('?1', 'hello')
    const answer = await draft.send('GET', url)
    expect(answer.status).toBe(204)
    expect(answer.header('upload-complete')).toBe('?1')
    expect(answer.body).toHaveLength(0)
    expect((await draft.send('DELETE', url)).status).toBe(405)
  })
})
