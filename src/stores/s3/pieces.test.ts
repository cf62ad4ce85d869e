import { describe, expect, it } from 'vitest'
import { type Joint, type JointLimits, planJoints } from './pieces.ts'

const MiB = 1024 ** 2
const GiB = 1024 * MiB

/** As AWS has it. */
const AWS: JointLimits = {
  minPartSize: 5 * MiB,
  maxPartSize: 5 * GiB,
  maxParts: 10_000,
  equalParts: false,
  canCopy: true,
  partSize: 16 * MiB,
}

/** `copy 0:0-10` or `stream 0:5-10 1:0-3`. */
function told(joints: readonly Joint[]): string[] {
  return joints.map(({ kind, ranges }) =>
    [kind, ...ranges.map(({ piece, start, end }) => `${piece}:${start}-${end}`)].join(' '),
  )
}

function bytesOf(joints: readonly Joint[], kind: Joint['kind']): number {
  return joints.filter((joint) => joint.kind === kind).reduce((sum, { size }) => sum + size, 0)
}

/** What is wrong with a plan; empty if nothing is. */
function faultsOf(joints: readonly Joint[], sizes: readonly number[], limits: JointLimits): string[] {
  const faults: string[] = []
  const ends = sizes.map(() => 0)
  let piece = 0
  for (const [index, joint] of joints.entries()) {
    const isLast = index === joints.length - 1
    if (joint.size > limits.maxPartSize) faults.push(`joint ${index} is too large`)
    if (joint.size < limits.minPartSize && !isLast) faults.push(`joint ${index} is too small`)
    if (limits.equalParts && !isLast && joint.size !== joints[0]?.size) faults.push(`joint ${index} is not equal`)
    for (const range of joint.ranges) {
      if (range.piece < piece || range.start !== ends[range.piece] || range.end <= range.start)
        faults.push(`joint ${index} is out of order`)
      piece = range.piece
      ends[piece] = range.end
    }
    if (joint.size !== joint.ranges.reduce((sum, { start, end }) => sum + end - start, 0))
      faults.push(`joint ${index} has another size than its ranges`)
    if (joint.kind === 'copy') {
      const [range] = joint.ranges
      const size = sizes[range?.piece ?? -1] ?? 0
      if (joint.ranges.length !== 1 || !limits.canCopy) faults.push(`joint ${index} cannot be copied`)
      if (joint.size < size && size <= limits.minPartSize) faults.push(`joint ${index} is a range of a small piece`)
    }
  }
  if (ends.some((end, index) => end !== sizes[index])) faults.push('not all bytes are there')
  if (joints.length > limits.maxParts) faults.push('too many joints')
  return faults
}

describe('pieces', () => {
  it('that are large are copied as they are', () => {
    const joints = planJoints(Array(4).fill(256 * MiB), AWS)
    expect(told(joints)).toEqual([0, 1, 2, 3].map((piece) => `copy ${piece}:0-${256 * MiB}`))
  })

  it('that are very large are copied in even ranges of a gibibyte at most', () => {
    const joints = planJoints([2 * GiB + 2], AWS)
    expect(joints.map(({ kind }) => kind)).toEqual(['copy', 'copy', 'copy'])
    expect(faultsOf(joints, [2 * GiB + 2], AWS)).toEqual([])
    expect(Math.max(...joints.map(({ size }) => size)) - Math.min(...joints.map(({ size }) => size))).toBe(1)
  })

  it('of which there is one are copied, however small', () => {
    expect(told(planJoints([1], AWS))).toEqual(['copy 0:0-1'])
    expect(told(planJoints([0, 7 * MiB, 0], AWS))).toEqual([`copy 1:0-${7 * MiB}`])
  })

  it('that are empty have no joint', () => {
    expect(planJoints([], AWS)).toEqual([])
    expect(planJoints([0, 0, 0], AWS)).toEqual([])
    expect(planJoints([0], { ...AWS, equalParts: true })).toEqual([])
  })

  it('that are small go through this process together', () => {
    const sizes = Array(10_000).fill(MiB)
    const joints = planJoints(sizes, AWS)
    expect(joints.length).toBe(626)
    expect(joints.slice(0, 624).every(({ kind, ranges }) => kind === 'stream' && ranges.length === 16)).toBe(true)
    // The last part may be small.
    expect(told(joints.slice(625))).toEqual([`copy 9999:0-${MiB}`])
    expect(faultsOf(joints, sizes, AWS)).toEqual([])
  })

  it('that are small take from the next large one what the minimum lacks', () => {
    expect(told(planJoints([2 * MiB, 100 * MiB, 6 * MiB], AWS))).toEqual([
      `stream 0:0-${2 * MiB} 1:0-${3 * MiB}`,
      `copy 1:${3 * MiB}-${100 * MiB}`,
      `copy 2:0-${6 * MiB}`,
    ])
  })

  it('that are small take from the large one before if the next would become too small', () => {
    expect(told(planJoints([100 * MiB, 2 * MiB, 6 * MiB, 6 * MiB], AWS))).toEqual([
      `copy 0:0-${97 * MiB}`,
      `stream 0:${97 * MiB}-${100 * MiB} 1:0-${2 * MiB}`,
      `copy 2:0-${6 * MiB}`,
      `copy 3:0-${6 * MiB}`,
    ])
  })

  it('that are small are joined with all of the next if neither neighbour has enough', () => {
    expect(told(planJoints([6 * MiB, 2 * MiB, 6 * MiB, 6 * MiB], AWS))).toEqual([
      `copy 0:0-${6 * MiB}`,
      `stream 1:0-${2 * MiB} 2:0-${6 * MiB}`,
      `copy 3:0-${6 * MiB}`,
    ])
  })

  it('that are small and last are as short as they are', () => {
    expect(told(planJoints([6 * MiB, 1], AWS))).toEqual([`copy 0:0-${6 * MiB}`, 'copy 1:0-1'])
    expect(told(planJoints([6 * MiB, 1, 0, 2], AWS))).toEqual([`copy 0:0-${6 * MiB}`, 'stream 1:0-1 3:0-2'])
    expect(told(planJoints([1, 5 * MiB + 1], AWS))).toEqual([
      `stream 0:0-1 1:0-${5 * MiB - 1}`,
      `copy 1:${5 * MiB - 1}-${5 * MiB + 1}`,
    ])
  })

  it('that are too many are joined where that costs the fewest bytes', () => {
    const sizes = [...Array(9_998).fill(8 * MiB), 6 * MiB, 6 * MiB, 5 * GiB]
    const joints = planJoints(sizes, AWS)
    expect(joints.length).toBe(10_000)
    expect(faultsOf(joints, sizes, AWS)).toEqual([])
    // The five ranges of the largest become larger ones, which costs nothing.
    expect(bytesOf(joints, 'stream')).toBe(12 * MiB)
  })

  it('that are too many by far are joined all the same', () => {
    const sizes = Array(50_000).fill(6 * MiB)
    const joints = planJoints(sizes, AWS)
    expect(joints.length).toBe(10_000)
    expect(faultsOf(joints, sizes, AWS)).toEqual([])
  })

  it('that are larger together than an object may be are refused', () => {
    expect(() => planJoints([50 * GiB + 1], { ...AWS, maxParts: 10 })).toThrow(
      expect.objectContaining({ code: 'max_size_exceeded' }),
    )
    expect(planJoints([50 * GiB], { ...AWS, maxParts: 10 }).length).toBe(10)
  })
})

describe('where parts must be equal', () => {
  const R2 = { ...AWS, equalParts: true }

  it('a copy is what lies within one piece, and the rest is streamed', () => {
    expect(told(planJoints([40 * MiB, 10 * MiB], R2))).toEqual([
      `copy 0:0-${16 * MiB}`,
      `copy 0:${16 * MiB}-${32 * MiB}`,
      `stream 0:${32 * MiB}-${40 * MiB} 1:0-${8 * MiB}`,
      `copy 1:${8 * MiB}-${10 * MiB}`,
    ])
  })

  it('they are larger if there are too many', () => {
    const sizes = [400 * GiB]
    const joints = planJoints(sizes, R2)
    expect(joints[0]?.size).toBe(41 * MiB)
    expect(faultsOf(joints, sizes, R2)).toEqual([])
  })
})

it('where nothing can be copied all is streamed in parts of the wanted size', () => {
  const limits = { ...AWS, canCopy: false }
  expect(told(planJoints([20 * MiB, MiB], limits))).toEqual([
    `stream 0:0-${16 * MiB}`,
    `stream 0:${16 * MiB}-${20 * MiB} 1:0-${MiB}`,
  ])
})

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

it.each([1, 2, 3, 4, 5, 6, 7, 8])('joints cover all bytes in order and keep to the limits (seed %d)', (seed) => {
  const random = seeded(seed)
  for (let round = 0; round < 1000; round += 1) {
    const minPartSize = 1 + random(20)
    const maxPartSize = minPartSize + random(random(2) === 0 ? 50 : 5000)
    const limits = {
      minPartSize,
      maxPartSize,
      maxParts: 1 + random(random(2) === 0 ? 20 : 1000),
      equalParts: random(5) === 0,
      canCopy: random(5) !== 0,
      partSize: minPartSize + random(maxPartSize - minPartSize + 1),
    }
    const sizes = Array.from({ length: random(60) }, () =>
      random([2, minPartSize + 2, 4 * minPartSize, 3000][random(4)] ?? 2),
    )
    const total = sizes.reduce((sum, size) => sum + size, 0)
    const input = JSON.stringify({ sizes, ...limits })
    if (total > limits.maxParts * maxPartSize) {
      expect(() => planJoints(sizes, limits), input).toThrow('larger than this server accepts')
      continue
    }
    const joints = planJoints(sizes, limits)
    expect(faultsOf(joints, sizes, limits), input).toEqual([])
    // A small piece costs no more than itself, what its part lacks, and a neighbour that would become too small.
    if (limits.canCopy && !limits.equalParts && maxPartSize >= 2 * minPartSize) {
      const small = sizes.filter((size) => size > 0 && size <= minPartSize)
      const most = small.length * 3 * minPartSize
      const free = planJoints(sizes, { ...limits, maxParts: 10_000 })
      expect(bytesOf(free, 'stream'), input).toBeLessThanOrEqual(most)
    }
  }
})
