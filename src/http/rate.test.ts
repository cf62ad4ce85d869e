import { describe, expect, it } from 'vitest'
import { UploadError } from '../core/errors.ts'
import { addressGroup } from '../engine/address.ts'
import { createRate, type Rate } from './rate.ts'

/** Seconds after which the next request of an address is welcome; 0 if this one was. */
function wait(rate: Rate, address: string | null): number {
  try {
    rate.check(address)
    return 0
  } catch (error) {
    if (!(error instanceof UploadError) || error.code !== 'too_many_requests') throw error
    return error.details.retryAfter ?? Number.NaN
  }
}

describe('the rate of requests', () => {
  it('lets a burst of ten seconds through, and then as many as it says', () => {
    let now = 0
    const rate = createRate(2, () => now)
    for (let request = 0; request < 20; request++) expect(wait(rate, '192.0.2.1')).toBe(0)
    expect(wait(rate, '192.0.2.1')).toBe(1)
    for (let second = 0; second < 5; second++) {
      now += 1000
      expect([1, 2, 3].map(() => wait(rate, '192.0.2.1'))).toEqual([0, 0, 1])
    }
  })

  it('does not punish who goes on asking', () => {
    let now = 0
    const rate = createRate(1, () => now)
    let served = 0
    for (; now < 100_000; now += 100) if (wait(rate, '192.0.2.1') === 0) served += 1
    expect(served).toBeGreaterThan(105)
    expect(served).toBeLessThanOrEqual(110)
  })

  it('counts each address by itself, and none where there is none', () => {
    const rate = createRate(1, () => 0)
    for (let request = 0; request < 10; request++) rate.check('192.0.2.1')
    expect(wait(rate, '192.0.2.1')).toBe(1)
    expect(wait(rate, '192.0.2.2')).toBe(0)
    for (let request = 0; request < 100; request++) expect(wait(rate, null)).toBe(0)
  })

  it('forgets who has been silent for longest, and never who asks', () => {
    const rate = createRate(1, () => 0)
    for (let request = 0; request < 10; request++) rate.check('192.0.2.1')
    for (let n = 0; n < 100_000; n++) {
      rate.check(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`)
      if (n % 10_000 === 0) expect(wait(rate, '192.0.2.1')).toBe(1)
    }
    expect(wait(rate, '10.0.0.0')).toBe(0)
  })

  it('is no limit at 0', () => {
    const rate = createRate(0, () => 0)
    for (let request = 0; request < 1000; request++) expect(wait(rate, '192.0.2.1')).toBe(0)
  })
})

describe('who counts as one client', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8::', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['not an address', 'not an address'],
  ])('%s is %s', (address, group) => expect(addressGroup(address)).toBe(group))
})
