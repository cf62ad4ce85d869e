import { describe, expect, it } from 'vitest'
import { configure } from './configure.ts'
import { exposure } from './exposure.ts'

const exposed = (...args: readonly string[]) => exposure(configure(args, {}).settings)

describe('exposure', () => {
  it('is what createUploads does by itself, unless told otherwise', () => {
    expect(exposed()).toMatchObject({ basePath: '/files/', relativeLocation: false, trustProxy: false })
    expect(exposed('-trusted-proxies', 'any').trustProxy).toBe(false)
  })

  it('is a path, or without CORS, if that is wanted', () => {
    expect(exposed('-relative-location').relativeLocation).toBe(true)
    expect(exposed('-disable-cors', '-cors-allow-origin', '^$').cors).toBe(false)
  })

  it('trusts proxies on this machine and in private networks, or those that are named', () => {
    expect(exposed('-behind-proxy').trustProxy).toEqual(['loopback', 'private'])
    expect(exposed('-behind-proxy', '-trusted-proxies', 'any, 10.0.0.1').trustProxy).toEqual(['any', '10.0.0.1'])
  })

  it.each([
    [
      ['-trusted-proxies', 'localhost'],
      'invalid value for flag -trusted-proxies: neither an address, nor a network such as 10.0.0.0/8, nor loopback, private or any: "localhost"',
    ],
    [['-behind-proxy', '-trusted-proxies='], 'flag -behind-proxy believes nobody if -trusted-proxies is empty'],
    [
      ['-relative-location', '-base-path', 'https://a/files/'],
      'invalid value for flag -relative-location: needs a base path without a host',
    ],
    [
      ['-cors-allow-methods', 'GET POST'],
      'invalid value for flag -cors-allow-methods: not the name of a method: "GET POST"',
    ],
    [['-cors-allow-headers', 'X:'], 'invalid value for flag -cors-allow-headers: not the name of a header: "X:"'],
    [['-cors-expose-headers', 'é'], 'invalid value for flag -cors-expose-headers: not the name of a header: "é"'],
  ])('%j is a complaint that names the flag', (args, message) => {
    expect(() => exposed(...args)).toThrow(expect.objectContaining({ message, exitCode: 2 }))
  })
})
