import { generateKeyPair, SignJWT } from 'jose'
import { describe, expect, it, vi } from 'vitest'
import { jwtRights, signUploadUrl } from '../../src/rights/jwt.ts'
import { prepare, transfer } from '../clients/support/transfer.ts'
import { appending, draftOf } from '../ietf/support/draft.ts'
import { nodeDoor } from '../tus/support/node-door.ts'
import { host, OCTETS } from '../tus/support/site.ts'

const SECRET = 'a secret of thirty-two bytes, or a bit more'
const PARTIAL = { 'Upload-Concat': 'partial' }

describe('signed links', () => {
  const site = host(nodeDoor, { authorize: jwtRights({ secret: SECRET, acceptQuery: true }) })
  const link = (options: Partial<Parameters<typeof signUploadUrl>[1]> = {}) =>
    signUploadUrl(site.base, { secret: SECRET, ...options })
  const queryOf = (url: string) => new URL(url).search

  async function create(signed: string, fields: Record<string, string>, body?: string): Promise<string> {
    const answer = await site.send(
      'POST',
      signed,
      body === undefined ? fields : { 'Content-Type': OCTETS, ...fields },
      body,
    )
    expect(answer, answer.text).toMatchObject({ status: 201 })
    return answer.header('location') ?? 'missing:'
  }

  it('create, and the URLs of what they create carry the token', async () => {
    const signed = await link()
    const url = await create(signed, { 'Upload-Length': '10' }, 'hello')
    expect(queryOf(url)).toBe(queryOf(signed))
    expect(await site.offset(url)).toBe(5)
    expect((await site.patch(url, 5, 'world')).status).toBe(204)
    expect(await site.content(url)).toBe('helloworld')
    expect((await site.send('GET', url, { 'Tus-Resumable': null })).text).toBe('helloworld')
    const bare = url.replace(/\?.*/, '')
    expect((await site.head(bare)).status).toBe(401)
    expect((await site.send('GET', bare, { 'Tus-Resumable': null })).status).toBe(401)
    expect((await site.head(bare + queryOf(await link()))).status).toBe(404)
    expect((await site.send('DELETE', url)).status).toBe(204)
    expect((await site.head(url)).status).toBe(404)
  })

  it('join what they created', async () => {
    const signed = await link()
    const parts = [await create(signed, { 'Upload-Length': '5', ...PARTIAL }, 'hello')]
    parts.push(await create(signed, { 'Upload-Length': '5', ...PARTIAL }, 'world'))
    const final = await create(signed, { 'Upload-Concat': `final;${parts.join(' ')}` })
    expect(queryOf(final)).toBe(queryOf(signed))
    expect(await site.content(final)).toBe('helloworld')
    const foreign = await site.send('POST', await link(), { 'Upload-Concat': `final;${parts.join(' ')}` })
    expect(foreign.status).toBe(400)
  })

  it('speak the draft', async () => {
    const draft = draftOf(site, 8)
    const answer = await draft.send('POST', await link(), { 'Upload-Complete': '?0' }, 'hello')
    expect(answer.status).toBe(201)
    const url = answer.header('location') ?? ''
    expect((await draft.send('PATCH', url, appending(5, '?1'), 'world')).header('upload-complete')).toBe('?1')
    expect((await draft.send('GET', url)).text).toBe('helloworld')
  })

  it('allow no more than they say', async () => {
    const narrow = await link({ maxSize: 5, maxUploads: 1, operations: ['create', 'append', 'head'] })
    expect((await site.send('POST', narrow, { 'Upload-Length': '6' })).status).toBe(413)
    const url = await create(narrow, { 'Upload-Length': '5' })
    expect((await site.send('POST', narrow, { 'Upload-Length': '5' })).status).toBe(429)
    expect((await site.send('DELETE', url)).status).toBe(404)
    expect((await site.patch(url, 0, 'hello')).status).toBe(204)
    expect((await site.send('GET', url)).status).toBe(404)
    await create(narrow, { 'Upload-Length': '5' })
  })

  it('to one upload open that one', async () => {
    const owner = 'anna'
    const signed = await link({ owner })
    const one = await create(signed, { 'Upload-Length': '5' }, 'hello')
    const other = await create(signed, { 'Upload-Length': '5' }, 'hello')
    const upload = new URL(one).pathname.replace('/files/', '')
    const reading = await signUploadUrl(one, { secret: SECRET, owner, upload, operations: ['read'] })
    expect((await site.send('GET', reading)).text).toBe('hello')
    expect((await site.send('DELETE', reading)).status).toBe(404)
    expect((await site.send('GET', other.replace(/\?.*/, '') + queryOf(reading))).status).toBe(404)
    expect((await site.send('POST', site.base + queryOf(reading), { 'Upload-Length': '5' })).status).toBe(403)
  })

  it('a PATCH that was started survives the end of its link, and the next request does not', async () => {
    const url = await create(await link({ expiresIn: 60_000 }), { 'Upload-Length': '10' })
    const running = site.begin('PATCH', url, { 'Upload-Offset': '0', 'Content-Type': OCTETS }, { first: 'hello' })
    await site.arrived(url, 5)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 120_000 })
    try {
      await running.write('world')
      await running.end()
      const answer = await running.answer
      expect([answer.status, answer.header('upload-offset')]).toEqual([204, '10'])
      const late = await site.head(url)
      expect(late.status).toBe(401)
      expect(late.header('www-authenticate')).toContain('error_description="the token has expired"')
    } finally {
      vi.useRealTimers()
    }
  })

  it('tus-js-client needs the link as its endpoint, and nothing else', async () => {
    const endpoint = await link()
    const bytes = Buffer.alloc(300_000, 'tusker')
    const sent = await transfer(bytes, { endpoint, chunkSize: 100_000 })
    expect(sent.summary()).toEqual(['POST 201', 'PATCH 204', 'PATCH 204', 'PATCH 204'])
    expect(queryOf(sent.url)).toBe(queryOf(endpoint))
    expect(await site.content(sent.url)).toBe(bytes.toString())
    const parallel = await transfer(bytes, { endpoint, parallelUploads: 3 })
    expect(await site.content(parallel.url)).toBe(bytes.toString())
    await parallel.upload.abort(true)
    const resumed = prepare(bytes, { endpoint, uploadUrl: await create(endpoint, { 'Upload-Length': '300000' }) })
    resumed.upload.start()
    expect(await site.content(await resumed.done)).toBe(bytes.toString())
  })
})

describe('an issuer whose keys cannot be had', () => {
  // Nobody listens there
  const site = host(nodeDoor, { authorize: jwtRights({ jwksUrl: 'http://127.0.0.1:1/jwks.json' }) })

  it('is no fault of the client: 503, and nothing of our insides', async () => {
    const { privateKey } = await generateKeyPair('ES256')
    const token = await new SignJWT({ sub: 'anna' }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey)
    const answer = await site.post({ 'Upload-Length': '5', Authorization: `Bearer ${token}` })
    expect([answer.status, answer.text]).toEqual([503, 'ERR_HOOK_FAILED: credentials cannot be checked\n'])
    expect(answer.header('www-authenticate')).toBe(null)
    expect((await site.post({ 'Upload-Length': '5' })).status).toBe(401)
  })
})
