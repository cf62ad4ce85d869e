import { describe, expect, it } from 'vitest'
import { doors } from './support/doors.ts'
import { nodeDoor } from './support/node-door.ts'
import { host } from './support/site.ts'

const OTHERS = ['PUT', 'TRACE', 'PROPFIND', 'LINK', 'SEARCH', 'PURGE', 'MKCOL', 'MOVE'] as const

function allowed(value: string | null): string[] {
  return (value ?? '').split(',').map((method) => method.trim())
}

describe.each(doors)('other methods through the $name door', (door) => {
  const site = host(door)
  const readless = host(door, { disableDownload: true })

  it.each([...OTHERS, 'POST'])('T-116 %s on an upload is answered with 405 and what is allowed', async (method) => {
    const url = await site.create({ 'Upload-Length': '5' }, 'he')
    const answer = await site.send(method, url, { 'Upload-Length': '5' })
    expect(answer.status).toBe(405)
    expect(allowed(answer.header('allow'))).toEqual(expect.arrayContaining(['HEAD', 'PATCH', 'DELETE', 'GET']))
    expect(allowed(answer.header('allow'))).not.toContain(method)
    expect(await site.offset(url)).toBe(2)
  })

  it.each(OTHERS)('T-116 %s where uploads are created is answered with 405 and what is allowed', async (method) => {
    const before = await site.files()
    const answer = await site.send(method, site.base, { 'Upload-Length': '5' })
    expect(answer.status).toBe(405)
    expect(allowed(answer.header('allow'))).toContain('POST')
    expect(allowed(answer.header('allow'))).not.toContain(method)
    expect(await site.files()).toEqual(before)
  })

  it.each(['PATCH', 'DELETE', 'HEAD', 'GET'])('T-116 %s without an upload is refused', async (method) => {
    const answer = await site.send(method, site.base)
    expect([404, 405]).toContain(answer.status)
    if (answer.status === 405) expect(allowed(answer.header('allow'))).toContain('POST')
  })

  it('T-116 GET that was turned off is answered with 405, and is not among what is allowed', async () => {
    const url = await readless.create({ 'Upload-Length': '5' }, 'hello')
    const answer = await readless.send('GET', url)
    expect(answer.status).toBe(405)
    expect(allowed(answer.header('allow'))).toEqual(expect.arrayContaining(['HEAD', 'PATCH', 'DELETE']))
    expect(allowed(answer.header('allow'))).not.toContain('GET')
    expect(answer.text).not.toContain('hello')
    expect(await readless.offset(url)).toBe(5)
  })
})

describe('other methods over a connection', () => {
  const site = host(nodeDoor)

  it.each(['BREW', 'CONNECT', 'patch', 'Post'])('T-116 %s does no harm', async (method) => {
    const url = await site.create({ 'Upload-Length': '5' })
    const wire = await site.connect()
    await wire.write(site.text(method, url, { 'Upload-Offset': '0', 'Upload-Length': '5' }))
    const answer = await wire.answer('GET').catch(() => null)
    if (answer === null) expect(wire.isClosed()).toBe(true)
    else expect([400, 405, 501]).toContain(answer.status)
    wire.cut()
    expect(await site.offset(url)).toBe(0)
  })
})
