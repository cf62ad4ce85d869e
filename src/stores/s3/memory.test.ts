import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Claimant, createMemory, type Memory, SLAB } from './memory.ts'

const MiB = 1024 ** 2

// Time is the test's: seconds of waiting pass in none. Microtasks stay as they are.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  expect(vi.getTimerCount(), 'timers that are left').toBe(0)
  vi.useRealTimers()
})

/** One append that fills each slab it gets. What it spills or sends is stored when the test says so. */
interface Append extends Claimant {
  gathered: number
  fedAt: number
  readonly spills: number
  /** Its client brings a slab of bytes. */
  fill(): Promise<void>
  /** What was sent is stored. */
  stored(): void
  leave(): void
}

function append(memory: Memory): Append {
  const held: Buffer[] = []
  const flying: Buffer[] = []
  const self = {
    gathered: 0,
    fedAt: performance.now(),
    spills: 0,
    spill() {
      self.spills += 1
      flying.push(...held.splice(0))
      memory.sending(self.gathered)
      self.gathered = 0
    },
    async fill() {
      self.fedAt = performance.now()
      held.push(await memory.take(self))
      self.gathered += SLAB
    },
    stored() {
      memory.sending(-flying.length * SLAB)
      memory.give(flying.splice(0))
    },
    leave() {
      self.stored()
      memory.give(held.splice(0))
      memory.leave(self)
    },
  }
  memory.enter(self)
  return self
}

async function filled(memory: Memory, slabs: number): Promise<Append> {
  const full = append(memory)
  for (let count = 0; count < slabs; count += 1) await full.fill()
  return full
}

/** Lets everything happen that needs no time. */
async function settled(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0)
}

describe('memory', () => {
  it('gives a slab at once as long as one is free, and counts it', () => {
    const memory = createMemory(2 * SLAB)
    const one = append(memory)
    const slab = memory.take(one)
    if (!Buffer.isBuffer(slab)) return expect.unreachable('a free slab was promised')
    expect(slab.length).toBe(SLAB)
    expect(memory.used).toBe(SLAB)
    memory.give([slab])
    expect(memory.used).toBe(0)
    expect(memory.take(one) === slab).toBe(true)
  })

  it('does not take the same slab back twice', () => {
    const memory = createMemory(4 * SLAB)
    const one = append(memory)
    const slab = memory.take(one)
    if (!Buffer.isBuffer(slab)) return expect.unreachable('a free slab was promised')
    expect(() => memory.give([slab, slab])).toThrow('not handed out')
    expect(memory.used).toBe(0)
    expect(new Set([memory.take(one), memory.take(one)]).size).toBe(2)
  })

  it('gives what comes back to who has gathered most', async () => {
    const memory = createMemory(6 * SLAB)
    const sender = await filled(memory, 3)
    const little = await filled(memory, 1)
    const much = await filled(memory, 2)
    sender.spill()
    const order: string[] = []
    const first = little.fill().then(() => order.push('little'))
    const second = much.fill().then(() => order.push('much'))
    sender.stored()
    await Promise.all([first, second])
    expect(order).toEqual(['much', 'little'])
  })

  it('gives what comes back to who has waited for more than a second before all others', async () => {
    const memory = createMemory(6 * SLAB)
    const sender = await filled(memory, 3)
    const little = await filled(memory, 1)
    const much = await filled(memory, 2)
    sender.spill()
    const order: string[] = []
    const first = little.fill().then(() => order.push('little'))
    // Its client goes on bringing bytes, so that it is nobody to be asked to spill.
    for (let time = 0; time < 1100; time += 100) {
      await vi.advanceTimersByTimeAsync(100)
      little.fedAt = performance.now()
      much.fedAt = performance.now()
    }
    const second = much.fill().then(() => order.push('much'))
    sender.stored()
    await Promise.all([first, second])
    expect(order).toEqual(['little', 'much'])
  })

  it('rejects the take of an append that leaves, and nobody needs to look', async () => {
    const memory = createMemory(2 * SLAB)
    const sender = await filled(memory, 2)
    sender.spill()
    const gone = append(memory)
    const take = memory.take(gone)
    const unseen = memory.take(gone)
    gone.leave()
    await expect(take).rejects.toThrow('is over')
    sender.stored()
    expect(memory.used).toBe(0)
    await expect(unseen).rejects.toThrow()
  })
})

describe('when somebody waits and nothing is on its way', () => {
  it('the idle append that has gathered most puts it away, and only that', async () => {
    const memory = createMemory(8 * SLAB)
    const small = await filled(memory, 1)
    const large = await filled(memory, 3)
    await vi.advanceTimersByTimeAsync(1500)
    const busy = await filled(memory, 4)
    const next = append(memory)
    const fill = next.fill()
    await settled()
    expect([small.spills, large.spills, busy.spills]).toEqual([0, 1, 0])
    large.stored()
    await fill
    expect(next.gathered).toBe(SLAB)
    expect(memory.used).toBe(6 * SLAB)
  })

  it('the busy append that has gathered least puts it away if none is idle', async () => {
    const memory = createMemory(8 * SLAB)
    const some = await filled(memory, 3)
    const least = await filled(memory, 2)
    const most = await filled(memory, 3)
    const fill = most.fill()
    await settled()
    expect([some.spills, least.spills, most.spills]).toEqual([0, 1, 0])
    least.stored()
    await fill
  })

  it('the append that waits puts away its own if it has all of the memory', async () => {
    const memory = createMemory(8 * SLAB)
    const alone = await filled(memory, 8)
    const fill = alone.fill()
    await settled()
    expect(alone.spills).toBe(1)
    alone.stored()
    await fill
    expect(memory.used).toBe(SLAB)
  })

  it('nobody is asked from within a call, whatever order it gives back and reports in', async () => {
    const memory = createMemory(4 * SLAB)
    const sender = await filled(memory, 2)
    const other = await filled(memory, 2)
    sender.spill()
    const fill = other.fill()
    await settled()
    sender.stored()
    expect(other.spills).toBe(0)
    await fill
    expect(other.spills).toBe(0)
  })

  it('the next one is asked if the one before broke its word', async () => {
    const memory = createMemory(4 * SLAB)
    const liar = await filled(memory, 1)
    liar.spill = () => {}
    const honest = await filled(memory, 3)
    const fill = append(memory).fill()
    await settled()
    expect(honest.spills).toBe(1)
    honest.stored()
    await fill
  })

  it('who gathers without telling is found all the same', async () => {
    const memory = createMemory(2 * SLAB)
    const quiet = await filled(memory, 2)
    quiet.gathered = 0
    const fill = append(memory).fill()
    await settled()
    quiet.gathered = 2 * SLAB
    await vi.advanceTimersByTimeAsync(600)
    expect(quiet.spills).toBe(1)
    quiet.stored()
    await fill
  })
})

describe('when somebody waits and something is on its way', () => {
  it('nobody is asked for half a second, then idle ones are, one at a time and the largest first', async () => {
    const memory = createMemory(8 * SLAB)
    const small = await filled(memory, 1)
    const large = await filled(memory, 3)
    await vi.advanceTimersByTimeAsync(1500)
    const sender = await filled(memory, 4)
    sender.spill()
    const fill = append(memory).fill()
    await vi.advanceTimersByTimeAsync(490)
    expect([small.spills, large.spills]).toEqual([0, 0])
    await vi.advanceTimersByTimeAsync(20)
    expect([small.spills, large.spills]).toEqual([0, 1])
    await vi.advanceTimersByTimeAsync(100)
    expect([small.spills, large.spills]).toEqual([1, 1])
    large.stored()
    await fill
  })

  it('those that wait are left alone as well, though nothing comes from their clients', async () => {
    const memory = createMemory(4 * SLAB)
    const sender = await filled(memory, 2)
    sender.spill()
    const [one, other] = [await filled(memory, 1), await filled(memory, 1)]
    const fills = [one.fill(), other.fill()]
    await vi.advanceTimersByTimeAsync(5000)
    expect([one.spills, other.spills]).toEqual([0, 0])
    sender.stored()
    await Promise.all(fills)
  })

  it('busy ones are left alone', async () => {
    const memory = createMemory(4 * SLAB)
    const sender = await filled(memory, 2)
    sender.spill()
    const busy = await filled(memory, 2)
    const fill = append(memory).fill()
    for (let time = 0; time < 5000; time += 100) {
      await vi.advanceTimersByTimeAsync(100)
      busy.fedAt = performance.now()
    }
    expect(busy.spills).toBe(0)
    sender.stored()
    await fill
  })
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

function passes(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** An upload from its first byte to its last, or until its client is gone: fast, slow, or with pauses of many seconds. */
async function upload(memory: Memory, limit: number, random: (below: number) => number): Promise<void> {
  // In slabs; the largest part is larger than all memory.
  const part = [4, 20, 36][random(3)] ?? 4
  const pace = [2, 50, 1500][random(3)] ?? 2
  const slabs = 1 + random(40)
  const dies = random(4) === 0 ? random(slabs) : Number.POSITIVE_INFINITY
  const flights = new Set<Promise<void>>()
  let held: Buffer[] = []
  const send = async () => {
    const flying = held
    held = []
    memory.sending(flying.length * SLAB)
    await passes(random(10) === 0 ? 5000 : random(300))
    const first = random(2) === 0
    if (first) memory.give(flying)
    memory.sending(-flying.length * SLAB)
    if (!first) memory.give(flying)
  }
  const claimant = {
    get gathered() {
      return held.length * SLAB
    },
    fedAt: performance.now(),
    spill() {
      expect(held.length, 'slabs to spill').toBeGreaterThan(0)
      const flight = send().then(() => {
        flights.delete(flight)
      })
      flights.add(flight)
    },
  }
  memory.enter(claimant)
  for (let count = 0; count < slabs; count += 1) {
    await passes(random(20) === 0 ? 10 * pace : random(pace))
    claimant.fedAt = performance.now()
    const slab = memory.take(claimant)
    expect(memory.used).toBeLessThanOrEqual(limit)
    if (count >= dies && !Buffer.isBuffer(slab)) {
      // Answered before it has left, or rejected then.
      slab.then(
        (late) => memory.give([late]),
        () => {},
      )
      break
    }
    const mine = await slab
    held.push(mine)
    if (held.length >= part) claimant.spill()
  }
  if (dies < slabs) memory.give(held.splice(0))
  else if (held.length > 0) claimant.spill()
  await Promise.all(flights)
  memory.leave(claimant)
}

it.each([
  [1, 1],
  [2, 10],
  [3, 100],
  [4, 300],
])(
  'everybody gets memory in the end and gives it back (seed %d, %d uploads, 8 MiB)',
  { timeout: 120_000 },
  async (seed, count) => {
    const limit = 8 * MiB
    const memory = createMemory(limit)
    const random = seeded(seed)
    let done = 0
    const uploads = Array.from({ length: count }, async () => {
      await passes(random(2000))
      await upload(memory, limit, random)
      done += 1
    })
    const all = Promise.all(uploads)
    for (let minute = 0; minute < 120 && done < count; minute += 1) await vi.advanceTimersByTimeAsync(60_000)
    expect(done).toBe(count)
    await all
    expect(memory.used).toBe(0)
  },
)
