import { createServer } from 'node:http'
import { describe, expect, it } from 'vitest'
import { chunked } from './support/answer.ts'
import { doors } from './support/doors.ts'
import { host, idOf, OCTETS } from './support/site.ts'

const UNKNOWN = '0123456789abcdef0123456789abcdef'

describe.each(doors)('refusals of concatenation through the $name door', (door) => {
  const site = host(door)
  const partial = () => site.create({ 'Upload-Concat': 'partial', 'Upload-Length': '5' }, 'hello')

  async function expectRefused(concat: string, fields: Readonly<Record<string, string>> = {}): Promise<void> {
    const before = await site.files()
    const answer = await site.post({ 'Upload-Concat': concat, ...fields })
    expect([400, 404], `${concat}: ${answer.status} ${answer.text}`).toContain(answer.status)
    expect(answer.header('location')).toBeNull()
    expect(await site.files()).toEqual(before)
  }

  it.each([
    '',
    'final',
    'final;',
    'final; ',
    'final:URL',
    'URL',
    'finalURL',
    'last;URL',
    'partial;URL',
    'final;URL,URL',
    'final;;URL',
  ])(
    'T-103 a malformed list is refused: "%s"',
    async (form) => await expectRefused(form.replaceAll('URL', await partial())),
  )

  it.each(['', 'whole', 'partial,partial', 'partial final'])(
    'T-103 a malformed role is refused: "%s"',
    async (role) => {
      await expectRefused(role, { 'Upload-Length': '5' })
    },
  )

  it.each([
    `/files/${UNKNOWN}`,
    '/files/',
    '/files',
    '/',
    'x',
    UNKNOWN,
    '/files/../files/ID',
    '/files/%2e%2e/ID',
    '/files/ID/',
    '/files/ID.info',
    '/files//ID',
    '/files/ID%00',
    '/elsewhere/ID',
    '/elsewhere/files/ID',
    '//evil.example/files/ID',
    'http://evil.example/files/ID',
    'https://evil.example:8443/files/ID',
    'http://evil.example/?/files/ID',
    'http://user@evil.example/files/ID',
    'file:///files/ID',
    'javascript:/files/ID',
    'http://[/files/ID',
    'ID.info',
    '../../etc/passwd',
  ])('T-103 an unknown or foreign URL is refused: %s', async (url) => {
    const known = await partial()
    const text = url.replaceAll('ID', idOf(known))
    await expectRefused(`final;${text}`)
    await expectRefused(`final;${known} ${text}`)
  })

  it('T-103 nothing is fetched', async () => {
    let asked = 0
    const other = createServer((_, response) => {
      asked++
      response.setHeader('Upload-Offset', '5').setHeader('Upload-Length', '5').end('hello')
    })
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const address = other.address()
    const port = typeof address === 'object' ? address?.port : 0
    await expectRefused(`final;http://127.0.0.1:${port}/files/${idOf(await partial())}`)
    await expectRefused(`final;http://localhost:${port}/files/${UNKNOWN}`)
    other.closeAllConnections()
    await new Promise((resolve) => other.close(resolve))
    expect(asked).toBe(0)
  })

  it('T-103 what is not a partial upload cannot be a part', async () => {
    const plain = await site.create({ 'Upload-Length': '5' }, 'hello')
    const whole = await site.create({ 'Upload-Concat': `final;${await partial()}` })
    await expectRefused(`final;${plain}`)
    await expectRefused(`final;${whole}`)
    await expectRefused(`final;${await partial()} ${plain}`)
  })

  it('T-103 a part that was deleted is refused', async () => {
    const url = await partial()
    await site.send('DELETE', url)
    await expectRefused(`final;${url}`)
  })

  it.each([
    ['Upload-Length', { 'Upload-Length': '5' }],
    ['Upload-Defer-Length', { 'Upload-Defer-Length': '1' }],
  ])('T-104 a final upload with %s is refused', async (_, fields) => {
    await expectRefused(`final;${await partial()}`, fields)
  })

  it.each([
    ['with Content-Length', 'hello'],
    ['chunked', chunked('hello')],
  ])('T-104 a final upload with content is refused: %s', async (_, body) => {
    const url = await partial()
    const before = await site.files()
    const answer = await site.post({ 'Upload-Concat': `final;${url}`, 'Content-Type': OCTETS }, body)
    expect(answer.status).toBe(400)
    expect(await site.files()).toEqual(before)
    expect(await site.content(url)).toBe('hello')
  })

  it('T-104 a partial upload needs a length, as any other', async () => {
    await expectRefused('partial')
  })
})
