import { describe, expect, it } from 'vitest'
import { timed } from '../support/calm.ts'
import { doors } from './support/doors.ts'
import { host, idOf, OCTETS } from './support/site.ts'
import { AT_ONCE } from './support/stores.ts'

describe.each(doors)('termination through the $name door', (door) => {
  const site = host(door)
  const without = host(door, { disableTermination: true })
  const states = [
    ['an empty upload', { 'Upload-Length': '10' }, undefined],
    ['an upload on its way', { 'Upload-Length': '10' }, 'hello'],
    ['a complete upload', { 'Upload-Length': '5' }, 'hello'],
    ['an upload of length 0', { 'Upload-Length': '0' }, undefined],
    ['a deferred upload', { 'Upload-Defer-Length': '1' }, 'hello'],
    ['a partial upload', { 'Upload-Length': '5', 'Upload-Concat': 'partial' }, 'hello'],
  ] as const

  it.each(states)('T-080 DELETE of %s is answered with 204 and frees its space', async (_, fields, body) => {
    const url = await site.create(fields, body)
    const answer = await site.send('DELETE', url)
    expect(answer.status).toBe(204)
    expect(answer.body).toHaveLength(0)
    expect((await site.files()).filter((name) => name.includes(idOf(url)))).toEqual([])
  })

  it.each(states)('T-081 after DELETE of %s it is gone for every method', async (_, fields, body) => {
    const url = await site.create(fields, body)
    await site.send('DELETE', url)
    for (const method of ['HEAD', 'GET', 'DELETE']) {
      const answer = await site.send(method, url)
      expect([404, 410]).toContain(answer.status)
      expect(answer.header('upload-offset')).toBeNull()
    }
    expect([404, 410]).toContain((await site.patch(url, 0, 'hello')).status)
    expect((await site.files()).filter((name) => name.includes(idOf(url)))).toEqual([])
  })

  it('T-082 DELETE of an unknown upload is answered with 404', async () => {
    expect((await site.send('DELETE', `${site.base}${'0'.repeat(32)}`)).status).toBe(404)
  })

  it('T-080 DELETE that was turned off is answered with 405 and removes nothing', async () => {
    const url = await without.create({ 'Upload-Length': '5' }, 'hello')
    const answer = await without.send('DELETE', url)
    expect(answer.status).toBe(405)
    expect(answer.header('allow')).not.toBeNull()
    expect(answer.header('allow')).not.toContain('DELETE')
    expect(await without.content(url)).toBe('hello')
  })

  it.each([
    ['with Content-Length', true],
    ['chunked', false],
  ])('T-083 DELETE ends a running PATCH, which stores nothing more: %s', async (_, sized) => {
    const url = await site.create({ 'Upload-Length': '1000' })
    const fields = { 'Upload-Offset': '0', 'Content-Type': OCTETS }
    const running = site.begin('PATCH', url, fields, { first: 'hello', ...(sized && { length: 1000 }) })
    await site.arrived(url, 1)
    const { result: deleted, took } = await timed(() => site.send('DELETE', url))
    expect(deleted.status).toBe(204)
    expect(took).toBeLessThan(AT_ONCE)
    const answer = await running.answer
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(answer.status).toBeLessThan(500)
    await running.write('x'.repeat(995))
    await running.end()
    await running.closed
    expect([404, 410]).toContain((await site.head(url)).status)
    expect((await site.files()).filter((name) => name.includes(idOf(url)))).toEqual([])
  })

  it('T-083 two DELETEs at once do no harm', async () => {
    const url = await site.create({ 'Upload-Length': '5' }, 'hello')
    const statuses = (await Promise.all([site.send('DELETE', url), site.send('DELETE', url)])).map((a) => a.status)
    expect(statuses).toContain(204)
    for (const status of statuses) expect([204, 404, 410]).toContain(status)
  })
})
