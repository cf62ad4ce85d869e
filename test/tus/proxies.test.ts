import { mkdtemp, rm } from 'node:fs/promises'
import { request as ask, createServer } from 'node:http'
import { connect, createSecureServer } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { memoryStore } from '../../src/stores/memory.ts'
import { createUploads, type UploadsOptions } from '../../src/uploads.ts'
import { LOCALHOST } from './support/certificate.ts'
import { doors } from './support/doors.ts'
import { host } from './support/site.ts'
import { MADE_ID } from './support/stores.ts'

const THROUGH = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'up.example', 'X-Forwarded-Prefix': '/api' }
const CREATE = { 'Tus-Resumable': '1.0.0', 'Upload-Length': '5' }

describe.each(doors)('behind a proxy, through the $name door', (door) => {
  const seen: (string | null)[] = []
  const site = host(door, {
    trustProxy: ['any'],
    hooks: { preCreate: (_, { remoteAddress }) => void seen.push(remoteAddress) },
  })
  const suspicious = host(door, { trustProxy: ['192.0.2.1'] })

  it('Location is what the client asked for, with the prefix that the proxy took away', async () => {
    const answer = await site.post({ ...THROUGH, 'Upload-Length': '5' })
    expect(answer.header('location')).toMatch(new RegExp(String.raw`^https://up\.example/api/files/${MADE_ID}$`))
  })

  it('Forwarded does as well', async () => {
    const forwarded = 'for="[2001:db8::7]:80";proto=https;host="up.example:8443"'
    const answer = await site.post({ Forwarded: forwarded, 'Upload-Length': '5' })
    expect(answer.header('location')).toMatch(new RegExp(String.raw`^https://up\.example:8443/files/${MADE_ID}$`))
    expect(seen.at(-1)).toBe('2001:db8::7')
  })

  it('hooks are told the address of the client', async () => {
    await site.post({ 'X-Forwarded-For': '198.51.100.7', 'Upload-Length': '5' })
    expect(seen.at(-1)).toBe('198.51.100.7')
  })

  it.each([
    ['URL', (url: string) => url],
    ['path', (url: string) => new URL(url).pathname],
    ['name', (url: string) => url.slice(url.lastIndexOf('/') + 1)],
  ])('parts can be named by their %s as the client sees it', async (_, name) => {
    const parts: string[] = []
    for (const bytes of ['hello ', 'world']) {
      const fields = { 'Upload-Concat': 'partial', 'Upload-Length': String(bytes.length) }
      const part = await site.post({ ...THROUGH, ...fields, 'Content-Type': 'application/offset+octet-stream' }, bytes)
      expect(part.status, part.text).toBe(201)
      parts.push(part.header('location') ?? '')
    }
    const joined = await site.post({ ...THROUGH, 'Upload-Concat': `final;${parts.map(name).join(' ')}` })
    expect(joined.status, joined.text).toBe(201)
    const { pathname } = new URL(joined.header('location') ?? '')
    expect(await site.content(`${site.origin}${pathname.replace('/api', '')}`)).toBe('hello world')
  })

  it('nobody else is believed', async () => {
    const answer = await suspicious.post({ ...THROUGH, 'Upload-Length': '5' })
    expect(answer.header('location')?.startsWith(suspicious.base)).toBe(true)
  })
})

describe('Location', () => {
  async function uploadsWith(options: Partial<UploadsOptions>) {
    const uploads = await createUploads({ store: memoryStore(), ...options })
    onTestFinished(() => uploads.close())
    return uploads
  }

  it('is a path if that is wanted, and the whole base path if that has a host', async () => {
    for (const [options, location] of [
      [{ relativeLocation: true }, /^\/files\/[0-9a-f]+$/],
      [{ basePath: 'https://cdn.example.org/files/' }, /^https:\/\/cdn\.example\.org\/files\/[0-9a-f]+$/],
    ] as const) {
      const { fetch } = await uploadsWith(options)
      const answer = await fetch(new Request('http://inner/files/', { method: 'POST', headers: CREATE }))
      expect(answer.headers.get('location')).toMatch(location)
    }
  })

  it('behind a proxy on a Unix socket is what that proxy says', async () => {
    const uploads = await uploadsWith({ trustProxy: ['loopback'] })
    const folder = await mkdtemp(join(tmpdir(), 'tusker-proxies-'))
    const socketPath = join(folder, 'socket')
    const server = createServer(uploads.node)
    await new Promise<void>((resolve) => server.listen(socketPath, resolve))
    onTestFinished(async () => {
      await new Promise((resolve) => server.close(resolve))
      await rm(folder, { recursive: true, force: true })
    })
    const location = await new Promise((resolve, reject) => {
      const headers = { ...CREATE, ...THROUGH, Connection: 'close' }
      const request = ask({ socketPath, method: 'POST', path: '/files/', headers })
      request.on('response', (response) => resolve(response.resume().headers.location))
      request.on('error', reject)
      request.end()
    })
    expect(location).toMatch(/^https:\/\/up\.example\/api\/files\/[0-9a-f]+$/)
  })

  it('over HTTP/2 with TLS is absolute, with the name from :authority', async () => {
    const uploads = await uploadsWith({})
    // The door takes what HTTP/2 hands over in the manner of HTTP/1.1; its type says only the latter.
    const server = createSecureServer(LOCALHOST)
    server.on('request', (request, response) => Reflect.apply(uploads.node, null, [request, response]))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the server has no port')
    const session = connect(`https://localhost:${address.port}`, { rejectUnauthorized: false })
    onTestFinished(async () => {
      await new Promise<void>((resolve) => session.close(resolve))
      await new Promise((resolve) => server.close(resolve))
    })
    const location = await new Promise((resolve, reject) => {
      const stream = session.request({ ':method': 'POST', ':path': '/files/', ...CREATE })
      stream.on('response', (headers) => resolve(headers.location))
      stream.on('error', reject)
      stream.resume().end()
    })
    expect(location).toMatch(new RegExp(`^https://localhost:${address.port}/files/[0-9a-f]+$`))
  })
})
