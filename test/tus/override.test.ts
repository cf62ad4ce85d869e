import { describe, expect, it } from 'vitest'
import { expectInOrder } from './support/connection.ts'
import { doors } from './support/doors.ts'
import { nodeDoor } from './support/node-door.ts'
import { host, OCTETS } from './support/site.ts'

const REAL = ['POST', 'PUT', 'GET', 'PATCH', 'DELETE', 'PROPFIND'] as const

describe.each(doors)('X-HTTP-Method-Override through the $name door', (door) => {
  const site = host(door)

  it.each(REAL)('T-010 %s is taken for PATCH', async (method) => {
    const url = await site.create({ 'Upload-Length': '5' })
    const fields = { 'X-HTTP-Method-Override': 'PATCH', 'Upload-Offset': '0', 'Content-Type': OCTETS }
    const answer = await site.send(method, url, fields, 'hello')
    expect(answer.status).toBe(204)
    expect(answer.header('upload-offset')).toBe('5')
    expect(await site.content(url)).toBe('hello')
  })

  it.each(REAL)('T-010 %s is taken for HEAD, and has no body', async (method) => {
    const url = await site.create({ 'Upload-Length': '5' })
    const answer = await site.send(method, url, { 'X-HTTP-Method-Override': 'HEAD' })
    expect(answer.status).toBe(200)
    expect(answer.header('upload-offset')).toBe('0')
    expect(answer.header('cache-control')).toContain('no-store')
    expect(answer.body).toHaveLength(0)
  })

  it.each(REAL)(
    'T-010 %s is taken for HEAD of a complete upload, and the message has no false length',
    async (method) => {
      const url = await site.create({ 'Upload-Length': '5' }, 'hello')
      const answer = await site.send(method, url, { 'X-HTTP-Method-Override': 'HEAD' })
      expect(answer.status).toBe(200)
      expect(answer.header('upload-offset')).toBe('5')
      expect(answer.body).toHaveLength(0)
    },
  )

  it.each(REAL)('T-010 %s is taken for DELETE', async (method) => {
    const url = await site.create({ 'Upload-Length': '5' })
    expect((await site.send(method, url, { 'X-HTTP-Method-Override': 'DELETE' })).status).toBe(204)
    expect((await site.head(url)).status).toBe(404)
  })

  it.each(['PUT', 'GET', 'PATCH', 'DELETE'])('T-010 %s is taken for POST', async (method) => {
    const answer = await site.send(method, site.base, { 'X-HTTP-Method-Override': 'POST', 'Upload-Length': '5' })
    expect(answer.status).toBe(201)
    expect(await site.offset(answer.header('location') ?? '')).toBe(0)
  })

  it('T-010 what the override asks for is version-checked', async () => {
    const url = await site.create({ 'Upload-Length': '5' })
    const answer = await site.send('GET', url, { 'X-HTTP-Method-Override': 'DELETE', 'Tus-Resumable': null })
    expect(answer.status).toBe(412)
    expect(await site.offset(url)).toBe(0)
  })

  it('T-010 a method that does not exist is refused, and the real one is not done', async () => {
    const url = await site.create({ 'Upload-Length': '5' })
    const answer = await site.send('DELETE', url, { 'X-HTTP-Method-Override': 'BREW' })
    expect([405, 501]).toContain(answer.status)
    expect(await site.offset(url)).toBe(0)
  })
})

describe('X-HTTP-Method-Override over a connection', () => {
  const site = host(nodeDoor)

  it('T-010 the connection is in order after POST as HEAD of a complete upload', async () => {
    const url = await site.create({ 'Upload-Length': '5' }, 'hello')
    const wire = await site.connect()
    await wire.write(site.text('POST', url, { 'X-HTTP-Method-Override': 'HEAD' }, ''))
    const answer = await wire.answer('POST')
    expect(answer.status).toBe(200)
    await expectInOrder(site, wire, answer, url)
  })
})
