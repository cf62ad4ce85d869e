import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'
import { afterEach, describe, expect, it } from 'vitest'
import { selfSigned } from '../../test/support/certificate.ts'
import type { Hooks } from '../core/hooks.ts'
import { type NewUpload, parseUploadId, type Upload } from '../core/upload.ts'
import { type HttpHooksOptions, httpHooks } from './http.ts'

const wanted: NewUpload = {
  id: parseUploadId('abc'),
  length: 11,
  metadata: new Map(),
  concat: null,
  completion: 'at_length',
  echo: {},
  createdAt: new Date(),
  expiresAt: null,
}
const upload: Upload = { ...wanted, offset: 11, complete: true, modifiedAt: new Date(), storage: {} }
const request = {
  method: 'POST',
  uri: '/files/',
  remoteAddress: null,
  header: (name: string) =>
    new Map([
      ['authorization', 'Bearer tok'],
      ['x-two', 'a'],
    ]).get(name) ?? null,
}
const occasion = { id: 'event-1', at: new Date(), attempt: 1 }

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

interface Endpoint {
  readonly url: string
  readonly seen: { readonly message: IncomingMessage; readonly body: string }[]
}

type Respond = (response: ServerResponse, attempt: number, message: IncomingMessage) => void

/** A server that notes what it is asked. */
async function listen(respond: Respond, make: (listener: RequestListener) => Server = createServer): Promise<Endpoint> {
  const seen: { message: IncomingMessage; body: string }[] = []
  const server = make(async (message, response) => {
    seen.push({ message, body: await text(message) })
    respond(response, seen.length, message)
  })
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const scheme = make === createServer ? 'http' : 'https'
  return { seen, url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/hooks` }
}

const json = (response: ServerResponse, body: string, status = 200): void =>
  void response.writeHead(status, { 'Content-Type': 'application/json' }).end(body)
const hooks = (url: string, options: Partial<HttpHooksOptions> = {}): Hooks =>
  httpHooks({ url, backoff: 10, ...options })
const create = (url: string, options: Partial<HttpHooksOptions> = {}) =>
  hooks(url, options).preCreate?.(wanted, request)
const failing = (hint: string) => ({ code: 'hook_failed', details: { hint: expect.stringContaining(hint) } })

describe('a hook over HTTP', () => {
  it('is asked by POST with JSON, and answers with JSON', async () => {
    const { url, seen } = await listen((response) => json(response, '{"ChangeFileInfo": {"ID": "chosen"}}'))
    expect(await create(url)).toEqual({ id: 'chosen' })
    expect(seen[0]?.message).toMatchObject({ method: 'POST', url: '/hooks' })
    expect(seen[0]?.message.headers).toMatchObject({ 'content-type': 'application/json' })
    expect(JSON.parse(seen[0]?.body ?? '')).toMatchObject({ Type: 'pre-create', Event: { Upload: { Size: 11 } } })
  })

  it('keeps its connection for the next message', async () => {
    const { url, seen } = await listen((response) => json(response, '{}'))
    const one = hooks(url)
    await one.preCreate?.(wanted, request)
    await one.preCreate?.(wanted, request)
    expect(seen[0]?.message.socket).toBe(seen[1]?.message.socket)
  })

  it("gets the fields of the client's request that were asked for, under the names by which they were", async () => {
    const { url, seen } = await listen((response) => json(response, '{}'))
    await create(url, { forwardHeaders: ['authorization', 'X-Two', 'Missing'] })
    const { rawHeaders = [], headers = {} } = seen[0]?.message ?? {}
    expect(rawHeaders).toContain('X-Two')
    expect(headers).toMatchObject({ authorization: 'Bearer tok', 'x-two': 'a' })
    expect(headers).not.toHaveProperty('missing')
  })

  it('gets no field that would change what its own request says', async () => {
    const { url, seen } = await listen((response) => json(response, '{}'))
    const names = ['Host', 'Content-Type', 'content-length', 'Transfer-Encoding', 'Connection', 'Webhook-Id', 'X-Two']
    const header = (name: string) => (name === 'x-two' ? 'a' : 'chunked')
    await hooks(url, { forwardHeaders: names }).preCreate?.(wanted, { ...request, header })
    const { body = '', message } = seen[0] ?? {}
    expect(message?.headers).toEqual({
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      'x-two': 'a',
      host: new URL(url).host,
      connection: 'keep-alive',
      'webhook-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'webhook-timestamp': expect.stringMatching(/^\d+$/),
    })
  })

  it('gets user and password of its URL, which no error tells', async () => {
    const { url, seen } = await listen((response) => json(response, '', 404))
    await expect(create(url.replace('//', '//user:secret@'))).rejects.toSatisfy(
      (error: { details: { hint: string } }) => !error.details.hint.includes('secret'),
    )
    expect(seen[0]?.message.headers.authorization).toBe(`Basic ${Buffer.from('user:secret').toString('base64')}`)
  })

  it.each(['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'a plain text of at least 24 bytes'])(
    'is signed as Standard Webhooks has it, with the id of the event: %s',
    async (secret) => {
      const { url, seen } = await listen((response) => json(response, '{}'))
      await hooks(url, { secret }).postFinish?.(upload, request, occasion)
      const { message, body = '' } = seen[0] ?? {}
      const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signature } = message?.headers ?? {}
      expect(id).toBe('event-1')
      const headers = {
        'webhook-id': String(id),
        'webhook-timestamp': String(time),
        'webhook-signature': String(signature),
      }
      const verifier = new Webhook(secret.startsWith('whsec_') ? secret : Buffer.from(secret).toString('base64'))
      expect(verifier.verify(body, headers)).toMatchObject({ Type: 'post-finish' })
      expect(() => verifier.verify(`${body} `, headers)).toThrow()
    },
  )

  it('is signed by both secrets while one takes the place of the other', async () => {
    const { url, seen } = await listen((response) => json(response, '{}'))
    await hooks(url, { secret: ['x'.repeat(24), 'y'.repeat(24)] }).postFinish?.(upload, request, occasion)
    expect(seen[0]?.message.headers['webhook-signature']).toMatch(/^v1,\S+ v1,\S+$/)
  })

  it.each([
    ['short', 'at least 24 bytes'],
    ['whsec_not base64!', 'Base64 behind whsec_'],
  ])('does not take the secret %s', (secret, message) => {
    expect(() => httpHooks({ url: 'http://localhost/', secret })).toThrow(message)
  })

  it.each(['ftp://example.org/', 'example.org', ''])('does not take the URL %j', (url) => {
    expect(() => httpHooks({ url })).toThrow('must begin with http:// or https://')
  })

  it('is asked again after 500 and more, so often in all', async () => {
    const well = await listen((response, attempt) => json(response, '{"RejectUpload": true}', attempt < 3 ? 503 : 200))
    expect(await create(well.url)).toEqual({ reject: true })
    expect(well.seen).toHaveLength(3)
    const ill = await listen((response) => json(response, 'out of order', 500))
    await expect(create(ill.url)).rejects.toMatchObject(failing('answered 500: "out of order"'))
    expect(ill.seen).toHaveLength(3)
  })

  it('that fails with a page larger than an answer may be is asked again all the same, and its status told', async () => {
    const page = `<html>${'x'.repeat(100_000)}`
    const { url, seen } = await listen((response, attempt) => json(response, page, attempt < 3 ? 500 : 404))
    await expect(create(url)).rejects.toMatchObject(failing('answered 404: "<html>xxx'))
    expect(seen).toHaveLength(3)
  })

  it('that says what the client sent in confidence does not bring it into the log', async () => {
    const { url } = await listen((response) => json(response, 'no: Bearer a.token, s3cr3t-t0k3n, forwarded', 401))
    const header = (name: string) => ({ authorization: 'Bearer a.token', 'x-key': 'forwarded' })[name] ?? null
    const confident = { ...request, uri: '/files/?access_token=s3cr3t-t0k3n', header }
    await expect(hooks(url, { forwardHeaders: ['X-Key'] }).preCreate?.(wanted, confident)).rejects.toMatchObject(
      failing('answered 401: "no: REDACTED, REDACTED, REDACTED"'),
    )
  })

  it('is asked again when the connection breaks', async () => {
    const { url, seen } = await listen((response, attempt) =>
      attempt < 2 ? response.socket?.destroy() : json(response, '{}'),
    )
    expect(await create(url)).toEqual({})
    expect(seen).toHaveLength(2)
  })

  it.each([400, 404, 429, 302])('that answers %d is not asked again', async (status) => {
    const { url, seen } = await listen((response) => {
      response.writeHead(status, { 'Content-Type': 'application/json', Location: '/elsewhere' }).end('{}')
    })
    await expect(create(url)).rejects.toMatchObject(failing(`answered ${status}`))
    expect(seen).toHaveLength(1)
  })

  it('that cannot be reached is a failure that says why', async () => {
    const { url } = await listen(() => undefined)
    for (const server of servers.splice(0)) await new Promise((done) => server.close(done))
    await expect(create(url)).rejects.toMatchObject(failing('ECONNREFUSED'))
  })

  it('that does not answer is given up after the time for all attempts', async () => {
    const { url, seen } = await listen(() => undefined)
    await expect(create(url, { timeout: 200 })).rejects.toMatchObject(failing('did not answer within 200 ms'))
    expect(seen).toHaveLength(1)
  })

  it('whose attempts take longer than the time for all of them is given up in a pause', async () => {
    const { url } = await listen((response) => json(response, '', 503))
    await expect(create(url, { timeout: 200, backoff: 60_000 })).rejects.toMatchObject(failing('within 200 ms'))
  })

  it.each([
    ['an empty body', '', 'application/json', 'with an empty body'],
    ['another type', '{}', 'text/plain', 'with the Content-Type "text/plain"'],
    ['no type', '{}', '', 'with the Content-Type ""'],
    ['bad JSON', '{', 'application/json', 'what is not JSON'],
    ['a wrong type of a member', '{"RejectUpload": 1}', 'application/json', 'RejectUpload'],
    ['a huge body', `{"x": "${'x'.repeat(5120)}"}`, 'application/json', 'with more than 5120 bytes'],
  ])('that answers with %s is a failure', async (_, body, type, hint) => {
    const { url } = await listen(
      (response) => void response.writeHead(200, type === '' ? {} : { 'Content-Type': type }).end(body),
    )
    await expect(create(url)).rejects.toMatchObject(failing(hint))
  })

  it('may answer with a parameter of the type, and exactly as much as is allowed', async () => {
    const body = `{"x": "${'x'.repeat(5120 - 9)}"}`
    expect(body).toHaveLength(5120)
    const type = 'application/json; charset=utf-8'
    const { url } = await listen((response) => void response.writeHead(200, { 'Content-Type': type }).end(body))
    expect(await create(url)).toEqual({})
  })

  it('over TLS must have a certificate that is trusted, unless that does not matter', async () => {
    const { cert, key } = selfSigned()
    const { url } = await listen(
      (response) => json(response, '{}'),
      (listener) => createSecureServer({ cert, key }, listener),
    )
    await expect(create(url)).rejects.toMatchObject(failing('self-signed certificate'))
    expect(await create(url, { skipVerify: true })).toEqual({})
    expect(await create(url, { ca: cert })).toEqual({})
  })
})
