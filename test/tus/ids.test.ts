import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Answer } from './support/answer.ts'
import { doors } from './support/doors.ts'
import { host, idOf, OCTETS, type Site } from './support/site.ts'

const ODD = [
  '..',
  '../',
  '../secret',
  '..%2fsecret',
  '%2e%2e%2fsecret',
  '%2e%2e/secret',
  '%252e%252e%252fsecret',
  '..%5csecret',
  '..\\secret',
  '.',
  './ID',
  'x/../ID',
  'x%2f..%2fID',
  '%00',
  'ID%00',
  'ID%00.info',
  '%',
  '%zz',
  '%ff%fe',
  '%c0%ae%c0%ae%2fsecret',
  '%F0%9F%98%80',
  '6000 characters',
  'ID.info',
  'ID.INFO',
  'ID.json',
  'ID.lock',
  'ID.stop',
  'ID.part',
  'ID.tmp',
  'ID.unchecked',
  'ID.info.tmp',
  'ID/',
  'ID/x',
  '/ID',
  '//ID',
  'ID%20',
  '%20ID',
  'ID.',
  '.ID',
  'ID;x',
  'ID%0d%0aX-Injected:%20yes',
  'CON',
  '__proto__',
  'constructor',
  'plain.txt',
  'C:%5cWindows',
  '~root',
  '*',
  '<script>',
] as const

const METHODS = ['HEAD', 'GET', 'PATCH', 'DELETE', 'POST', 'PUT'] as const

describe.each(doors)('odd ids through the $name door', (door) => {
  const site = host(door)

  async function ask(at: Site, method: string, url: string): Promise<Answer> {
    if (method !== 'PATCH') return await at.send(method, url, method === 'POST' ? { 'Upload-Length': 'none' } : {})
    return await at.send('PATCH', url, { 'Upload-Offset': '0', 'Content-Type': OCTETS }, 'hello')
  }

  it.each(ODD)('T-114 %s is refused with 4xx by every method, and touches no file', async (odd) => {
    await writeFile(join(site.directory, '..', 'secret'), 'secret')
    await writeFile(join(site.directory, 'plain.txt'), 'secret')
    const known = await site.create({ 'Upload-Length': '10' }, 'hello')
    const files = await site.files()
    const id = odd === '6000 characters' ? 'a'.repeat(6000) : odd.replaceAll('ID', idOf(known))
    for (const method of METHODS) {
      const answer = await ask(site, method, `/files/${id}`)
      expect(answer.status, method).toBeGreaterThanOrEqual(400)
      expect(answer.status, method).toBeLessThan(500)
      expect(answer.text).not.toContain('secret')
      expect(answer.text).not.toContain(site.directory)
      expect(answer.header('x-injected')).toBeNull()
      expect(answer.header('upload-offset')).toBeNull()
    }
    expect(await site.files()).toEqual(files)
    expect(await site.offset(known)).toBe(5)
    expect((await site.patch(known, 5, 'world')).status).toBe(204)
    expect(await site.content(known)).toBe('helloworld')
  })

  it('T-114 a query is no part of the id', async () => {
    const url = await site.create({ 'Upload-Length': '5' }, 'hello')
    expect((await site.head(`${url}?token=../x`)).header('upload-offset')).toBe('5')
  })
})
