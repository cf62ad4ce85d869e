import { describe, expect, it } from 'vitest'
import { addressOf, parseForwarded, parseList } from './forwarded.ts'

const parsed = (text: string) => parseForwarded(text)?.map((hop) => Object.fromEntries(hop)) ?? null

describe('parseForwarded', () => {
  it.each([
    ['for=192.0.2.43', [{ for: '192.0.2.43' }]],
    ['for="_gazonk"', [{ for: '_gazonk' }]],
    ['For="[2001:db8:cafe::17]:4711"', [{ for: '[2001:db8:cafe::17]:4711' }]],
    [
      'for=192.0.2.60;proto=http;by=203.0.113.43;host=example.com',
      [{ for: '192.0.2.60', proto: 'http', by: '203.0.113.43', host: 'example.com' }],
    ],
    ['for=192.0.2.43, for=198.51.100.17', [{ for: '192.0.2.43' }, { for: '198.51.100.17' }]],
    ['for=192.0.2.43,for="[2001:db8::17]"', [{ for: '192.0.2.43' }, { for: '[2001:db8::17]' }]],
    ['for=192.0.2.43 ; proto=https ,\tfor=unknown', [{ for: '192.0.2.43', proto: 'https' }, { for: 'unknown' }]],
    ['host="a\\"b\\\\c,d;e=f"', [{ host: 'a"b\\c,d;e=f' }]],
    ['host=example.com:8443;for=[::1]', [{ host: 'example.com:8443', for: '[::1]' }]],
    ['host=""', [{ host: '' }]],
    [', ,for=a;;proto=b;, ,', [{ for: 'a', proto: 'b' }]],
    ['', []],
  ])('reads %j', (text, hops) => {
    expect(parsed(text)).toEqual(hops)
  })

  it.each([
    'for',
    'for=',
    '=a',
    'for =a',
    'for= a',
    'for=a b',
    'for=a;for=b',
    'for=a;FOR=b',
    'for="a',
    'for="a\\"',
    'for=a"b"',
    'for="a"b',
    'for=a/b',
    'f or=a',
    'for=a\r\nX: y',
    'for="x, for="[2001:db8::1]";host=real',
    'for="x, for=1.2.3.4;host=real',
    'for=a, for="',
  ])('takes nothing of %j', (text) => {
    expect(parsed(text)).toBeNull()
  })

  it('is quick with what is made to be slow', () => {
    const before = process.cpuUsage()
    for (const part of ['for=a,', 'a=', '"\\', 'for="\\"', ', ; ', '[:[:']) parseForwarded(part.repeat(20_000))
    // Microseconds of the processor: what other programs take does not count
    expect(process.cpuUsage(before).user).toBeLessThan(2_000_000)
  })
})

describe('parseList', () => {
  it('splits at commas', () => {
    expect(parseList('a, b,c ,\td')).toEqual(['a', 'b', 'c', 'd'])
    expect(parseList('')).toEqual([''])
    expect(parseList(null)).toEqual([])
  })
})

describe('addressOf', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:8080', '192.0.2.1'],
    ['192.0.2.1:_port', '192.0.2.1'],
    ['2001:db8::1', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:8080', '2001:db8::1'],
    ['[::ffff:192.0.2.1]', '::ffff:192.0.2.1'],
  ])('finds the address in %j', (text, address) => {
    expect(addressOf(text)).toBe(address)
  })

  it.each([
    '',
    'unknown',
    '_hidden',
    'example.com',
    '1.2.3',
    '256.1.1.1',
    '[1.2.3.4]',
    '[::1',
    '::1]',
    '1.2.3.4:',
    '::g',
  ])('finds none in %j', (text) => {
    expect(addressOf(text)).toBeNull()
  })

  it('repeats no scope, which may be any text', () => {
    expect(addressOf('fe80::1%eth0')).toBeNull()
    expect(addressOf('[fe80::1%x]:1')).toBeNull()
  })
})
