import { describe, expect, it } from 'vitest'
import { pace } from './pace.ts'

/** A pace of which the clock is moved by hand. */
function paced(options: { slow?: number; rest?: number } = {}) {
  let now = 1000
  const calls = pace({ ...options, now: () => now })
  return {
    blocking: calls.blocking,
    wait(ms: number) {
      now += ms
    },
    call(ms: number) {
      now += ms
      calls.took(ms)
    },
  }
}

describe('the pace of calls to the file system', () => {
  it('blocks while calls are quick', () => {
    const calls = paced()
    for (let count = 0; count < 100; count++) {
      calls.call(20)
      expect(calls.blocking()).toBe(true)
    }
  })

  it('rests for half a second after a slow call', () => {
    const calls = paced()
    calls.call(21)
    expect(calls.blocking()).toBe(false)
    calls.wait(499)
    expect(calls.blocking()).toBe(false)
    calls.wait(1)
    expect(calls.blocking()).toBe(true)
  })

  it('rests twice as long each time that it is slow again, up to a minute', () => {
    const calls = paced()
    const rests = []
    for (let count = 0; count < 9; count++) {
      calls.call(50)
      let rest = 0
      for (; !calls.blocking(); rest += 500) calls.wait(500)
      rests.push(rest / 1000)
    }
    expect(rests).toEqual([0.5, 1, 2, 4, 8, 16, 32, 60, 60])
  })

  it('begins anew once calls have been quick for as long as the last rest', () => {
    const calls = paced()
    calls.call(50)
    calls.wait(500)
    calls.call(1)
    calls.wait(500)
    calls.call(50)
    calls.wait(500)
    expect(calls.blocking()).toBe(true)
  })

  it('never blocks if nothing is quick enough', () => {
    const calls = paced({ slow: 0 })
    expect(calls.blocking()).toBe(false)
    calls.wait(1e9)
    expect(calls.blocking()).toBe(false)
  })
})
