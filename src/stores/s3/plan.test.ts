import { describe, expect, it } from 'vitest'
import { UploadError } from '../../core/errors.ts'
import type { RecordedParts } from '../record.ts'
import { capacity, liesOnGrid, planParts, SPARE, sizeOfPart, startOfPart } from './plan.ts'

const MiB = 1024 ** 2
const GiB = 1024 * MiB
const TiB = 1024 * GiB

/** As AWS has it. */
const AWS = {
  partSize: 16 * MiB,
  minPartSize: 5 * MiB,
  maxPartSize: 5 * GiB,
  maxParts: 10_000,
  maxObjectSize: 5 * TiB,
  equalParts: false,
}
const R2 = { ...AWS, equalParts: true, maxPartSize: 5 * GiB - 5 * MiB }
const SCALEWAY = { ...AWS, maxParts: 1000, maxObjectSize: 5e12 }

/** How many parts an upload of `length` bytes has in the end. */
function partsOf(plan: RecordedParts, length: number): number {
  let number = plan.from
  for (let at = plan.at; at < length; at += sizeOfPart(plan, number)) number += 1
  return number
}

function refusalOf(plan: () => unknown): unknown {
  try {
    return plan()
  } catch (error) {
    return error instanceof UploadError ? `${error.code}: ${error.details.hint}` : error
  }
}

/** mulberry32: the same numbers in each run. */
function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

describe('an upload of known length', () => {
  it('has parts of exactly the wanted size if it fits', () => {
    const plan = planParts(200e9, { ...AWS, partSize: 32e6 })
    expect(plan).toEqual({ size: 32e6, stride: 0, from: 0, at: 0 })
    expect(partsOf(plan, 200e9)).toBe(6250)
  })

  it('of 5 TiB fits into 10,000 parts with 500 to spare, in parts of whole MiB', () => {
    const plan = planParts(5 * TiB, AWS)
    expect(plan.size).toBe(552 * MiB)
    expect(partsOf(plan, 5 * TiB)).toBeLessThanOrEqual(10_000 - SPARE)
  })

  it('has larger parts from the first byte on that does not fit', () => {
    const most = 16 * MiB * 9500
    expect(planParts(most, AWS).size).toBe(16 * MiB)
    expect(planParts(most + 1, AWS).size).toBe(17 * MiB)
  })

  it.each([0, 1, 16 * MiB - 1, 16 * MiB, 16 * MiB + 1, 32 * MiB])('of %d bytes is cut where parts end', (length) => {
    const plan = planParts(length, AWS)
    expect(plan.size).toBe(16 * MiB)
    expect(partsOf(plan, length)).toBe(Math.ceil(length / (16 * MiB)))
  })

  it('never has parts below the minimum of the service', () => {
    expect(planParts(1, { ...AWS, partSize: MiB }).size).toBe(5 * MiB)
  })

  it('of 5 TB fits into 1000 parts: half of them to spare as long as that can be, the others used where not', () => {
    expect(planParts(1e12, SCALEWAY).size).toBe(Math.ceil(1e12 / 500 / MiB) * MiB)
    const plan = planParts(5e12, SCALEWAY)
    expect(plan.size).toBe(5 * GiB)
    expect(partsOf(plan, 5e12)).toBe(932)
  })

  it('is refused if it is larger than an object may be', () => {
    expect(refusalOf(() => planParts(5 * TiB + 1, AWS))).toMatch(/^max_size_exceeded: .*maxObjectSize/)
  })

  it('goes on behind 400 short parts of another server with numbers to spare', () => {
    const plan = planParts(5 * TiB, AWS, 400, 400 * 5 * MiB)
    expect(startOfPart(plan, 401)).toBe(400 * 5 * MiB)
    expect(partsOf(plan, 5 * TiB)).toBeLessThanOrEqual(10_000 - SPARE)
  })

  it('uses up the spare behind thousands of short parts, and is refused once nothing helps', () => {
    const plan = planParts(1 * TiB, AWS, 9700, 9700 * 5 * MiB)
    expect(partsOf(plan, 1 * TiB)).toBeLessThanOrEqual(10_000)
    const most = 5 * MiB * 9900 + 100 * 5 * GiB
    expect(partsOf(planParts(most, AWS, 9900, 9900 * 5 * MiB), most)).toBe(10_000)
    expect(refusalOf(() => planParts(most + 1, AWS, 9900, 9900 * 5 * MiB))).toMatch(/^max_size_exceeded: .*maxParts/)
  })

  it('that is all there already has a plan even if no number is left', () => {
    expect(planParts(10_000 * 5 * MiB, AWS, 10_000, 10_000 * 5 * MiB).from).toBe(10_000)
    expect(refusalOf(() => planParts(10_000 * 5 * MiB + 1, AWS, 10_000, 10_000 * 5 * MiB))).toMatch(/^max_size/)
  })
})

describe('an upload of unknown length', () => {
  it('begins with small parts, and 5 TiB fit in with 500 to spare', () => {
    const plan = planParts(null, AWS)
    expect(sizeOfPart(plan, 1000)).toBe(16 * MiB)
    expect(sizeOfPart(plan, plan.stride)).toBe(16 * MiB)
    expect(sizeOfPart(plan, plan.stride + 1)).toBe(32 * MiB)
    expect(partsOf(plan, 5 * TiB)).toBeLessThanOrEqual(10_000 - SPARE)
    expect(capacity({ ...plan, stride: plan.stride + 1 }, 10_000 - SPARE)).toBeLessThan(5 * TiB)
  })

  it('reaches 5 TB in 1000 parts, none of which is larger than 5 GiB', () => {
    const plan = planParts(null, SCALEWAY)
    expect(sizeOfPart(plan, 1)).toBe(16 * MiB)
    expect(sizeOfPart(plan, 1000)).toBe(5 * GiB)
    expect(partsOf(plan, 5e12)).toBeLessThanOrEqual(1000)
  })

  it('begins with larger parts if those could not grow far enough', () => {
    const limits = { ...AWS, maxPartSize: GiB }
    const plan = planParts(null, limits)
    expect(capacity(plan, 10_000)).toBeGreaterThanOrEqual(5 * TiB)
    expect(sizeOfPart(plan, 10_000)).toBeLessThanOrEqual(GiB)
  })

  it('is limited by what fits behind the parts of another server', () => {
    const plan = planParts(null, AWS, 9990, 9990 * 5 * MiB)
    expect(capacity(plan, 10_000)).toBeGreaterThan(9990 * 5 * MiB)
    expect(capacity(plan, 10_000)).toBeLessThan(5 * TiB)
    expect(capacity(planParts(null, AWS, 10_000, 7), 10_000)).toBe(7)
  })
})

describe('where parts must be equal', () => {
  it('all are, of known length or not, and the number of parts is the limit', () => {
    expect(planParts(null, R2)).toEqual({ size: 16 * MiB, stride: 0, from: 0, at: 0 })
    expect(capacity(planParts(null, R2), 10_000)).toBe(10_000 * 16 * MiB)
    expect(planParts(5 * TiB, R2)).toMatchObject({ size: 552 * MiB, stride: 0 })
  })

  it('those of another server settle the size', () => {
    expect(planParts(null, R2, 3, 3 * 50e6)).toEqual({ size: 50e6, stride: 0, from: 3, at: 150e6 })
    expect(planParts(1e9, R2, 3, 3 * 50e6).size).toBe(50e6)
    expect(refusalOf(() => planParts(1e12, R2, 3, 3 * 50e6))).toMatch(/^max_size_exceeded/)
  })
})

describe('sizes of parts', () => {
  const grid = planParts(null, { ...AWS, maxObjectSize: 100 * GiB, maxParts: 1000 })
  const fixed = planParts(100 * MiB, AWS)

  it('lie on the grid if they are as planned', () => {
    const sizes = Array.from({ length: 500 }, (_, index) => sizeOfPart(grid, index + 1))
    expect(new Set(sizes).size).toBeGreaterThan(2)
    expect(liesOnGrid(grid, sizes, null)).toBe(true)
    expect(liesOnGrid(grid, [], null)).toBe(true)
    expect(liesOnGrid(grid, sizes.slice(1), null)).toBe(false)
  })

  it('lie on the grid with a shorter last one only if that ends the upload', () => {
    const sizes = [16 * MiB, 16 * MiB, 7]
    expect(liesOnGrid(fixed, sizes, 32 * MiB + 7)).toBe(true)
    expect(liesOnGrid(fixed, sizes, 32 * MiB + 8)).toBe(false)
    expect(liesOnGrid(fixed, sizes, null)).toBe(false)
    expect(liesOnGrid(fixed, [16 * MiB, 7, 16 * MiB], 32 * MiB + 7)).toBe(false)
    expect(liesOnGrid(fixed, [17 * MiB], 17 * MiB)).toBe(false)
    expect(liesOnGrid(fixed, [0], 0)).toBe(true)
  })

  it('lie on the grid if the first ones hold what was there when the plan was made', () => {
    const adopted = planParts(100 * MiB, AWS, 2, 13 * MiB)
    expect(liesOnGrid(adopted, [6 * MiB, 7 * MiB], 100 * MiB)).toBe(true)
    expect(liesOnGrid(adopted, [7 * MiB, 6 * MiB, 16 * MiB], 100 * MiB)).toBe(true)
    expect(liesOnGrid(adopted, [6 * MiB, 6 * MiB], 100 * MiB)).toBe(false)
    expect(liesOnGrid(adopted, [6 * MiB, 6 * MiB, 17 * MiB], 100 * MiB)).toBe(false)
    expect(liesOnGrid(adopted, [13 * MiB], 100 * MiB)).toBe(false)
  })
})

it.each([1, 2, 3, 4, 5, 6, 7, 8])('plans hold what they promise, whatever the limits (seed %d)', (seed) => {
  const random = seeded(seed)
  for (let round = 0; round < 250; round += 1) {
    const minPartSize = 1 + random(8 * MiB)
    const partSize = minPartSize + random(64 * MiB)
    const maxPartSize = partSize + (random(2) === 0 ? random(GiB) : 5 * GiB)
    const maxParts = 1 + random([10, 1000, 10_000][random(3)] ?? 1)
    const maxObjectSize = 1 + random(Math.min(5 * TiB, maxParts * maxPartSize))
    const limits = { minPartSize, partSize, maxPartSize, maxParts, maxObjectSize, equalParts: random(4) === 0 }
    const from = random(3) === 0 ? random(maxParts) : 0
    const at = from * minPartSize
    const length = random(2) === 0 ? null : random(maxObjectSize + 1)
    const told = JSON.stringify({ ...limits, from, length })
    let plan: RecordedParts
    try {
      plan = planParts(length, limits, from, at)
    } catch (error) {
      expect(error, told).toMatchObject({ code: 'max_size_exceeded' })
      const most = limits.equalParts && from > 0 ? minPartSize : maxPartSize
      expect(at + (maxParts - from) * most, told).toBeLessThan(length ?? 0)
      continue
    }
    const end = capacity(plan, maxParts)
    if (length !== null) expect(end, told).toBeGreaterThanOrEqual(length)
    else if (!limits.equalParts && from === 0) expect(end, told).toBeGreaterThanOrEqual(maxObjectSize)
    expect(Number.isSafeInteger(end), told).toBe(true)
    let start = at
    let before = 0
    for (let number = from + 1; number <= maxParts; number += 1) {
      const size = sizeOfPart(plan, number)
      const right = startOfPart(plan, number) === start && size >= minPartSize && size <= maxPartSize && size >= before
      if (!right) expect.unreachable(`part ${number} of ${told}`)
      start += size
      before = size
    }
    expect(start, told).toBe(end)
  }
})

describe.each([
  ['nothing', 0],
  ['500 short parts of another server', 500],
])('5 TiB behind %s, with 500 lost connections', (_, from) => {
  it.each([
    ['known', 5 * TiB],
    ['unknown', null],
  ])('fit if their length is %s: what ends within a part uses no number', (_, length) => {
    const random = seeded(from + 1)
    const cuts = Array.from({ length: 500 }, () => random(5 * TiB)).sort((a, b) => a - b)
    const plan = planParts(length, AWS, from, from * 5 * MiB)
    const parts: number[] = Array.from({ length: from }, () => 5 * MiB)
    let offset = plan.at
    for (const cut of [...cuts, 5 * TiB]) {
      // Each connection brings bytes up to the cut; only whole parts become parts, and what is behind them is the tail.
      for (let size = sizeOfPart(plan, parts.length + 1); offset + size <= cut; ) {
        expect(startOfPart(plan, parts.length + 1)).toBe(offset)
        parts.push(size)
        offset += size
        size = sizeOfPart(plan, parts.length + 1)
      }
    }
    if (offset < 5 * TiB) parts.push(5 * TiB - offset)
    expect(parts.length).toBeLessThanOrEqual(10_000 - SPARE)
    expect(liesOnGrid(plan, parts, 5 * TiB)).toBe(true)
  })
})
