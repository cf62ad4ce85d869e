import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { ask, HEADERS, occasion, request, upload, wanted } from '../../test/hooks/support/calls.ts'
import { type Answer, type Asked, type HookServer, hookServer } from '../../test/hooks/support/grpc-server.ts'
import { type Hooks, MOMENTS, type Moment } from '../core/hooks.ts'
import { parseUploadId } from '../core/upload.ts'
import { memoryStore } from '../stores/memory.ts'
import { createUploads } from '../uploads.ts'
import { type GrpcHooksOptions, grpcHooks } from './grpc.ts'

const ending: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end()
})

async function serving(answer: (asked: Asked) => Answer = () => ({})): Promise<HookServer> {
  const server = await hookServer(answer)
  ending.push(() => server.stop())
  return server
}

function hooksOf({ address }: HookServer, options: Partial<GrpcHooksOptions> = {}): Hooks {
  const hooks = grpcHooks({ address, ...options })
  ending.push(() => hooks.close())
  return hooks
}

describe('what the server is asked', () => {
  /** The header fields above, in the case that every hook for tusd expects. */
  const header = {
    Host: 'uploads.example',
    'Upload-Length': '11',
    'X-Two': 'a',
    Authorization: 'Bearer a.token.of.somebody',
  }
  const httpRequest = { method: 'PATCH', uri: '/files/abc?q=1&access_token=REDACTED', remoteAddr: '192.0.2.7', header }
  const metaData = { filename: 'wörld.txt', empty: '' }

  it.each<[Moment, string]>([
    ['postCreate', 'post-create'],
    ['postReceive', 'post-receive'],
    ['preFinish', 'pre-finish'],
    ['postFinish', 'post-finish'],
    ['preTerminate', 'pre-terminate'],
    ['postTerminate', 'post-terminate'],
  ])('%s tells everything of the upload and of the request', async (moment, type) => {
    const server = await serving()
    await ask(hooksOf(server), moment)
    expect(server.asked).toEqual([
      {
        type,
        event: {
          upload: { id: 'abc', size: '11', offset: '4', metaData, storage: upload.storage },
          httpRequest,
          id: expect.any(String),
          time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
          attempt: expect.any(Number),
        },
      },
    ])
  })

  it('preCreate tells neither an id nor a place, as the hook may choose them', async () => {
    const server = await serving()
    await hooksOf(server).preCreate?.({ ...wanted, storage: { Path: 'x' } }, request)
    expect(server.asked[0]).toMatchObject({ type: 'pre-create', event: { httpRequest, attempt: 1 } })
    expect(server.asked[0]?.event.upload).toEqual({ size: '11', metaData })
  })

  it.each(['postFinish', 'postTerminate'] as const)(
    '%s tells which event it is, and which delivery',
    async (moment) => {
      const server = await serving()
      await hooksOf(server)[moment]?.(upload, request, occasion)
      expect(server.asked[0]?.event).toMatchObject({ id: 'event-7', time: '2026-01-31T12:00:02.500Z', attempt: 3 })
    },
  )

  it('moments that are told once have an event id of their own', async () => {
    const server = await serving()
    const hooks = hooksOf(server)
    await ask(hooks, 'postCreate')
    await ask(hooks, 'postCreate')
    const [first, second] = server.asked.map(({ event }) => event['id'])
    expect(first).not.toBe(second)
  })

  it('owner, maximum, expiry and digests are told if they are known', async () => {
    const server = await serving()
    const full = {
      ...upload,
      owner: 'alice',
      maxSize: 2 ** 40,
      expiresAt: new Date('2026-02-01T00:00:00Z'),
      digests: { sha256: 'AAECAw==' },
    }
    await hooksOf(server).postFinish?.(full, request, occasion)
    expect(server.asked[0]?.event.upload).toMatchObject({
      owner: 'alice',
      maxSize: String(2 ** 40),
      expiresAt: '2026-02-01T00:00:00.000Z',
      digests: { sha256: 'AAECAw==' },
    })
  })

  it('a deferred length, a piece, and the whole that is made of pieces are told as such', async () => {
    const server = await serving()
    const { postCreate } = hooksOf(server)
    const parts = [parseUploadId('a'), parseUploadId('b')]
    await postCreate?.({ ...upload, length: null }, request)
    await postCreate?.({ ...upload, concat: { role: 'partial' } }, request)
    await postCreate?.({ ...upload, concat: { role: 'final', parts } }, request)
    const [deferred, partial, final] = server.asked.map(({ event }) => event.upload)
    expect(deferred).toMatchObject({ sizeIsDeferred: true })
    expect(deferred).not.toHaveProperty('size')
    expect(partial).toMatchObject({ isPartial: true })
    expect(final).toMatchObject({ isFinal: true, partialUploads: ['a', 'b'] })
  })

  it('lengths beyond 32 bits arrive whole', async () => {
    const server = await serving()
    const length = Number.MAX_SAFE_INTEGER
    await hooksOf(server).postCreate?.({ ...upload, length, offset: length - 1 }, request)
    expect(server.asked[0]?.event.upload).toMatchObject({ size: String(length), offset: String(length - 1) })
  })

  it('a request of which nothing but the name is known any more is told without header', async () => {
    const server = await serving()
    const bare = { method: 'PATCH', uri: '/files/abc', remoteAddress: null, header: () => null }
    await hooksOf(server).postFinish?.(upload, bare, occasion)
    expect(server.asked[0]?.event.httpRequest).toEqual({ method: 'PATCH', uri: '/files/abc' })
  })

  it('header fields that shall be forwarded are metadata of the call; absent and reserved ones are not', async () => {
    const server = await serving()
    const forwardHeaders = ['Authorization', 'x-TWO', 'X-Missing', 'Host', 'Upload-Length']
    await ask(hooksOf(server, { forwardHeaders }), 'postCreate')
    const { 'user-agent': agent, 'accept-encoding': _, ...metadata } = server.calls[0]?.metadata.getMap() ?? {}
    expect(agent).toMatch(/connect/)
    expect(metadata).toEqual({
      authorization: HEADERS.authorization,
      'x-two': HEADERS['x-two'],
      'upload-length': HEADERS['upload-length'],
    })
  })

  it('it is asked at the moments that were named, and at no others', () => {
    const { close, ...named } = grpcHooks({ address: 'localhost:1', moments: ['postFinish', 'preCreate'] })
    expect(Object.keys(named).toSorted()).toEqual(['postFinish', 'preCreate'])
    const { close: _, ...all } = grpcHooks({ address: 'localhost:1' })
    expect(Object.keys(all)).toEqual(MOMENTS)
  })
})

describe('what it may answer', () => {
  const httpResponse = { statusCode: 422, header: { 'X-Reason': 'why' }, body: 'no' }
  const reply = { status: 422, headers: { 'X-Reason': 'why' }, body: 'no' }

  it.each<[string, Moment, Answer, unknown]>([
    ['nothing', 'preCreate', {}, {}],
    ['a bare rejection', 'preCreate', { rejectUpload: true }, { reject: true }],
    ['a rejection in its own words', 'preCreate', { rejectUpload: true, httpResponse }, { reject: true, reply }],
    ['a reply to the creation', 'preCreate', { httpResponse }, { reply }],
    ['a status alone', 'preCreate', { httpResponse: { statusCode: 202 } }, { reply: { status: 202 } }],
    ['an empty reply', 'preCreate', { httpResponse: { statusCode: 0, header: {}, body: '' } }, {}],
    ['an id', 'preCreate', { changeFileInfo: { id: 'chosen' } }, { id: 'chosen' }],
    [
      'metadata',
      'preCreate',
      { changeFileInfo: { metaData: { name: 'é', none: '' } } },
      {
        metadata: new Map([
          ['name', 'é'],
          ['none', ''],
        ]),
      },
    ],
    ['a place', 'preCreate', { changeFileInfo: { storage: { Path: 'a/b' } } }, { storage: { Path: 'a/b' } }],
    ['empty changes', 'preCreate', { changeFileInfo: { id: '', metaData: {}, storage: {} } }, {}],
    ['a maximum', 'preCreate', { changeFileInfo: { maxSize: String(2 ** 40) } }, { maxSize: 2 ** 40 }],
    ['a maximum of nothing', 'preCreate', { changeFileInfo: { maxSize: 0 } }, { maxSize: 0 }],
    [
      'an expiry',
      'preCreate',
      { changeFileInfo: { expiresAt: '2026-02-01T01:00:00+01:00' } },
      { expiresAt: new Date('2026-02-01T00:00:00Z') },
    ],
    ['no expiry', 'preCreate', { changeFileInfo: { expiresAt: '' } }, { expiresAt: null }],
    ['an owner', 'preCreate', { changeFileInfo: { owner: 'alice' } }, { owner: 'alice' }],
    ['no owner', 'preCreate', { changeFileInfo: { owner: '' } }, { owner: null }],
    ['no stop', 'postReceive', { httpResponse }, null],
    ['a bare stop', 'postReceive', { stopUpload: true }, { reject: true }],
    ['a stop in its own words', 'postReceive', { stopUpload: true, httpResponse }, { reject: true, reply }],
    ['a reply to the completion', 'preFinish', { httpResponse }, { reply }],
    ['a rejection of the completion', 'preFinish', { rejectUpload: true, httpResponse }, { reject: true, reply }],
    ['a reply to the termination', 'preTerminate', { httpResponse }, { reply }],
    ['a rejection of the termination', 'preTerminate', { rejectTermination: true }, { reject: true }],
    ['the wrong rejection', 'preTerminate', { rejectUpload: true }, null],
  ])('%s at %s', async (_, moment, answer, expected) => {
    const hooks = hooksOf(await serving(() => answer))
    expect(await ask(hooks, moment)).toEqual(expected)
  })

  it.each(['postCreate', 'postFinish', 'postTerminate'] as const)('anything at %s, without effect', async (moment) => {
    const changeFileInfo = { id: '../..', maxSize: -1, expiresAt: 'soon' }
    const hooks = hooksOf(await serving(() => ({ rejectUpload: true, httpResponse, stopUpload: true, changeFileInfo })))
    expect(await ask(hooks, moment)).toBeUndefined()
  })

  it.each([
    ['maxSize', { maxSize: '-1' }],
    ['maxSize', { maxSize: String(2n ** 53n) }],
    ['expiresAt', { expiresAt: 'tomorrow' }],
    ['expiresAt', { expiresAt: '2026-02-01' }],
    ['expiresAt', { expiresAt: '2026-13-41T00:00:00Z' }],
  ])('%s must be one: %o', async (field, changeFileInfo) => {
    const hooks = hooksOf(await serving(() => ({ changeFileInfo })))
    const failure = { code: 'hook_failed', details: { hint: expect.stringContaining(`answered with ${field}`) } }
    await expect(ask(hooks, 'preCreate')).rejects.toMatchObject(failure)
  })
})

describe('a client of the upload server', () => {
  const TUS = { 'Tus-Resumable': '1.0.0' }
  const CREATE = { ...TUS, 'Upload-Length': '5', 'Upload-Metadata': 'filename YQ==' }
  const BYTES = { ...TUS, 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': '0' }

  /** An upload server that asks a hook server; its URL. */
  async function behind(answers: Readonly<Record<string, Answer>>): Promise<string> {
    const server = await serving(({ type }) => answers[type] ?? {})
    const uploads = await createUploads({ store: memoryStore(), hooks: hooksOf(server), basePath: '/files/' })
    const http = createServer(uploads.node)
    await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve))
    ending.push(async () => {
      http.close()
      http.closeAllConnections()
      await uploads.close()
    })
    return `http://127.0.0.1:${portOf(http.address())}/files/`
  }

  function portOf(address: AddressInfo | string | null): number {
    return typeof address === 'object' ? (address?.port ?? 0) : 0
  }

  it('is refused in the words of the hook', async () => {
    const httpResponse = { statusCode: 403, header: { 'X-Reason': 'r' }, body: '{"no":1}' }
    const url = await behind({ 'pre-create': { rejectUpload: true, httpResponse } })
    const answer = await fetch(url, { method: 'POST', headers: CREATE })
    expect([answer.status, answer.headers.get('x-reason'), await answer.text()]).toEqual([403, 'r', '{"no":1}'])
  })

  it('gets the id, the metadata and the replies that the hook chose', async () => {
    const url = await behind({
      'pre-create': {
        changeFileInfo: { id: 'chosen', metaData: { owner: 'é' } },
        httpResponse: { header: { 'X-Made': 'y' } },
      },
      'pre-finish': { httpResponse: { statusCode: 200, body: 'stored' } },
      'pre-terminate': { rejectTermination: true, httpResponse: { statusCode: 409, body: 'kept' } },
    })
    const created = await fetch(url, { method: 'POST', headers: CREATE })
    expect([created.status, created.headers.get('x-made')]).toEqual([201, 'y'])
    expect(created.headers.get('location')).toBe(`${url}chosen`)
    const head = await fetch(`${url}chosen`, { method: 'HEAD', headers: TUS })
    expect(head.headers.get('upload-metadata')).toBe('owner w6k=')
    const patched = await fetch(`${url}chosen`, { method: 'PATCH', headers: BYTES, body: 'hello' })
    expect([patched.status, await patched.text()]).toEqual([200, 'stored'])
    const kept = await fetch(`${url}chosen`, { method: 'DELETE', headers: TUS })
    expect([kept.status, await kept.text()]).toEqual([409, 'kept'])
  })

  it.each<[string, Answer]>([
    ['a status that is none', { httpResponse: { statusCode: 99_999 } }],
    ['a status below zero', { rejectUpload: true, httpResponse: { statusCode: -1 } }],
    ['a status beyond every number', { httpResponse: { statusCode: String(2n ** 62n) } }],
    ['a header name that is none', { httpResponse: { header: { 'Bad Name': 'x' } } }],
    ['a header value of two lines', { httpResponse: { header: { 'X-Name': 'a\r\nSet-Cookie: b' } } }],
    ['an id that leaves the folder', { changeFileInfo: { id: '../x' } }],
    ['a status of gRPC', { code: 13, details: 'the database is down' }],
  ])('gets 500, and learns nothing, if the hook answers with %s', async (_, answer) => {
    const url = await behind({ 'pre-create': answer })
    const failed = await fetch(url, { method: 'POST', headers: CREATE })
    expect([failed.status, (await failed.text()).trim()]).toEqual([500, 'ERR_HOOK_FAILED: a hook failed'])
  })
})

describe('options that make no sense are refused by name', () => {
  it.each<[string, Partial<GrpcHooksOptions>]>([
    ['address', { address: 'http://localhost:1' }],
    ['attempts', { attempts: 0 }],
    ['backoff', { backoff: -1 }],
    ['timeout', { timeout: 0.5 }],
    ['timeout', { timeout: 2 ** 31 }],
    ['forwardHeaders', { forwardHeaders: ['a b'] }],
    ['tls.clientCertificate', { tls: { clientKey: 'x' } }],
    ['tls', { tls: { clientCertificate: 'x', clientKey: 'y' } }],
    ['tls.serverCertificate', { tls: { serverCertificate: 'not PEM' } }],
  ])('%s: %o', (name, options) => {
    expect(() => grpcHooks({ address: 'localhost:1', ...options })).toThrow(TypeError)
    expect(() => grpcHooks({ address: 'localhost:1', ...options })).toThrow(name)
  })
})
