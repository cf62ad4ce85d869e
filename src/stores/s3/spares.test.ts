import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createSpares } from './spares.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

it('a slab that came back is used before a new one is made, the last one first', () => {
  const spares = createSpares(16, 0)
  const [one, other] = [spares.take(), spares.take()]
  expect(other).not.toBe(one)
  spares.give(one)
  spares.give(other)
  expect(spares.take()).toBe(other)
  expect(spares.take()).toBe(one)
})

it('those that nobody needed for some time are let go, those in use and the kept ones are not', () => {
  const spares = createSpares(16, 1)
  const slabs = Array.from({ length: 5 }, () => spares.take())
  for (const slab of slabs) spares.give(slab)
  // Two are enough for all this time
  for (let seconds = 0; seconds < 30; seconds++) {
    const used = [spares.take(), spares.take()]
    for (const slab of used) spares.give(slab)
    vi.advanceTimersByTime(1000)
  }
  const left = [spares.take(), spares.take(), spares.take()]
  expect(left.map((slab) => slabs.includes(slab))).toEqual([true, true, false])
})

it('there is no timer once there are no more than are kept', () => {
  const spares = createSpares(16, 1)
  const slabs = [spares.take(), spares.take()]
  for (const slab of slabs) spares.give(slab)
  expect(vi.getTimerCount()).toBe(1)
  vi.advanceTimersByTime(60_000)
  expect(vi.getTimerCount()).toBe(0)
  expect(slabs).toContain(spares.take())
})
