import { describe, expect, it } from 'vitest'
import type { Answer } from './support/answer.ts'
import { doors } from './support/doors.ts'
import { host } from './support/site.ts'

const ORIGIN = 'https://app.example:8443'
const EXPOSED = [
  'Location',
  'Upload-Offset',
  'Upload-Length',
  'Upload-Defer-Length',
  'Upload-Metadata',
  'Upload-Expires',
  'Upload-Concat',
  'Tus-Version',
  'Tus-Resumable',
  'Tus-Max-Size',
  'Tus-Extension',
  'Tus-Checksum-Algorithm',
]

function list(value: string | null): string[] {
  return (value ?? '').split(',').map((item) => item.trim().toLowerCase())
}

describe.each(doors)('CORS through the $name door', (door) => {
  const site = host(door, { expireAfter: 60_000 })
  const cross = { Origin: ORIGIN }
  const asked = [
    'tus-resumable',
    'upload-length',
    'upload-metadata',
    'upload-offset',
    'upload-checksum',
    'upload-concat',
  ]
  const more = ['upload-defer-length', 'x-http-method-override', 'content-type', 'authorization', 'x-of-the-app']

  it.each(['POST', 'PATCH', 'HEAD', 'DELETE', 'GET'])(
    'T-121 preflight allows %s and every header asked for',
    async (method) => {
      const url = method === 'POST' ? site.base : await site.create({ 'Upload-Length': '5' })
      const answer = await site.send('OPTIONS', url, {
        ...cross,
        'Tus-Resumable': null,
        'Access-Control-Request-Method': method,
        'Access-Control-Request-Headers': [...asked, ...more].join(','),
      })
      expect([200, 204]).toContain(answer.status)
      expect(answer.header('access-control-allow-origin')).toBe(ORIGIN)
      expect(list(answer.header('access-control-allow-methods'))).toContain(method.toLowerCase())
      expect(list(answer.header('access-control-allow-headers'))).toEqual(expect.arrayContaining([...asked, ...more]))
      expect(Number(answer.header('access-control-max-age'))).toBeGreaterThan(0)
    },
  )

  it('T-121 preflight of a path that serves nothing does no harm', async () => {
    const answer = await site.send('OPTIONS', `${site.base}..%2fx`, {
      ...cross,
      'Access-Control-Request-Method': 'GET',
    })
    expect(answer.status).toBeLessThan(500)
  })

  it('T-122 success and failure alike are exposed', async () => {
    const url = await site.create({ 'Upload-Length': '5' })
    const patch = (offset: string, type = 'application/offset+octet-stream') =>
      site.send('PATCH', url, { ...cross, 'Upload-Offset': offset, 'Content-Type': type }, 'he')
    const cases: [number, () => Promise<Answer>][] = [
      [201, () => site.post({ ...cross, 'Upload-Length': '5' })],
      [400, () => site.post({ ...cross, 'Upload-Length': 'x' })],
      [412, () => site.post({ ...cross, 'Upload-Length': '5', 'Tus-Resumable': '0.2.2' })],
      [200, () => site.send('HEAD', url, cross)],
      [404, () => site.send('HEAD', `${url}0`, cross)],
      [409, () => patch('1')],
      [415, () => patch('0', 'text/plain')],
      [204, () => patch('0')],
      [413, () => site.patch(url, 2, 'too much', cross)],
      [405, () => site.send('PUT', url, cross)],
      [400, () => site.send('GET', url, cross)],
      [404, () => site.send('GET', `${site.origin}/elsewhere`, cross)],
      [204, () => site.send('DELETE', url, cross)],
    ]
    for (const [status, ask] of cases) {
      const answer = await ask()
      expect(answer.status, answer.text).toBe(status)
      expect(answer.header('access-control-allow-origin')).toBe(ORIGIN)
      expect(list(answer.header('vary'))).toContain('origin')
      expect(list(answer.header('access-control-expose-headers'))).toEqual(
        expect.arrayContaining(EXPOSED.map((name) => name.toLowerCase())),
      )
    }
  })

  describe('of pages that are not allowed', () => {
    const picky = host(door, { cors: { allowOrigin: ['https://other.example'] } })
    const preflight = { 'Access-Control-Request-Method': 'PATCH', 'Tus-Resumable': null }

    it('refuses the preflight', async () => {
      const answer = await picky.send('OPTIONS', picky.base, { ...cross, ...preflight })
      expect(answer.status).toBe(403)
      expect(answer.text).toMatch(/^ERR_ORIGIN_NOT_ALLOWED: /)
      expect(answer.header('access-control-allow-origin')).toBeNull()
      expect(list(answer.header('vary'))).toContain('origin')
      const allowed = await picky.send('OPTIONS', picky.base, { Origin: 'https://other.example', ...preflight })
      expect(allowed.status).toBe(204)
      expect(allowed.header('access-control-allow-origin')).toBe('https://other.example')
    })

    it('serves what is no browser, whatever origin it names, but gives no permission to a page', async () => {
      const created = await picky.post({ ...cross, 'Upload-Length': '5' })
      expect(created.status).toBe(201)
      const url = created.header('location') ?? ''
      const answers = [created, await picky.patch(url, 0, 'hello', cross), await picky.send('OPTIONS', url, cross)]
      expect(answers.map(({ status }) => status)).toEqual([201, 204, 204])
      for (const answer of answers) {
        expect(answer.header('access-control-allow-origin')).toBeNull()
        expect(list(answer.header('vary'))).toContain('origin')
      }
    })
  })

  it('T-122 requests of the same origin get none of it', async () => {
    const answer = await site.post({ 'Upload-Length': '5' })
    expect(answer.header('access-control-allow-origin')).toBeNull()
  })
})
