import { setTimeout } from 'node:timers/promises'
import type { Random } from '../../../heavy/support/random.ts'
import type { Call, Rule } from '../../support/fault-proxy.ts'
import {
  cutAfter,
  drop,
  errorInSuccess,
  type Fault,
  forbidden,
  halfAnswer,
  internalError,
  late,
  lostAnswer,
  reset,
  silence,
  slowDown,
} from '../../support/faults.ts'

/** Faults for the calls of one upload, by seed. */
export interface Mischief {
  readonly rule: Rule
  /** From now on everything goes well. */
  stop(): void
  /** Resolves when no call can land late any more. */
  settled(): Promise<void>
  /** What was done, by name. */
  readonly tally: ReadonlyMap<string, number>
}

/** Longest that a call is late or delayed, in milliseconds. */
const LATEST = 2500
/** A fault that lasts hits this many calls of its kind at most: more than a store tries. */
const LONGEST = 7

type Maker = (call: Call, random: Random) => Fault | null

const FAULTS: readonly (readonly [name: string, weight: number, make: Maker])[] = [
  ['500', 20, (_, random) => ({ ...internalError, early: random.chance(0.3) })],
  ['503 SlowDown', 14, (_, random) => ({ ...slowDown, early: random.chance(0.3) })],
  ['403', 3, () => forbidden],
  ['reset', 12, () => reset],
  ['cut in the body', 10, ({ length }, random) => (length ? cutAfter(random.int(1, length)) : reset)],
  ['lost answer', 16, () => lostAnswer],
  ['half answer', 8, () => halfAnswer],
  ['drop', 1, () => drop],
  ['silence', 1, () => silence],
  ['delay', 8, (_, random) => ({ do: 'forward', before: pause(random) })],
  ['delayed answer', 8, (_, random) => ({ do: 'forward', after: pause(random) })],
  ['late part', 8, ({ operation }, random) => (operation === 'UploadPart' ? late(pause(random)) : null)],
  ['error in 200', 8, ({ operation }) => (operation === 'CompleteMultipartUpload' ? errorInSuccess : null)],
]

/**
 * @param chance of a fault, for each call
 * @param budget faults after which it ends
 */
export function mischief(random: Random, chance: number, budget: number): Mischief {
  const lasting = new Map<string, { readonly name: string; readonly make: Maker; left: number }>()
  const tally = new Map<string, number>()
  const lates: Promise<void>[] = []
  let left = budget
  let stopped = false

  function rule(call: Call): Fault | null {
    if (stopped || left <= 0) return null
    const what = `${call.operation} ${call.key} ${call.part}`
    const before = lasting.get(what)
    if (before && --before.left <= 0) lasting.delete(what)
    if (!before && !random.chance(chance)) return null
    const [name, , make] = before ? [before.name, 0, before.make] : weighted(random)
    const fault = make(call, random)
    if (fault === null) return null
    const waits = fault.do === 'drop' || (fault.do === 'forward' && fault.answer === 'never')
    if (!before && !waits && random.chance(0.15)) lasting.set(what, { name, make, left: random.int(1, LONGEST) })
    left--
    tally.set(name, (tally.get(name) ?? 0) + 1)
    if (fault.do === 'forward' && fault.late) lates.push(call.ended)
    return fault
  }

  return {
    rule,
    stop: () => {
      stopped = true
    },
    settled: async () => {
      await Promise.all(lates)
    },
    tally,
  }
}

function weighted(random: Random): (typeof FAULTS)[number] {
  let draw = random.next() * FAULTS.reduce((sum, [, weight]) => sum + weight, 0)
  for (const one of FAULTS) {
    draw -= one[1]
    if (draw < 0) return one
  }
  throw new Error('nothing weighs anything')
}

/** Most are short. */
function pause(random: Random): Promise<unknown> {
  return setTimeout(Math.floor(LATEST * random.next() ** 4), undefined, { ref: false })
}
