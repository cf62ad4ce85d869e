import { content } from './content.ts'
import { proveByDownload } from './download.ts'
import { proveOnDisk } from './folder.ts'
import { type Joining, joinEarly, joinLate, planJoining } from './joining.ts'
import { type Entry, entry } from './ledger.ts'
import type { Random } from './random.ts'
import { begin, type Habits, remove, type Site, upload } from './uploader.ts'

/** What the clients of a crowd do. */
export interface CrowdPlan {
  readonly site: Site
  readonly random: Random
  readonly workers: number
  /** Lengths of uploads in bytes, least and most; small ones are more frequent. */
  readonly lengths: readonly [number, number]
  /** Compares files in this folder as soon as an upload is complete; null where another machine or moment does. */
  readonly folder: string | null
  /** How many finished uploads to keep; older ones are terminated. Default: all. */
  readonly keep?: number
  /** Asked before each upload. */
  done(): boolean
}

/** Clients that upload in every way there is, one after the other, until told to stop. */
export interface Crowd {
  /** Everything that was ever begun, in order. */
  readonly entries: readonly Entry[]
  /** Resolves when all workers have ended; rejects with the first broken promise. */
  readonly ended: Promise<void>
  /** What was uploaded how often. */
  tally(): Readonly<Record<string, number>>
}

type Way = 'single' | 'checked' | 'with content' | 'deferred' | 'joined late' | 'joined early' | 'removed'
const WAYS: readonly Way[] = [
  ...(['single', 'single', 'checked', 'checked', 'with content', 'with content'] as const),
  ...(['deferred', 'joined late', 'joined late', 'joined early', 'removed'] as const),
]

const PLAIN: Habits = { step: [1, 2 << 20], checked: 0.05, wrong: 0.2, withContent: 0.1, cut: 0.1 }

/** Starts the workers. */
export function crowd(plan: CrowdPlan): Crowd {
  const entries: Entry[] = []
  const finished: Entry[] = []
  const tally = new Map<string, number>()
  const { site, random } = plan

  function length(from: Random): number {
    const [least, most] = plan.lengths
    return Math.floor(least * (most / least) ** (from.next() ** 1.5))
  }

  function single(key: string, from: Random): Entry {
    const one = entry(key, content(`${random.seed}/${key}`), length(from))
    entries.push(one)
    return one
  }

  function several(key: string, from: Random): Joining {
    const count = from.int(2, 4)
    const lengths = Array.from({ length: count }, () => Math.ceil(length(from) / (from.chance(0.5) ? count : 1)))
    const joining = planJoining(`${random.seed}/${key}`, lengths)
    entries.push(...joining.parts, joining.whole)
    return joining
  }

  async function perform(way: Way, key: string, from: Random): Promise<readonly Entry[]> {
    const habits: Habits = { ...PLAIN, step: [1, from.pick([64 << 10, 512 << 10, 2 << 20, 16 << 20])] }
    if (way === 'joined late' || way === 'joined early') {
      const joining = several(key, from)
      await (way === 'joined late' ? joinLate : joinEarly)(site, joining, habits, from)
      return [joining.whole, ...joining.parts]
    }
    const one = single(key, from)
    if (way === 'single') await upload(site, one, habits, from)
    if (way === 'checked') await upload(site, one, { ...habits, checked: 1, withContent: 0.3 }, from)
    if (way === 'with content') await upload(site, one, { ...habits, withContent: 1 }, from)
    if (way === 'deferred') await upload(site, one, { ...habits, deferred: true, withContent: 0.3 }, from)
    if (way === 'removed') {
      await (from.chance(0.5) ? begin : upload)(site, one, habits, from)
      await remove(site, one)
    }
    return one.removed ? [] : [one]
  }

  async function work(worker: number): Promise<void> {
    for (let turn = 0; !plan.done(); turn++) {
      const key = `${worker}-${turn}`
      const from = random.fork(key)
      const way = from.pick(WAYS)
      for (const one of await perform(way, key, from)) {
        finished.push(one)
        await proveByDownload(site, one)
        if (plan.folder !== null) await proveOnDisk(plan.folder, one)
      }
      for (const one of finished.splice(0, finished.length - (plan.keep ?? finished.length))) await remove(site, one)
      tally.set(way, (tally.get(way) ?? 0) + 1)
    }
  }

  const workers = Array.from({ length: plan.workers }, (_, worker) => work(worker))
  return {
    entries,
    ended: Promise.all(workers).then(() => undefined),
    tally: () => Object.fromEntries(tally),
  }
}
