import { describe, expect, it } from 'vitest'
import { createTrust } from './trust.ts'

describe('createTrust', () => {
  it.each([
    ['loopback', ['127.0.0.1', '127.255.0.9', '::1', '::ffff:127.0.0.1'], ['10.0.0.1', '::2', '128.0.0.1', '::']],
    [
      'private',
      [
        ...['10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.9.9', '169.254.1.1', 'fd00::1', 'fe80::1'],
        ...['fe80::1%eth0', '::ffff:10.0.0.1', '::ffff:a00:1'],
      ],
      ['127.0.0.1', '172.32.0.1', '172.15.0.1', '192.169.0.1', '11.0.0.1', '8.8.8.8', '2001:db8::1', '::ffff:8.8.8.8'],
    ],
    ['any', ['8.8.8.8', '2001:db8::1', '::1', '::ffff:1.2.3.4', '0.0.0.0', '255.255.255.255'], ['', 'unknown', 'x%y']],
    ['203.0.113.7', ['203.0.113.7', '::ffff:203.0.113.7'], ['203.0.113.8', '::1']],
    ['203.0.113.0/25', ['203.0.113.127'], ['203.0.113.128']],
    ['2001:db8::/32', ['2001:db8:ffff::1'], ['2001:db9::1', '203.0.113.7']],
    ['2001:DB8::7', ['2001:db8:0::7'], ['2001:db8::8']],
    ['0.0.0.0/0', ['1.2.3.4'], ['2001:db8::1']],
  ])('%s trusts what it says and nothing else', (name, inside, outside) => {
    const trust = createTrust([name])
    expect(inside.filter((address) => !trust.address(address))).toEqual([])
    expect(outside.filter((address) => trust.address(address))).toEqual([])
  })

  it('takes several names', () => {
    const trust = createTrust(['loopback', '203.0.113.7'])
    expect(['127.0.0.1', '203.0.113.7', '10.0.0.1'].map(trust.address)).toEqual([true, true, false])
  })

  it('takes a Unix socket for loopback', () => {
    expect(createTrust(['loopback']).unixSocket()).toBe(true)
    expect(createTrust(['127.0.0.1']).unixSocket()).toBe(true)
    expect(createTrust(['private']).unixSocket()).toBe(false)
  })

  it('trusts whom it does not know only if it trusts anybody', () => {
    expect(createTrust(['loopback', 'private']).unknown()).toBe(false)
    expect(createTrust(['any']).unknown()).toBe(true)
  })

  it.each([
    '',
    'localhost',
    'Loopback',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0/8',
    '::/129',
    '1.2.3.4/-1',
    'toString',
    '*',
    'fe80::%1/10',
    '10.0.0.1-9',
  ])('refuses %j', (name) => {
    expect(() => createTrust([name])).toThrow(/^trustProxy: neither an address/)
  })
})
