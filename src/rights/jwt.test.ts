import { createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { UploadError } from '../core/errors.ts'
import type { RequestInfo } from '../core/hooks.ts'
import type { Authorize, Operation } from '../core/rights.ts'
import { parseUploadId, type Upload } from '../core/upload.ts'
import { type JwtRightsOptions, jwtRights, signUploadUrl } from './jwt.ts'

const SECRET = 'correct horse battery staple, twice'
const OTHER_SECRET = 'another secret of thirty-two bytes or more'
const OPERATIONS: readonly Operation[] = ['head', 'append', 'read', 'terminate', 'concat', 'finish']

type Key = Parameters<InstanceType<typeof SignJWT>['sign']>[0]

function upload(owner?: string, id = 'abc'): Upload {
  const now = new Date()
  return {
    id: parseUploadId(id),
    length: 10,
    metadata: new Map(),
    concat: null,
    completion: 'at_length',
    echo: {},
    createdAt: now,
    expiresAt: null,
    offset: 0,
    complete: false,
    modifiedAt: now,
    storage: {},
    ...(owner !== undefined && { owner }),
  }
}

function request(authorization: string | null, uri = '/files/abc'): RequestInfo {
  return {
    method: 'PATCH',
    uri,
    remoteAddress: null,
    header: (name) => (name === 'authorization' ? authorization : null),
  }
}

function sign(claims: JWTPayload, key: Key = new TextEncoder().encode(SECRET), header: object = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256', ...header }).sign(key)
}

const bearer = async (claims: JWTPayload, key?: Key, header?: object) =>
  request(`Bearer ${await sign(claims, key, header)}`)

/** What a creation is answered with: the owner, or the status and the challenge. */
async function outcome(authorize: Authorize, asking: RequestInfo, operation: Operation = 'create'): Promise<string> {
  const verdict = await authorize(operation, upload('anna'), asking)
  if (typeof verdict !== 'object' || verdict === null) return String(verdict)
  if (!('reject' in verdict)) return `owner ${verdict.owner}`
  const { status, headers } = verdict.reply ?? {}
  const challenge = headers?.['WWW-Authenticate'] ?? ''
  return `${status} ${/error_description="([^"]*)"/.exec(challenge)?.[1] ?? challenge}`.trim()
}

const seconds = () => Math.floor(Date.now() / 1000)

afterEach(() => vi.useRealTimers())

describe('signatures', () => {
  const asymmetric = [
    ['RS256', 'PS384'],
    ['ES256', null],
    ['ES512', null],
    ['EdDSA', null],
  ] as const

  it.each(['HS256', 'HS384', 'HS512'])('%s by the secret counts, and by another does not', async (alg) => {
    const authorize = jwtRights({ secret: SECRET })
    expect(await outcome(authorize, await bearer({ sub: 'anna' }, undefined, { alg }))).toBe('owner anna')
    const forged = await bearer({ sub: 'anna' }, new TextEncoder().encode(OTHER_SECRET), { alg })
    expect(await outcome(authorize, forged)).toBe('401 the signature is not valid')
  })

  it.each(asymmetric)('%s by the private key counts, and by another does not', async (alg, second) => {
    const { privateKey, publicKey } = await generateKeyPair(alg)
    const authorize = jwtRights({ key: await exportSPKI(publicKey) })
    expect(await outcome(authorize, await bearer({ sub: 'anna' }, privateKey, { alg }))).toBe('owner anna')
    const stranger = await generateKeyPair(alg)
    const forged = await bearer({ sub: 'anna' }, stranger.privateKey, { alg })
    expect(await outcome(authorize, forged)).toBe('401 the signature is not valid')
    if (second === null) return
    const limited = jwtRights({ key: await exportSPKI(publicKey), algorithms: [second] })
    const wrong = await bearer({ sub: 'anna' }, privateKey, { alg })
    expect(await outcome(limited, wrong)).toBe('401 the algorithm is not accepted')
  })

  it('a key may be an object of node:crypto, if it is a public one', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
    const authorize = jwtRights({ key: publicKey })
    expect(await outcome(authorize, await bearer({ sub: 'anna' }, privateKey, { alg: 'ES384' }))).toBe('owner anna')
    const confused = await bearer({ sub: 'anna' }, undefined, { alg: 'HS256' })
    expect(await outcome(authorize, confused)).toBe('401 the algorithm is not accepted')
  })

  it('a public key does not pass for a secret', async () => {
    const { publicKey } = await generateKeyPair('RS256')
    const pem = await exportSPKI(publicKey)
    const authorize = jwtRights({ key: pem })
    for (const text of [pem, pem.trim()]) {
      const confused = await bearer({ sub: 'anna' }, new TextEncoder().encode(text), { alg: 'HS256' })
      expect(await outcome(authorize, confused)).toBe('401 the algorithm is not accepted')
    }
  })

  it.each(['none', 'None', 'NONE', ''])('a token without a signature (%j) is refused', async (alg) => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const { publicKey } = await generateKeyPair('ES256')
    for (const authorize of [jwtRights({ secret: SECRET }), jwtRights({ key: await exportSPKI(publicKey) })]) {
      const bare = request(`Bearer ${part({ alg })}.${part({ sub: 'anna' })}.`)
      expect(await outcome(authorize, bare)).toMatch(/^401 the (?:algorithm is not accepted|token is malformed)$/)
    }
  })

  it('each of several secrets counts', async () => {
    const authorize = jwtRights({ secret: [OTHER_SECRET, new TextEncoder().encode(SECRET)] })
    for (const secret of [SECRET, OTHER_SECRET]) {
      const asking = await bearer({ sub: 'anna' }, new TextEncoder().encode(secret))
      expect(await outcome(authorize, asking)).toBe('owner anna')
    }
    const expired = await bearer({ sub: 'anna', exp: seconds() - 1 })
    expect(await outcome(authorize, expired)).toBe('401 the token has expired')
    const forged = await bearer({ sub: 'anna' }, new TextEncoder().encode(`${SECRET}!`))
    expect(await outcome(authorize, forged)).toBe('401 the signature is not valid')
  })
})

describe('key sets', () => {
  it('are fetched, again for a key that is new, and their absence is no fault of the token', async () => {
    const issuer = await serveKeys()
    const first = await issuer.newKey('one')
    const authorize = jwtRights({ jwksUrl: issuer.url })
    const ask = (key: CryptoKey, kid: string) =>
      bearer({ sub: 'anna' }, key, { alg: 'ES256', kid }).then((asking) => outcome(authorize, asking))
    try {
      expect(await ask(first, 'one')).toBe('owner anna')
      expect(await ask(first, 'one')).toBe('owner anna')
      expect(issuer.fetched()).toBe(1)
      const second = await issuer.newKey('two')
      // Who makes up names of keys cannot make us ask for each
      expect(await ask(second, 'two')).toBe('401 the key is not known')
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 31_000 })
      expect(await ask(second, 'two')).toBe('owner anna')
      expect(await ask(first, 'one')).toBe('401 the key is not known')
      const secretive = await bearer({ sub: 'anna' }, new TextEncoder().encode(SECRET), { alg: 'HS256', kid: 'two' })
      expect(await outcome(authorize, secretive)).toBe('401 the algorithm is not accepted')
      issuer.fail()
      vi.setSystemTime(Date.now() + 11 * 60_000)
      await expect(ask(second, 'two')).rejects.toMatchObject({ code: 'hook_failed', status: 503 })
    } finally {
      await issuer.close()
    }
    const failure = await ask(first, 'one').catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(UploadError)
    expect(failure).toMatchObject({ status: 503, details: { hint: expect.stringMatching(/fetch failed.*jwksUrl/) } })
    // Only the log says why
    expect(failure).toMatchObject({ message: 'credentials cannot be checked' })
  })
})

describe('claims of time, issuer and audience', () => {
  const options = { secret: SECRET, issuer: ['https://one.example', 'two'], audience: 'tusker' }
  const good = { sub: 'anna', iss: 'two', aud: ['web', 'tusker'] }

  it.each([
    ['are as they must be', {}, 'owner anna'],
    ['name another issuer', { iss: 'three' }, '401 the token is from another issuer'],
    ['name an empty issuer', { iss: '' }, '401 the token is from another issuer'],
    ['name another audience', { aud: 'web' }, '401 the token is for another audience'],
    ['say it has expired', { exp: seconds() - 100 }, '401 the token has expired'],
    ['say it is not valid yet', { nbf: seconds() + 100 }, '401 the token is not valid yet'],
  ])('they %s', async (_, claims, expected) => {
    expect(await outcome(jwtRights(options), await bearer({ ...good, ...claims }))).toBe(expected)
  })

  it('clocks may differ by the tolerance', async () => {
    const tolerant = jwtRights({ secret: SECRET, clockTolerance: 60 })
    for (const claims of [{ exp: seconds() - 30 }, { nbf: seconds() + 30 }]) {
      expect(await outcome(tolerant, await bearer({ sub: 'anna', ...claims }))).toBe('owner anna')
    }
    expect(await outcome(tolerant, await bearer({ sub: 'anna', exp: seconds() - 90 }))).toContain('expired')
  })

  it('a time that is no number is refused', async () => {
    const part = Buffer.from(JSON.stringify({ sub: 'anna', exp: 'never' })).toString('base64url')
    const [head, , tail] = (await sign({ sub: 'anna' })).split('.')
    expect(await outcome(jwtRights({ secret: SECRET }), request(`Bearer ${head}.${part}.${tail}`))).toMatch(/^401 /)
  })
})

describe('how a token is presented', () => {
  const authorize = jwtRights({ secret: SECRET })
  const MISSING = '401 Bearer realm="tusker"'

  it.each([
    [null, MISSING],
    ['', MISSING],
    ['Basic YTpi', MISSING],
    ['Bearerx', MISSING],
    ['Bearer', '401 the token is malformed'],
    ['Bearer ', '401 the token is malformed'],
    ['Bearer a b', '401 the token is malformed'],
    ['Bearer a, Bearer b', '401 the token is malformed'],
    ['Bearer a.b', '401 the token is malformed'],
    ['Bearer ...', '401 the token is malformed'],
    ['Bearer é', '401 the token is malformed'],
    [`Bearer ${'a'.repeat(50_000)}`, '401 the token is malformed'],
    [`Bearer ${'e30.'.repeat(5)}`, '401 the token is malformed'],
  ])('Authorization: %s', async (field, expected) => {
    expect(await outcome(authorize, request(field))).toBe(expected)
  })

  it('the name of the scheme is in any case', async () => {
    expect(await outcome(authorize, request(`bEARER  ${await sign({ sub: 'anna' })} `))).toBe('owner anna')
  })

  it('in the query only where that is allowed, and once', async () => {
    const token = await sign({ sub: 'anna' })
    const uri = `/files/?a=b&access_token=${token}`
    const open = jwtRights({ secret: SECRET, acceptQuery: true })
    expect(await outcome(authorize, request(null, uri))).toBe(MISSING)
    expect(await open('create', upload(), request(null, uri))).toEqual({
      owner: 'anna',
      urlQuery: `access_token=${token}`,
    })
    // Of a proxy in front
    expect(await outcome(open, request('Basic YTpi', uri))).toBe('owner anna')
    expect(await open('create', upload(), request(`Bearer ${token}`))).toEqual({ owner: 'anna' })
    for (const repeated of [request(`Bearer ${token}`, uri), request(null, `${uri}&access_token=x`)]) {
      expect(await outcome(open, repeated)).toBe('400 more than one token was sent')
    }
    expect(await outcome(open, request(null, '/files/?access_token='))).toBe('401 the token is malformed')
  })
})

describe('what the claims allow', () => {
  const authorize = jwtRights({ secret: SECRET })

  it('without limits, everything with the own uploads and nothing with those of others', async () => {
    const anna = await bearer({ sub: 'anna' })
    for (const operation of OPERATIONS) {
      expect(await authorize(operation, upload('anna'), anna), operation).toEqual({ owner: 'anna' })
      for (const whose of ['bert', 'ANNA', undefined]) {
        expect(await authorize(operation, upload(whose), anna), operation).toBe(false)
      }
    }
  })

  it('limits and quota, on every request', async () => {
    const limits = { tusker_max_size: 1000, tusker_max_uploads: 3, tusker_max_bytes: 5000 }
    const asking = await bearer({ sub: 'anna', ...limits, tusker_creations_per_minute: 7 })
    const quota = { maxUploads: 3, maxBytes: 5000, creationsPerMinute: 7 }
    expect(await authorize('create', upload(), asking)).toEqual({ owner: 'anna', maxSize: 1000, quota })
    expect(await authorize('append', upload('anna'), asking)).toMatchObject({ quota })
    expect(await authorize('create', upload(), await bearer({ sub: 'anna', tusker_max_uploads: 1 }))).toEqual({
      owner: 'anna',
      quota: { maxUploads: 1 },
    })
  })

  it.each([
    [['head'], ['head']],
    ['append head', ['head', 'append', 'finish']],
    [['create'], ['create', 'finish']],
    [
      ['read', 'terminate', 'concat', 'fly'],
      ['read', 'terminate', 'concat'],
    ],
    [[], []],
    ['', []],
    ['finish', []],
  ])('operations %j are %j', async (claim, allowed) => {
    const asking = await bearer({ sub: 'anna', tusker_operations: claim })
    const granted: Operation[] = []
    for (const operation of ['create', ...OPERATIONS] as const) {
      if ((await authorize(operation, upload('anna'), asking)) !== false) granted.push(operation)
    }
    expect(granted).toEqual(allowed)
  })

  it('one upload, with what a bucket adds to its id; and no new ones', async () => {
    const asking = await bearer({ sub: 'anna', tusker_upload: 'abc' })
    expect(await authorize('head', upload('anna', 'abc'), asking)).toEqual({ owner: 'anna' })
    expect(await authorize('head', upload('anna', 'abc+xyz'), asking)).toEqual({ owner: 'anna' })
    for (const id of ['abcd', 'ab', 'x/abc']) expect(await authorize('head', upload('anna', id), asking)).toBe(false)
    expect(await authorize('head', upload('bert', 'abc'), asking)).toBe(false)
    expect(await authorize('create', upload(), asking)).toBe(false)
  })

  it.each([
    [42, '42'],
    [0, '0'],
    [-7, '-7'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
  ])('an owner by the number %d is the one by its digits', async (id, owner) => {
    const numbered = jwtRights({ secret: SECRET, claims: { owner: 'user.id' } })
    const asking = await bearer({ user: { id } })
    expect(await numbered('create', upload(), asking)).toEqual({ owner })
    expect(await numbered('append', upload(owner), asking)).toEqual({ owner })
    expect(await numbered('append', upload(`${owner}0`), asking)).toBe(false)
  })

  it.each([2 ** 53, 1.5, true, null, ['anna'], { id: 'anna' }])('an owner that is %j is refused', async (id) => {
    const numbered = jwtRights({ secret: SECRET, claims: { owner: 'uid' } })
    expect(await outcome(numbered, await bearer({ uid: id }))).toBe('401 the claim uid is not valid')
  })

  it('nobody owns nothing', async () => {
    const nobody = await bearer({})
    expect(await outcome(authorize, nobody)).toBe('403')
    for (const whose of [undefined, 'anna', 'undefined', 'null']) {
      for (const operation of OPERATIONS) expect(await authorize(operation, upload(whose), nobody)).toBe(false)
    }
  })

  it('an admin may do everything with everything', async () => {
    const admin = await bearer({ tusker_admin: true, tusker_operations: ['head'], tusker_upload: 'other' })
    for (const operation of ['create', ...OPERATIONS] as const) {
      for (const whose of [undefined, 'anna']) {
        expect(await authorize(operation, upload(whose), admin)).toEqual({ owner: null })
      }
    }
    const none = await bearer({ sub: 'bert', tusker_admin: false })
    expect(await authorize('head', upload('anna'), none)).toBe(false)
  })

  it('under other names, in claims within claims, and under names with dots', async () => {
    const names = {
      owner: 'user.id',
      maxSize: 'https://app.example/max',
      operations: 'scope',
      admin: 'roles.tusker.admin',
    }
    const renamed = jwtRights({ secret: SECRET, claims: names })
    const asking = await bearer({ user: { id: 'anna' }, 'https://app.example/max': 5, scope: 'create', sub: 'bert' })
    expect(await renamed('create', upload(), asking)).toEqual({ owner: 'anna', maxSize: 5 })
    expect(await renamed('head', upload('x'), await bearer({ roles: { tusker: { admin: true } } }))).toEqual({
      owner: null,
    })
    for (const user of ['anna', null, ['anna'], {}]) expect(await outcome(renamed, await bearer({ user }))).toBe('403')
    const inherited = jwtRights({ secret: SECRET, claims: { owner: 'constructor.name' } })
    expect(await outcome(inherited, await bearer({}))).toBe('403')
  })

  it.each([
    ['sub', ''],
    ['tusker_max_size', '1000'],
    ['tusker_max_size', 0],
    ['tusker_max_size', 1.5],
    ['tusker_max_uploads', -1],
    ['tusker_max_bytes', null],
    ['tusker_creations_per_minute', 2 ** 53],
    ['tusker_operations', 7],
    ['tusker_operations', ['head', 1]],
    ['tusker_upload', ['abc']],
    ['tusker_admin', 'true'],
    ['tusker_admin', 1],
  ])('%s of %j is refused by its name', async (name, value) => {
    const asking = await bearer({ sub: 'anna', [name]: value })
    expect(await outcome(authorize, asking)).toBe(`401 the claim ${name} is not valid`)
    expect(await outcome(authorize, asking, 'head')).toBe(`401 the claim ${name} is not valid`)
  })

  it('a claim cannot break out of the challenge', async () => {
    const odd = jwtRights({ secret: SECRET, claims: { owner: 'a"b\\c\r\nü' } })
    expect(await outcome(odd, await bearer({ 'a"b\\c\r\nü': true }))).toBe('401 the claim a?b?c??? is not valid')
  })
})

describe('within one request', () => {
  it('a token that expires meanwhile still finishes, and does nothing more in the next', async () => {
    const authorize = jwtRights({ secret: SECRET })
    const asking = await bearer({ sub: 'anna', exp: seconds() + 60 })
    expect(await outcome(authorize, asking, 'append')).toBe('owner anna')
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 120_000 })
    expect(await outcome(authorize, asking, 'finish')).toBe('owner anna')
    expect(await authorize('finish', upload('bert'), asking)).toBe(false)
    expect(await outcome(authorize, request(asking.header('authorization')), 'append')).toContain('expired')
  })

  it('whether it was revoked is asked again', async () => {
    let revoked = false
    const seen: unknown[] = []
    const authorize = jwtRights({
      secret: SECRET,
      revoked: async ({ jti }) => {
        seen.push(jti)
        return revoked
      },
    })
    const asking = await bearer({ sub: 'anna', jti: 'one' })
    expect(await outcome(authorize, asking, 'append')).toBe('owner anna')
    revoked = true
    expect(await outcome(authorize, asking, 'finish')).toBe('401 the token was revoked')
    expect(seen).toEqual(['one', 'one'])
  })
})

describe('options', () => {
  const pair = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 })
  const pem = (key: KeyObject, type: 'spki' | 'pkcs8') => key.export({ type, format: 'pem' }).toString()

  it.each<readonly [string, object]>([
    ['exactly one of secret, jwksUrl and key is needed, but none is given', {}],
    ['given are secret and jwksUrl', { secret: SECRET, jwksUrl: 'https://a.example/' }],
    ['secret must have at least 32 bytes, but has 31', { secret: 'x'.repeat(31) }],
    ['secret[1] must have at least 32 bytes', { secret: [SECRET, 'short'] }],
    ['secret must not be an empty list', { secret: [] }],
    ['secret must be a text', { secret: 5 }],
    ['jwksUrl must be an absolute URL', { jwksUrl: '/keys' }],
    ['jwksUrl must be an absolute URL', { jwksUrl: 'file:///keys' }],
    ['key must be a public key, in PEM or as a KeyObject', { key: 'nonsense' }],
    ['key must be a public key', { key: pem(pair.privateKey, 'pkcs8') }],
    ['key must be a public key', { key: pair.privateKey }],
    ['key must be a public key', { key: createSecretKey(Buffer.from(SECRET)) }],
    ['key must be a public key', { key: new Uint8Array(32) }],
    ['key must not be tied to RSA-PSS', { key: pem(pss.publicKey, 'spki') }],
    ['key must not be tied to RSA-PSS', { key: pss.publicKey }],
    ['key must have at least 2048 bits, but has 1024', { key: pem(pair.publicKey, 'spki') }],
    ['algorithms must be a list of some of those that go with a secret', { secret: SECRET, algorithms: ['RS256'] }],
    ['algorithms must be a list', { secret: SECRET, algorithms: ['none'] }],
    ['algorithms must be a list', { jwksUrl: 'https://a.example/', algorithms: ['HS256'] }],
    ['algorithms must be a text or a list', { secret: SECRET, algorithms: [] }],
    ['issuer must be', { secret: SECRET, issuer: '' }],
    ['audience must be', { secret: SECRET, audience: [5] }],
    ['clockTolerance must be', { secret: SECRET, clockTolerance: -1 }],
    ['acceptQuery must be', { secret: SECRET, acceptQuery: 'yes' }],
    ['revoked must be', { secret: SECRET, revoked: true }],
    ['claims.owner must be', { secret: SECRET, claims: { owner: '' } }],
    ['claims.sub is not an option', { secret: SECRET, claims: { sub: 'x' } }],
    ['secrets is not an option', { secret: SECRET, secrets: [] }],
  ])('%s', (message, options) => {
    const attempt = () => jwtRights(options satisfies JwtRightsOptions | object)
    expect(attempt).toThrow(TypeError)
    expect(attempt).toThrow(message)
  })
})

describe('signed URLs', () => {
  const authorize = jwtRights({ secret: SECRET, acceptQuery: true })
  const BASE = 'https://uploads.example/files/'
  const asked = (url: string) => request(null, url.replace('https://uploads.example', ''))

  it('allow for an hour what they say, for an owner of their own', async () => {
    const url = await signUploadUrl(`${BASE}?tenant=7`, { secret: SECRET })
    expect(url).toMatch(/^https:\/\/uploads\.example\/files\/\?tenant=7&access_token=[\w.-]+$/)
    expect(await outcome(authorize, asked(url))).toMatch(/^owner link:[0-9a-f-]{36}$/)
    expect(await outcome(authorize, asked(await signUploadUrl(url, { secret: SECRET })))).toMatch(/^owner link:/)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_602_000 })
    expect(await outcome(authorize, asked(url))).toBe('401 the token has expired')
  })

  it('carry owner, limits, operations and one upload', async () => {
    const limits = { maxSize: 10, maxUploads: 2, maxBytes: 20 }
    const created = asked(await signUploadUrl(BASE, { secret: SECRET, owner: 'anna', ...limits, expiresIn: 60_000 }))
    expect(await authorize('create', upload(), created)).toMatchObject({
      owner: 'anna',
      maxSize: 10,
      quota: { maxUploads: 2, maxBytes: 20 },
    })
    const reading = { owner: 'anna', upload: 'abc', operations: ['read'] } as const
    const expiresAt = new Date(Date.now() + 60_000)
    const link = asked(await signUploadUrl(new URL(`${BASE}abc`), { secret: SECRET, ...reading, expiresAt }))
    expect(await outcome(authorize, link, 'read')).toBe('owner anna')
    expect(await outcome(authorize, link, 'terminate')).toBe('false')
  })

  it('name issuer and audience', async () => {
    const strict = jwtRights({ secret: SECRET, acceptQuery: true, issuer: 'me', audience: 'you' })
    const named = await signUploadUrl(BASE, { secret: SECRET, issuer: 'me', audience: 'you' })
    expect(await outcome(strict, asked(named))).toMatch(/^owner/)
    expect(await outcome(strict, asked(await signUploadUrl(BASE, { secret: SECRET })))).toMatch(/^401/)
  })

  it.each<readonly [string, object]>([
    ['secret must have', { secret: 'short' }],
    ['expiresIn must be', { expiresIn: 0 }],
    ['expiresAt must be', { expiresAt: new Date(0) }],
    ['only one of', { expiresIn: 1, expiresAt: new Date(8e15) }],
    ['maxSize must be', { maxSize: 0 }],
    ['maxUploads must be', { maxUploads: 1.5 }],
    ['operations must be', { operations: ['fly'] }],
    ['owner must be', { owner: '' }],
  ])('%s', async (message, options) => {
    await expect(signUploadUrl(BASE, { secret: SECRET, ...options })).rejects.toThrow(message)
    await expect(signUploadUrl('/files/', { secret: SECRET })).rejects.toThrow('url must be')
  })
})

/** An issuer on the loopback that publishes one key at a time. */
async function serveKeys() {
  let keys: object[] = []
  let fetched = 0
  let failing = false
  const server = createServer((_, response) => {
    fetched++
    response.statusCode = failing ? 500 : 200
    response.end(JSON.stringify({ keys }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}/jwks.json`,
    fetched: () => fetched,
    fail: () => {
      failing = true
    },
    async newKey(kid: string): Promise<CryptoKey> {
      const { privateKey, publicKey } = await generateKeyPair('ES256')
      keys = [{ ...(await exportJWK(publicKey)), kid, alg: 'ES256' }]
      return privateKey
    },
    async close(): Promise<void> {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
