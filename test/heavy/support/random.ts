import { createHash, randomBytes } from 'node:crypto'

/** Numbers that look random and are the same for the same seed. */
export interface Random {
  readonly seed: string
  /** In [0, 1). */
  next(): number
  /** A whole number, both ends included. */
  int(low: number, high: number): number
  chance(probability: number): boolean
  pick<T extends NonNullable<unknown>>(list: readonly T[]): T
  /** Another stream, the same for the same label, whatever was drawn from this one. */
  fork(label: string): Random
}

/** A generator (sfc32) that starts from a text. */
export function seeded(seed: string): Random {
  const start = createHash('sha256').update(seed).digest()
  let a = start.readInt32LE(0)
  let b = start.readInt32LE(4)
  let c = start.readInt32LE(8)
  let counter = 1
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return (sum >>> 0) / 2 ** 32
  }
  for (let round = 0; round < 12; round++) next()
  return {
    seed,
    next,
    int: (low, high) => low + Math.floor(next() * (high - low + 1)),
    chance: (probability) => next() < probability,
    pick(list) {
      const found = list[Math.floor(next() * list.length)]
      if (found === undefined) throw new Error('nothing to pick from')
      return found
    },
    fork: (label) => seeded(`${seed}/${label}`),
  }
}

/**
 * The stream of one suite. Its seed is new in every run and printed; TEST_SEED repeats one (what is drawn is then the
 * same; how processes and sockets interleave is up to the machine).
 */
export function suiteRandom(suite: string): Random {
  const { TEST_SEED: seed = randomBytes(6).toString('hex') } = process.env
  report(`${suite}: TEST_SEED=${seed}`)
  return seeded(`${seed}/${suite}`)
}

/** A line for whoever reads the run: figures are part of what these suites show. */
export function report(line: string): void {
  process.stdout.write(`  | ${line}\n`)
}
