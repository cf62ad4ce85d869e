import { describe, expect, it } from 'vitest'
import type { Log } from '../core/log.ts'
import { silent } from '../core/log.ts'
import { createProxies } from './proxy.ts'

interface Said {
  readonly headers?: Readonly<Record<string, string>>
  readonly from?: string | null
  readonly unixSocket?: boolean
  readonly secure?: boolean
}

const PROXY = '127.0.0.1'
const CLIENT = '198.51.100.7'

function arrival({ headers = {}, from = PROXY, unixSocket = false, secure = false }: Said) {
  const all: Readonly<Record<string, string>> = { host: 'inner:8080', ...headers }
  return { uri: '/files/', secure, remoteAddress: from, unixSocket, header: (name: string) => all[name] ?? null }
}

function look(said: Said, trustProxy: boolean | readonly string[] = true) {
  const { secure, authority, prefix, remoteAddress } = createProxies({ trustProxy }, silent).outside(arrival(said))
  return { url: `${secure ? 'https' : 'http'}://${authority}${prefix}`, remoteAddress }
}

const urlOf = (headers: Readonly<Record<string, string>>, trustProxy?: readonly string[]) =>
  look({ headers }, trustProxy).url

describe('a proxy that is not trusted', () => {
  const headers = {
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-port': '1',
    'x-forwarded-prefix': '/evil',
    'x-forwarded-for': '1.2.3.4',
    forwarded: 'for=1.2.3.4;host=evil.example;proto=https',
  }
  const untouched = (from: string | null) => ({ url: 'http://inner:8080', remoteAddress: from })

  it('is not believed by default', () => {
    expect(look({ headers }, false)).toEqual(untouched(PROXY))
  })

  it('is not believed if it is none of those that are', () => {
    expect(look({ headers, from: CLIENT })).toEqual(untouched(CLIENT))
    expect(look({ headers }, ['10.0.0.0/8'])).toEqual(untouched(PROXY))
    expect(look({ headers, unixSocket: true, from: null }, ['private'])).toEqual(untouched(null))
  })

  it('is not believed if it has no address, which is not the same as a Unix socket', () => {
    expect(look({ headers, from: null })).toEqual(untouched(null))
    expect(look({ headers, from: null }, ['any']).url).toBe('https://evil.example:1/evil')
    expect(look({ headers, from: null, unixSocket: true }).url).toBe('https://evil.example:1/evil')
  })

  it('is told of once', () => {
    const told: unknown[] = []
    const log: Log = { ...silent, warn: (event, fields) => told.push([event, fields]) }
    const proxies = createProxies({ trustProxy: true }, log)
    proxies.outside(arrival({ from: CLIENT }))
    proxies.outside(arrival({ headers }))
    expect(told).toEqual([])
    proxies.outside(arrival({ headers, from: CLIENT }))
    proxies.outside(arrival({ headers, from: CLIENT }))
    const hint = expect.stringContaining('add it to the trusted ones')
    expect(told).toEqual([['proxy.not_trusted', { address: CLIENT, hint }]])
  })
})

describe('what X-Forwarded-* say', () => {
  it.each([
    [{ 'x-forwarded-proto': 'https' }, 'https://inner:8080'],
    [{ 'x-forwarded-proto': 'HTTPS', 'x-forwarded-host': 'example.com' }, 'https://example.com'],
    [{ 'x-forwarded-host': 'example.com:8443' }, 'http://example.com:8443'],
    [{ 'x-forwarded-host': 'example.com', 'x-forwarded-port': '8080' }, 'http://example.com:8080'],
    [{ 'x-forwarded-host': '[2001:db8::1]', 'x-forwarded-port': '8080' }, 'http://[2001:db8::1]:8080'],
    [{ 'x-forwarded-host': 'example.com:1', 'x-forwarded-port': '2' }, 'http://example.com:1'],
    [{ 'x-forwarded-prefix': '/api' }, 'http://inner:8080/api'],
    [{ 'x-forwarded-prefix': '/api/' }, 'http://inner:8080/api'],
    [{ 'x-forwarded-prefix': '/' }, 'http://inner:8080'],
    [{ 'x-forwarded-prefix': '/a/b%20c' }, 'http://inner:8080/a/b%20c'],
  ])('%j is %s', (headers, url) => {
    expect(urlOf(headers)).toBe(url)
  })

  it.each([
    ['https', 'example.com:443', '', 'https://example.com'],
    ['https', 'example.com', '443', 'https://example.com'],
    ['https', 'example.com', '80', 'https://example.com'],
    ['http', 'example.com', '443', 'http://example.com'],
    ['https', 'example.com:80', '', 'https://example.com:80'],
  ])('%s, %s and port %j are %s: default ports are left out', (proto, host, port, url) => {
    expect(urlOf({ 'x-forwarded-proto': proto, 'x-forwarded-host': host, 'x-forwarded-port': port })).toBe(url)
  })

  it('make a proxy that speaks TLS to us no secret to a client that does not', () => {
    expect(look({ secure: true, headers: { 'x-forwarded-proto': 'http' } }).url).toBe('http://inner:8080')
  })

  it('count from the outermost proxy that is trusted', () => {
    const headers = {
      'x-forwarded-for': `9.9.9.9, ${CLIENT}, 10.0.0.2`,
      'x-forwarded-proto': 'http, https, http',
      'x-forwarded-host': 'forged.example, public.example, inner.example',
      'x-forwarded-prefix': '/forged, /outer, /inner',
    }
    expect(look({ headers })).toEqual({ url: 'https://public.example/outer/inner', remoteAddress: CLIENT })
    expect(look({ headers }, ['loopback'])).toEqual({ url: 'http://inner.example/inner', remoteAddress: '10.0.0.2' })
    expect(look({ headers }, ['any'])).toEqual({
      url: 'http://forged.example/forged/outer/inner',
      remoteAddress: '9.9.9.9',
    })
  })

  it('may be replaced where others append', () => {
    const headers = { 'x-forwarded-for': `${CLIENT}, 10.0.0.2`, 'x-forwarded-host': 'public.example' }
    expect(look({ headers })).toEqual({ url: 'http://public.example', remoteAddress: CLIENT })
  })

  it('outweigh Forwarded, which a proxy that keeps them lets through as the client wrote it', () => {
    const headers = { forwarded: 'for=9.9.9.9;host=evil.example;proto=https', 'x-forwarded-for': CLIENT }
    expect(look({ headers })).toEqual({ url: 'http://inner:8080', remoteAddress: CLIENT })
  })
})

describe('what Forwarded says', () => {
  it('is scheme, host and client', () => {
    const headers = { forwarded: `for=${CLIENT};host="example.com:8443";proto=https` }
    expect(look({ headers })).toEqual({ url: 'https://example.com:8443', remoteAddress: CLIENT })
  })

  it('may have a prefix beside it', () => {
    expect(urlOf({ forwarded: 'proto=https;host=example.com:443', 'x-forwarded-prefix': '/api' })).toBe(
      'https://example.com/api',
    )
  })

  it('counts from the outermost proxy that is trusted', () => {
    const headers = {
      forwarded: [
        'for=9.9.9.9;host=forged.example;proto=http',
        `for="[2001:db8::7]:4711";host=public.example;proto=https`,
        'for="10.0.0.2:80";host=inner.example;proto=http',
      ].join(', '),
    }
    expect(look({ headers })).toEqual({ url: 'https://public.example', remoteAddress: '2001:db8::7' })
    expect(look({ headers }, ['loopback'])).toEqual({ url: 'http://inner.example', remoteAddress: '10.0.0.2' })
  })

  it('is taken from a proxy further in if the outermost leaves it out', () => {
    const headers = { forwarded: `for=${CLIENT}, for=10.0.0.2;host=public.example;proto=https` }
    expect(look({ headers })).toEqual({ url: 'https://public.example', remoteAddress: CLIENT })
  })

  it('is not taken from behind a hidden address', () => {
    for (const hidden of ['unknown', '_secret', '"_a:_b"', 'garbage']) {
      const headers = { forwarded: `for=9.9.9.9;host=forged.example, for=${hidden};host=public.example` }
      expect(look({ headers })).toEqual({ url: 'http://public.example', remoteAddress: PROXY })
    }
  })

  it('is nothing at all if it is malformed anywhere', () => {
    const headers = { forwarded: `for="x, for=${CLIENT};host=public.example;proto=https` }
    expect(look({ headers })).toEqual({ url: 'http://inner:8080', remoteAddress: PROXY })
  })
})

describe('what a trusted proxy says and cannot be true', () => {
  it.each([
    ['x-forwarded-host', 'a\r\nSet-Cookie: x=y'],
    ['x-forwarded-host', 'a b'],
    ['x-forwarded-host', 'a/b'],
    ['x-forwarded-host', 'user@a'],
    ['x-forwarded-host', '<script>'],
    ['x-forwarded-host', ''],
    ['x-forwarded-host', 'a'.repeat(300)],
    ['x-forwarded-proto', 'javascript'],
    ['x-forwarded-proto', 'ftp'],
    ['x-forwarded-proto', ''],
    ['x-forwarded-port', '80a'],
    ['x-forwarded-prefix', 'api'],
    ['x-forwarded-prefix', '//evil.example'],
    ['x-forwarded-prefix', '/a//b'],
    ['x-forwarded-prefix', '/a/../b'],
    ['x-forwarded-prefix', '/a?b'],
    ['x-forwarded-prefix', '/a\r\nX: y'],
    ['x-forwarded-prefix', `/${'a'.repeat(600)}`],
    ['x-forwarded-for', '<script>'],
    ['forwarded', 'host="a\\\r\n"'],
    ['forwarded', 'host="a b";proto=gopher'],
    ['forwarded', 'host="a/b"'],
  ])('%s: %j is ignored', (name, value) => {
    expect(look({ headers: { [name]: value } })).toEqual({ url: 'http://inner:8080', remoteAddress: PROXY })
  })

  it.each(['-1', '80a', '65536', '999999', ' '])('port %j is ignored', (port) => {
    expect(urlOf({ 'x-forwarded-host': 'example.com', 'x-forwarded-port': port })).toBe('http://example.com')
  })
})

describe('the client', () => {
  it.each([
    [CLIENT, CLIENT],
    [`${CLIENT}:5678`, CLIENT],
    ['2001:db8::7', '2001:db8::7'],
    ['[2001:db8::7]:5678', '2001:db8::7'],
    [`spoofed, ${CLIENT}`, CLIENT],
    [`${CLIENT}, unknown`, PROXY],
    [`${CLIENT}, unknown, 10.0.0.3`, '10.0.0.3'],
    ['10.0.0.2, 10.0.0.3', '10.0.0.2'],
    ['', PROXY],
  ])('behind X-Forwarded-For: %s is %s', (list, client) => {
    expect(look({ headers: { 'x-forwarded-for': list } }).remoteAddress).toBe(client)
  })

  it('is found behind a socket that takes IPv4 for IPv6', () => {
    const said = { from: '::ffff:127.0.0.1', headers: { 'x-forwarded-for': CLIENT } }
    expect(look(said).remoteAddress).toBe(CLIENT)
  })
})

describe('trustProxy', () => {
  it.each(['[]', '["loopback", "nonsense"]', '[1]', '"loopback"', '1', 'null'])('is checked: %s', (json) => {
    expect(() => createProxies({ trustProxy: JSON.parse(json) }, silent)).toThrow(/^trustProxy/)
  })
})
