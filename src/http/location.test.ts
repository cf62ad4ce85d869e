import { describe, expect, it } from 'vitest'
import { parseUploadId } from '../core/upload.ts'
import { createLocation } from './location.ts'
import { outsideOf } from './outside.ts'

const location = createLocation({ basePath: '/files/' })
const id = parseUploadId('abc')
const upload = (name: string) => ({ kind: 'upload', id: name })
const base = { kind: 'base' }
const unknown = { kind: 'unknown' }

function asker(headers: Record<string, string>, uri = '/files/', secure = false) {
  return outsideOf({ uri, secure, remoteAddress: null, header: (name: string) => headers[name] ?? null })
}

describe('createLocation', () => {
  it.each([
    ['files', '/files/'],
    ['/files', '/files/'],
    ['/files/', '/files/'],
    ['/', '/'],
    ['', '/'],
    ['api/v1/my-files', '/api/v1/my-files/'],
    ['/d%C3%A4ten/', '/d%C3%A4ten/'],
    ['/.well/a..b/', '/.well/a..b/'],
  ])('takes the base path %j for %s', (basePath, normal) => {
    expect(createLocation({ basePath }).basePath).toBe(normal)
  })

  it('serves /files/ unless told otherwise', () => {
    expect(createLocation().basePath).toBe('/files/')
  })

  it.each([
    '/files?x=1',
    '/files#x',
    '/a/../b/',
    '/..',
    '..',
    '/./',
    '/%2e%2E/',
    '/.%2e/',
    '//',
    '//host/files/',
    'ftp://host/files/',
    'http:///files/',
    'http://user@host/files/',
    'http://host:port/files/',
    'http://host/files/?x',
    'http://host?x',
    'http://host/../files/',
    'http://host//files/',
    'http://a b/files/',
    'http://host\r\nX: y/files/',
    '/a//b/',
    '/a b/',
    '/a\nb/',
    '/a\u0000/',
    '\\files\\',
    '/ä/',
    '/100%/',
  ])('refuses the base path %j', (basePath) => {
    expect(() => createLocation({ basePath })).toThrow(/basePath must be the path of a URL/)
  })
})

describe('target', () => {
  it.each(['/files', '/files/', '/files?x=1', '/files/?x=/y', 'http://host/files/', 'HTTPS://host:8080/files?x'])(
    'finds the base path in %j',
    (uri) => {
      expect(location.target(uri)).toEqual(base)
    },
  )

  it.each([
    ['/files/abc', 'abc'],
    ['/files/abc?x=1/../2', 'abc'],
    ['/files/a/b', 'a/b'],
    ['/files/a%2Fb', 'a/b'],
    ['/files/%61bc', 'abc'],
    ['/files/object+multipart~1', 'object+multipart~1'],
    ['http://host/files/abc', 'abc'],
    ['https://[::1]:8080/files/abc?x', 'abc'],
    ['/files/http:', 'http:'],
  ])('finds the upload in %j', (uri, name) => {
    expect(location.target(uri)).toEqual(upload(name))
  })

  it.each([
    '/',
    '',
    '*',
    'files/abc',
    '/filesabc',
    '/FILES/abc',
    '/other/abc',
    '//files/abc',
    '/x/files/abc',
    'http://host',
    'http://host?/files/abc',
    'http://files/abc',
    'ftp://host/files/abc',
    'host:443',
    '/files//abc',
    '/files/abc/',
    '/files/../files/abc',
    '/files/../secret',
    '/files/./abc',
    '/files/%2e%2e%2fsecret',
    '/files/%2e%2e/secret',
    '/files/a/../../secret',
    '/files/..%5csecret',
    '/files/a\\b',
    '/files/%252e%252e%252fsecret',
    '/files/%00',
    '/files/abc%00',
    '/files/%',
    '/files/%zz',
    '/files/%c3%28',
    '/files/a b',
    '/files/a%0d%0ab',
    '/files/abc.info',
    '/files/abc.json',
    '/files/abc.lock',
    '/files/abc%2einfo',
    '/files/.hidden',
    '/files/ä',
    '/files/abc#x',
    `/files/${'a'.repeat(6000)}`,
    `/files/${'%61'.repeat(6000)}`,
    `/files/${'a/'.repeat(3000)}b`,
  ])('T-114 finds nothing in %j', (uri) => {
    expect(location.target(uri)).toEqual(unknown)
  })

  it('works with the root as base path', () => {
    const root = createLocation({ basePath: '/' })
    expect(root.target('/')).toEqual(base)
    expect(root.target('http://host')).toEqual(base)
    expect(root.target('/abc')).toEqual(upload('abc'))
    expect(root.target('//abc')).toEqual(unknown)
    expect(root.target('/../abc')).toEqual(unknown)
    expect(root.urlOf(asker({ host: 'host' }), id)).toBe('http://host/abc')
  })
})

describe('urlOf', () => {
  it.each([
    'example.com',
    'example.com:8080',
    '127.0.0.1',
    'localhost:1',
    '[::1]',
    '[2001:db8::1]:8080',
    'my_service:80',
  ])('is absolute for the host %s', (host) => {
    expect(location.urlOf(asker({ host }), id)).toBe(`http://${host}/files/abc`)
    expect(location.urlOf(asker({ host }, '/files/', true), id)).toBe(`https://${host}/files/abc`)
  })

  it.each([
    '',
    'a b',
    'evil.com/path',
    'evil.com?x',
    'evil.com#x',
    'user@evil.com',
    'a\r\nSet-Cookie: x=1',
    'a, b',
    '<script>',
    '-',
    '[::1',
    '::1',
    'host:',
    'host:123456',
    'host:80:80',
    'hö.st',
    'a'.repeat(300),
  ])('is a path for what is no host: %j', (host) => {
    expect(location.urlOf(asker({ host }), id)).toBe('/files/abc')
  })

  it('is a path without a Host', () => {
    expect(location.urlOf(asker({}), id)).toBe('/files/abc')
  })

  it('prefers the host of an absolute request target to the Host field', () => {
    expect(location.urlOf(asker({ host: 'other' }, 'http://named:81/files/'), id)).toBe('http://named:81/files/abc')
    expect(location.urlOf(asker({ host: 'other' }, 'http://user@named/files/'), id)).toBe('/files/abc')
  })

  it('leads back to the upload, whatever characters its id has', () => {
    const odd = parseUploadId('a+b/c=d,e@f!g:h$(i)~j.k-_')
    const from = asker({ host: 'example.com' })
    expect(new URL(location.urlOf(from, odd)).pathname).toBe(`/files/${odd}`)
    expect(location.idOf(from, location.urlOf(from, odd))).toBe(odd)
    expect(location.idOf(asker({}), location.urlOf(asker({}), odd))).toBe(odd)
  })
})

describe('idOf', () => {
  const from = asker({ host: 'Example.com:8080' })

  it.each([
    '/files/abc',
    '/files/%61bc',
    'http://example.com:8080/files/abc',
    'https://EXAMPLE.com:8080/files/abc',
    'HTTP://example.com:8080/files/abc',
    '//example.com:8080/files/abc',
    'abc',
    './abc',
    '././abc',
    '%61bc',
    // As in a request target: a link may carry its rights in the query
    '/files/abc?x',
    'http://example.com:8080/files/abc?access_token=a.b/c',
  ])('T-098 finds the upload in %j', (url) => {
    expect(location.idOf(from, url)).toBe('abc')
  })

  it.each([
    '',
    '/',
    '/files',
    '/files/',
    '.',
    './',
    '..',
    '../files/abc',
    '/files/../files/abc',
    '/other/../files/abc',
    '/files/./abc',
    '/files/%2e%2e/abc',
    '/files/%2e%2e%2fabc',
    '/files//abc',
    '///files/abc',
    '/files/abc#x',
    '/files/abc ',
    ' /files/abc',
    '\\files\\abc',
    '/\\example.com:8080/files/abc',
    '\t/files/abc',
    '/fi\nles/abc',
    '/files/abc\u0000',
    '/files/abc.info',
    '/files/%',
    '/elsewhere/abc',
    'files/abc/',
    'http:/files/abc',
    'http:abc',
    'http://',
    'http:///files/abc',
    'http://example.com:8080',
    'http://example.com:8080/',
    'http://example.com:8080/files/',
    'http://example.com:8080/other/abc',
    'http://example.com:8080/files/../abc',
    'http://example.com:8080\\files\\abc',
    'http://example.com:8080@evil.com/files/abc',
    'http://user@example.com:8080/files/abc',
    'http://example.com:8080#/files/abc',
    'http://example.com:8080?/files/abc',
    'http://example.com/files/abc',
    'http://evil.com/files/abc',
    'http://evil.com/http://example.com:8080/files/abc',
    '//evil.com/files/abc',
    'ftp://example.com:8080/files/abc',
    'file:///files/abc',
    'javascript:abc',
  ])('T-103 finds nothing in %j', (url) => {
    expect(location.idOf(from, url)).toBeNull()
  })

  it('takes the default ports for none, as a proxy that ends TLS makes them differ', () => {
    const behind = asker({ host: 'example.com' })
    expect(location.idOf(behind, 'https://example.com:443/files/abc')).toBe('abc')
    expect(location.idOf(behind, 'http://example.com:80/files/abc')).toBe('abc')
    expect(location.idOf(behind, 'http://example.com:8080/files/abc')).toBeNull()
    expect(location.idOf(asker({ host: '[::1]:80' }), 'http://[::1]/files/abc')).toBe('abc')
  })

  it('resolves relative URLs against the URL of the request, as RFC 3986 does', () => {
    for (const uri of ['/files/', '/files/?x=/y/', 'http://example.com:8080/files/', '/files']) {
      for (const reference of ['abc', './abc', 'files/abc', 'abc/def']) {
        const { pathname } = new URL(reference, new URL(uri, 'http://example.com:8080'))
        const expected = pathname.startsWith('/files/') ? pathname.slice('/files/'.length) : null
        expect(location.idOf(asker({ host: 'example.com:8080' }, uri), reference)).toBe(expected)
      }
    }
  })

  it('knows no absolute URL when the request names no host', () => {
    expect(location.idOf(asker({}), 'http://example.com/files/abc')).toBeNull()
    expect(location.idOf(asker({ host: '' }), 'http:///files/abc')).toBeNull()
    expect(location.idOf(asker({}), '/files/abc')).toBe('abc')
  })
})

describe('a base path that is a whole URL', () => {
  const cdn = createLocation({ basePath: 'HTTPS://cdn.Example.org/up/files' })
  const from = asker({ host: '10.0.0.1:8080' }, '/up/files/')

  it('is matched by its path and put into Location as a whole, whatever the request says', () => {
    expect(cdn.basePath).toBe('/up/files/')
    expect(cdn.target('/up/files/abc')).toEqual(upload('abc'))
    expect(cdn.target('http://cdn.example.org/up/files/')).toEqual(base)
    expect(cdn.urlOf(from, id)).toBe('https://cdn.Example.org/up/files/abc')
    expect(cdn.urlOf({ ...from, prefix: '/api' }, id)).toBe('https://cdn.Example.org/up/files/abc')
    expect(cdn.urlOf(asker({}), id)).toBe('https://cdn.Example.org/up/files/abc')
  })

  it('may be a host alone', () => {
    const bare = createLocation({ basePath: 'http://[::1]:8080' })
    expect(bare.basePath).toBe('/')
    expect(bare.urlOf(from, id)).toBe('http://[::1]:8080/abc')
  })

  it.each([
    'https://cdn.example.org/up/files/abc',
    'http://CDN.example.org:443/up/files/abc',
    '//cdn.example.org/up/files/abc',
    'http://10.0.0.1:8080/up/files/abc',
    '/up/files/abc',
    'abc',
  ])('is known in %j', (url) => {
    expect(cdn.idOf(from, url)).toBe('abc')
  })

  it.each([
    'https://cdn.example.org/files/abc',
    'https://cdn.example.org:8443/up/files/abc',
    'https://org/up/files/abc',
  ])('is not seen in %j', (url) => {
    expect(cdn.idOf(from, url)).toBeNull()
  })
})

describe('relativeLocation', () => {
  const relative = createLocation({ relativeLocation: true })

  it('names uploads by a path', () => {
    expect(relative.urlOf(asker({ host: 'example.com' }, '/files/', true), id)).toBe('/files/abc')
    expect(relative.urlOf({ ...asker({ host: 'example.com' }), prefix: '/api' }, id)).toBe('/api/files/abc')
  })

  it('still understands the whole URL', () => {
    expect(relative.idOf(asker({ host: 'example.com' }), 'http://example.com/files/abc')).toBe('abc')
  })

  it('cannot be had beside a base path with a host', () => {
    expect(() => createLocation({ basePath: 'https://a/files/', relativeLocation: true })).toThrow(/^relativeLocation/)
  })
})

describe('behind a prefix', () => {
  const outside = { ...asker({ host: 'example.com' }, '/files/', true), prefix: '/api' }

  it('names uploads with it', () => {
    expect(location.urlOf(outside, id)).toBe('https://example.com/api/files/abc')
    expect(location.urlOf({ ...outside, authority: null }, id)).toBe('/api/files/abc')
  })

  it.each([
    'https://example.com/api/files/abc',
    'http://EXAMPLE.com:80/api/files/%61bc',
    '//example.com/api/files/abc',
    '/api/files/abc',
    'abc',
    './abc',
  ])('finds the upload in %j', (url) => {
    expect(location.idOf(outside, url)).toBe('abc')
  })

  it.each([
    'https://example.com/files/abc',
    '/files/abc',
    '/api',
    '/apifiles/abc',
    '/api/api/files/abc',
    '/api/../files/abc',
    '/API/files/abc',
    'https://evil.com/api/files/abc',
  ])('finds nothing in %j', (url) => {
    expect(location.idOf(outside, url)).toBeNull()
  })
})
