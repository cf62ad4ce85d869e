import { describe, expect, it } from 'vitest'
import { type Log, silent } from '../core/log.ts'
import { type CorsOptions, createCors } from './cors.ts'

function arrival(method: string, headers: Record<string, string>) {
  return { method, header: (name: string) => headers[name] ?? null }
}

const list = (value: string | undefined) => (value ?? '').split(', ').map((name) => name.toLowerCase())

describe('cors', () => {
  const cors = createCors()
  const origin = 'https://app.example'

  it('T-121 a preflight from any origin is told that all methods are allowed', () => {
    const answer = cors.apply(arrival('OPTIONS', { origin }), {})
    expect(answer).toMatchObject({
      'Access-Control-Allow-Origin': origin,
      'Access-Control-Allow-Methods': 'POST, HEAD, PATCH, OPTIONS, GET, DELETE',
      'Access-Control-Max-Age': '86400',
      Vary: 'Origin, Access-Control-Request-Headers',
    })
    expect(list(answer['Access-Control-Allow-Headers'])).toEqual(
      expect.arrayContaining(['tus-resumable', 'upload-checksum', 'upload-concat', 'authorization', 'content-type']),
    )
  })

  it('T-121 a preflight may send whatever other headers it asks for', () => {
    const asked = 'x-trace-id,  X-Tenant ,upload-length,,x-trace-id'
    const answer = cors.apply(arrival('OPTIONS', { origin, 'access-control-request-headers': asked }), {})
    const allowed = list(answer['Access-Control-Allow-Headers'])
    expect(allowed).toContain('x-trace-id')
    expect(allowed).toContain('x-tenant')
    expect(new Set(allowed).size).toBe(allowed.length)
  })

  it('repeats nothing that is not the name of a header', () => {
    const asked = 'x-good, a b, x\r\nSet-Cookie: a=b, <script>, é, x:y'
    const answer = cors.apply(arrival('OPTIONS', { origin, 'access-control-request-headers': asked }), {})
    const plain = cors.apply(arrival('OPTIONS', { origin }), {})
    expect(answer['Access-Control-Allow-Headers']).toBe(`${plain['Access-Control-Allow-Headers']}, x-good`)
  })

  it('T-122 every answer to another origin exposes the fields of the protocol', () => {
    for (const method of ['POST', 'HEAD', 'PATCH', 'DELETE', 'GET', 'OPTIONS']) {
      const answer = cors.apply(arrival(method, { origin }), { 'Upload-Offset': '1' })
      expect(answer).toMatchObject({ 'Access-Control-Allow-Origin': origin, 'Upload-Offset': '1' })
      expect(list(answer['Access-Control-Expose-Headers'])).toEqual(
        expect.arrayContaining([
          ...['location', 'tus-version', 'tus-resumable', 'tus-max-size', 'tus-extension', 'tus-checksum-algorithm'],
          ...['upload-offset', 'upload-length', 'upload-metadata', 'upload-defer-length', 'upload-concat'],
          ...['upload-expires', 'upload-complete', 'upload-limit', 'etag', 'content-range', 'retry-after'],
        ]),
      )
    }
  })

  it('only a preflight is told about methods, request headers and age', () => {
    const answer = cors.apply(arrival('POST', { origin }), {})
    expect(Object.keys(answer).sort()).toEqual(['Access-Control-Allow-Origin', 'Access-Control-Expose-Headers', 'Vary'])
  })

  it('an answer to no other origin has no permission, but says that it depends on the origin', () => {
    expect(cors.apply(arrival('GET', {}), { ETag: '"x"' })).toEqual({ ETag: '"x"', Vary: 'Origin' })
    expect(cors.apply(arrival('GET', {}), { Vary: 'Accept' })).toEqual({ Vary: 'Accept, Origin' })
  })

  it('a sandboxed page has the origin null, and is allowed', () => {
    expect(cors.apply(arrival('GET', { origin: 'null' }), {})['Access-Control-Allow-Origin']).toBe('null')
  })

  it.each(['', 'a b', 'https://a, https://b', 'https://a\r\nX: y', 'https://ä', `https://${'a'.repeat(600)}`])(
    'does not repeat %j as an origin',
    (bad) => {
      expect(cors.apply(arrival('GET', { origin: bad }), {})).toEqual({ Vary: 'Origin' })
    },
  )

  it('changes nothing when turned off', () => {
    const headers = { ETag: '"x"' }
    expect(createCors(false).apply(arrival('OPTIONS', { origin }), headers)).toEqual(headers)
  })

  it('exposes fields of ones own', () => {
    const answer = createCors({ exposeHeaders: ['X-Mine'] }).apply(arrival('POST', { origin }), {})
    expect(list(answer['Access-Control-Expose-Headers'])).toEqual(expect.arrayContaining(['x-mine', 'location']))
    expect(() => createCors({ exposeHeaders: ['a b'] })).toThrow(/exposeHeaders/)
  })

  it('allows methods and headers of ones own, each once', () => {
    const own = createCors({ allowMethods: ['PUT', 'PATCH'], allowHeaders: ['X-Mine', 'upload-length'], maxAge: 0 })
    const answer = own.apply(arrival('OPTIONS', { origin, 'access-control-request-headers': 'x-mine, x-other' }), {})
    expect(list(answer['Access-Control-Allow-Methods'])).toEqual([
      ...['post', 'head', 'patch', 'options', 'get', 'delete', 'put'],
    ])
    const allowed = list(answer['Access-Control-Allow-Headers'])
    expect(allowed).toEqual(expect.arrayContaining(['x-mine', 'x-other', 'upload-length']))
    expect(new Set(allowed).size).toBe(allowed.length)
    expect(answer['Access-Control-Max-Age']).toBe('0')
  })

  it('allows credentials only if told, and then names the origin, never everybody', () => {
    const name = 'Access-Control-Allow-Credentials'
    expect(cors.apply(arrival('PATCH', { origin }), {})).not.toHaveProperty(name)
    const own = createCors({ allowCredentials: true, allowOrigin: [origin] })
    for (const method of ['OPTIONS', 'POST']) {
      const answer = own.apply(arrival(method, { origin }), {})
      expect(answer).toMatchObject({ [name]: 'true', 'Access-Control-Allow-Origin': origin })
      expect(Object.values(answer).some((value) => value.includes('*'))).toBe(false)
      expect(own.apply(arrival(method, { origin: 'https://other.example' }), {})).not.toHaveProperty(name)
    }
  })
})

describe('allowed origins', () => {
  const allows = (cors: ReturnType<typeof createCors>, origin: string) => {
    const preflight = arrival('OPTIONS', { origin, 'access-control-request-method': 'PATCH' })
    const granted = cors.apply(arrival('PATCH', { origin }), {})['Access-Control-Allow-Origin'] === origin
    // A preflight is refused where an answer is not shown, and nowhere else.
    expect(cors.refuses(preflight)).toBe(!granted)
    expect('Access-Control-Allow-Methods' in cors.apply(preflight, {})).toBe(granted)
    return granted
  }

  it.each<[string, CorsOptions['allowOrigin'], string[], string[]]>([
    ['nothing', undefined, ['https://a.example', 'null'], ['a b']],
    ['a pattern', /^https:\/\/[a-z]+\.example$/, ['https://a.example'], ['http://a.example', 'https://a.example.org']],
    ['a pattern without anchors, as in tusd', /a\.example/, ['https://a.example', 'https://a.example.org'], ['null']],
    ['a pattern that ignores case', /^HTTPS:\/\/A/i, ['https://a.example'], ['https://b.example']],
    ['a list', ['https://a.example', 'http://localhost:3000'], ['http://localhost:3000'], ['http://localhost', 'null']],
    ['a list with apps', ['capacitor://localhost', 'null'], ['capacitor://localhost', 'null'], ['https://localhost']],
    ['an empty list', [], [], ['https://a.example', 'null', '']],
    ['a function', (origin) => origin.endsWith('.example'), ['https://a.example'], ['https://a.example:8080']],
  ])('by %s', (_, allowOrigin, yes, no) => {
    const cors = createCors(allowOrigin === undefined ? {} : { allowOrigin })
    expect(yes.filter((origin) => !allows(cors, origin))).toEqual([])
    expect(no.filter((origin) => allows(cors, origin))).toEqual([])
  })

  it.each([/https:\/\/a/g, /https:\/\/a/y, /https:\/\/a/gy])('by %s are the same every time', (allowOrigin) => {
    const cors = createCors({ allowOrigin })
    for (let round = 0; round < 4; round++) {
      allowOrigin.lastIndex = round * 3
      expect(allows(cors, 'https://a.example')).toBe(true)
      expect(allows(cors, 'https://b.example')).toBe(false)
    }
    expect(allows(cors, 'x://https://a')).toBe(!allowOrigin.sticky)
  })

  it('by a function that does not answer true or false at once are none', () => {
    const told: unknown[] = []
    const log: Log = { ...silent, error: (event, _, cause) => told.push(event, cause) }
    const late: unknown = async () => true
    const broken = () => {
      throw new Error('broken')
    }
    for (const allowOrigin of [late, broken]) {
      if (typeof allowOrigin !== 'function') throw new Error('not a function')
      const cors = createCors({ allowOrigin: (origin) => Reflect.apply(allowOrigin, null, [origin]) }, log)
      expect(allows(cors, 'https://a.example')).toBe(false)
    }
    expect(told).toEqual(expect.arrayContaining(['cors.failed', expect.any(TypeError), new Error('broken')]))
  })

  it('that are missing never mean a refusal: no browser asks', () => {
    const cors = createCors({ allowOrigin: [] })
    expect(cors.refuses(arrival('OPTIONS', {}))).toBe(false)
    expect(cors.refuses(arrival('OPTIONS', { 'access-control-request-method': 'PATCH' }))).toBe(false)
    expect(cors.refuses(arrival('OPTIONS', { origin: 'https://a.example' }))).toBe(false)
    expect(cors.refuses(arrival('PATCH', { origin: 'https://a.example', 'access-control-request-method': 'x' }))).toBe(
      false,
    )
    expect(createCors(false).refuses(arrival('OPTIONS', { origin: 'x', 'access-control-request-method': 'x' }))).toBe(
      false,
    )
  })

  it('never make an answer that caches may give to another origin', () => {
    const cors = createCors({ allowOrigin: ['https://a.example'] })
    for (const origin of ['https://a.example', 'https://b.example']) {
      for (const method of ['GET', 'OPTIONS', 'HEAD']) {
        const { Vary: vary } = cors.apply(arrival(method, { origin }), { Vary: 'Accept' })
        expect(list(vary)).toEqual(expect.arrayContaining(['accept', 'origin']))
      }
    }
  })
})

describe('what is probably not meant', () => {
  function warnings(options: CorsOptions): readonly unknown[] {
    const told: unknown[] = []
    const log: Log = { ...silent, warn: (event) => told.push(event) }
    const cors = createCors(options, log)
    for (let round = 0; round < 3; round++) cors.apply(arrival('GET', { origin: 'https://a.example' }), {})
    return told
  }

  it.each([
    [/example\.org/, true],
    [/^https:\/\/a\.example/, true],
    [/https:\/\/a\.example$/, true],
    [/^https:\/\/a|https:\/\/b$/, true],
    [/^https:\/\/a\$/, true],
    [/^a$|[|^$]/, true],
    [/(?:)/, true],
    [/.*/, false],
    [/^.*$/, false],
    [/^https:\/\/a\.example$/, false],
    [/^https:\/\/a$|^https:\/\/b$/, false],
    [/^https:\/\/(?:a|b)\.example$/i, false],
    [/^[|(]\|\\$/, false],
  ])('the pattern %s is warned of: %s', (allowOrigin, warned) => {
    expect(warnings({ allowOrigin })).toEqual(warned ? ['cors.pattern_not_anchored'] : [])
  })

  it('is credentials for everybody', () => {
    expect(warnings({ allowCredentials: true })).toEqual(['cors.credentials_for_everybody'])
    expect(warnings({ allowCredentials: true, allowOrigin: /.*/ })).toEqual(['cors.credentials_for_everybody'])
    expect(warnings({ allowCredentials: true, allowOrigin: ['https://a.example'] })).toEqual([])
  })

  it.each<[string, string]>([
    ['allowOrigin', '{"allowOrigin": "https://a.example"}'],
    ['allowOrigin', '{"allowOrigin": ["https://a.example/"]}'],
    ['allowOrigin', '{"allowOrigin": ["https://A.example"]}'],
    ['allowOrigin', '{"allowOrigin": ["https://a.example:443"]}'],
    ['allowOrigin', '{"allowOrigin": ["a.example"]}'],
    ['allowOrigin', '{"allowOrigin": ["*"]}'],
    ['allowOrigin', '{"allowOrigin": [1]}'],
    ['allowMethods', '{"allowMethods": ["PUT, GET"]}'],
    ['allowMethods', '{"allowMethods": "PUT"}'],
    ['allowHeaders', '{"allowHeaders": ["X: y"]}'],
    ['exposeHeaders', '{"exposeHeaders": [null]}'],
    ['maxAge', '{"maxAge": -1}'],
    ['maxAge', '{"maxAge": 1.5}'],
    ['maxAge', '{"maxAge": "60"}'],
    ['allowCredentials', '{"allowCredentials": "true"}'],
  ])('a wrong cors.%s is named: %s', (name, json) => {
    expect(() => createCors(JSON.parse(json))).toThrow(new RegExp(`^cors\\.${name}\\b`))
  })
})
