import { describe, expect, it } from 'vitest'
import type { Answer } from './support/answer.ts'
import { doors } from './support/doors.ts'
import { host, OCTETS, type Site } from './support/site.ts'

const METHODS = ['POST', 'HEAD', 'PATCH', 'DELETE'] as const
const VERSIONS = ['0.2.2', '1.0.1', '2.0.0', '1.0', '01.0.0', '1.0.0, 2.0.0', 'x', ''] as const

/** A request that would do something, if only its version were right. */
async function effective(site: Site, method: string, url: string, version: string | null): Promise<Answer> {
  const fields = { 'Tus-Resumable': version }
  if (method === 'POST') return await site.send('POST', site.base, { ...fields, 'Upload-Length': '5' })
  if (method !== 'PATCH') return await site.send(method, url, fields)
  return await site.patch(url, 0, 'hello', fields)
}

describe.each(doors)('versions through the $name door', (door) => {
  const site = host(door, { maxSize: 100 })

  it('T-006 every response names the version', async () => {
    const url = await site.create({ 'Upload-Length': '5' })
    const octets = { 'Content-Type': OCTETS }
    const answers: [number, Promise<Answer>][] = [
      [201, site.post({ 'Upload-Length': '5' })],
      [400, site.post({})],
      [400, site.post({ 'Upload-Length': '5', 'Upload-Metadata': 'a !' })],
      [412, site.post({ 'Upload-Length': '5', 'Tus-Resumable': '0.2.2' })],
      [413, site.post({ 'Upload-Length': '101' })],
      [415, site.post({ 'Upload-Length': '5', 'Content-Type': 'text/plain' }, 'hello')],
      [404, site.head(`${site.base}${'0'.repeat(32)}`)],
      [404, site.patch(`${site.base}${'0'.repeat(32)}`, 0, 'hello')],
      [404, site.send('DELETE', `${site.base}..%2f`)],
      [405, site.send('PUT', url)],
      [404, site.send('GET', `${site.origin}/elsewhere`)],
    ]
    for (const [status, answer] of answers) {
      expect(await answer).toMatchObject({ status })
      expect((await answer).header('tus-resumable')).toBe('1.0.0')
    }
    const inTurn: [number, () => Promise<Answer>][] = [
      [400, () => site.send('GET', url)],
      [409, () => site.patch(url, 1, 'ello')],
      [400, () => site.send('PATCH', url, octets, 'hello')],
      [415, () => site.patch(url, 0, 'hello', { 'Content-Type': 'text/plain' })],
      [413, () => site.patch(url, 0, 'hello!')],
      [460, () => site.patch(url, 0, 'hello', { 'Upload-Checksum': `md5 ${Buffer.alloc(16).toString('base64')}` })],
      [200, () => site.head(url)],
      [204, () => site.patch(url, 0, 'hello')],
      [200, () => site.send('GET', url)],
      [200, () => site.head(url)],
      [204, () => site.send('DELETE', url)],
      [404, () => site.head(url)],
    ]
    for (const [status, ask] of inTurn) {
      const answer = await ask()
      expect(answer, answer.text).toMatchObject({ status })
      expect(answer.header('tus-resumable')).toBe('1.0.0')
    }
  })

  describe.each(METHODS)('%s', (method) => {
    it.each(VERSIONS)('T-007 in version "%s" is answered with 412 and the supported versions', async (version) => {
      const url = await site.create({ 'Upload-Length': '5' })
      const answer = await effective(site, method, url, version)
      expect(answer.status).toBe(412)
      expect(answer.header('tus-version')).toBe('1.0.0')
    })

    it.each(VERSIONS)('T-008 in version "%s" has no effect', async (version) => {
      const url = await site.create({ 'Upload-Length': '5' })
      const before = await site.files()
      const answer = await effective(site, method, url, version)
      expect(answer.header('location')).toBeNull()
      expect(answer.header('upload-offset')).toBeNull()
      expect(await site.files()).toEqual(before)
      expect(await site.offset(url)).toBe(0)
    })

    it('T-009 without a version is answered with 412 and has no effect', async () => {
      const url = await site.create({ 'Upload-Length': '5' })
      const before = await site.files()
      const answer = await effective(site, method, url, null)
      expect(answer.status).toBe(412)
      expect(answer.header('tus-version')).toBe('1.0.0')
      expect(answer.header('location')).toBeNull()
      expect(await site.files()).toEqual(before)
      expect(await site.offset(url)).toBe(0)
    })
  })

  it('T-009 an upload that does not exist is not told apart from one that does', async () => {
    const answer = await site.send('HEAD', `${site.base}${'0'.repeat(32)}`, { 'Tus-Resumable': null })
    expect(answer.status).toBe(412)
  })

  it('T-009 GET needs no version, as it is no part of the protocol', async () => {
    const url = await site.create({ 'Upload-Length': '5' }, 'hello')
    const answer = await site.send('GET', url, { 'Tus-Resumable': null })
    expect(answer).toMatchObject({ status: 200, text: 'hello' })
  })
})
