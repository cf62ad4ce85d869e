import { expect, onTestFinished, test, vi } from 'vitest'
import { type Random, report, suiteRandom } from '../../heavy/support/random.ts'
import { inTurns } from '../../heavy/support/turns.ts'
import type { Call } from '../support/fault-proxy.ts'
import { hostBucket } from './support/bucket.ts'
import { type Mischief, mischief } from './support/mischief.ts'
import { type Done, schedule, type World } from './support/schedule.ts'
import { type Site, startSite } from './support/site.ts'

const MIB = 1 << 20
/** TEST_SCHEDULES=2000 is what a release is held to; this many fit into what every change is held to. */
const SCHEDULES = Number(process.env['TEST_SCHEDULES'] ?? 100)
const AT_ONCE = 16
/** How many calls of a schedule are shown when it fails. */
const LAST_CALLS = 60

const bucket = hostBucket()

test(`${SCHEDULES} uploads through faults by seed end equal, complete only with their object, and leave nothing behind`, {
  timeout: 600_000 + SCHEDULES * 5_000,
}, async () => {
  const random = suiteRandom('schedules')
  const prefix = 'all/'
  // Less memory than the uploads at once would take: tails are put away under pressure, too.
  const site = await startSite({ bucket, prefix, servers: 2, store: { maxBufferedBytes: 24 * MIB } })
  onTestFinished(() => site.close())
  const world: World = { site, bucket, prefix }
  const harms = new Map<string, Mischief>()
  site.proxy.rule((call) => harms.get(/^all\/(s\d+)-/.exec(call.key)?.[1] ?? '')?.rule(call) ?? null)
  const started = performance.now()
  const done: Done[] = []
  await inTurns(
    Array.from({ length: SCHEDULES }, (_, index) => `s${index}`),
    async (name) => {
      const own = random.fork(name)
      const harm = mischief(own.fork('harm'), own.pick([0, 0.05, 0.15, 0.3]), own.int(1, 25))
      harms.set(name, harm)
      done.push(await schedule(world, name, own, harm).catch((error: unknown) => explain(name, random, site, error)))
    },
    AT_ONCE,
  )
  reportRun(done, [...harms.values()], site.proxy.calls().length, performance.now() - started)
  await vi.waitFor(() => expect(site.usage()).toEqual({ buffered: 0, parts: 0 }), 30_000)
  expect(site.uploads.map(({ engine }) => engine.buffered())).toEqual([0, 0])
  expect(site.crashes()).toEqual([])
})

function explain(name: string, random: Random, site: Site, error: unknown): never {
  for (const crash of site.crashes().slice(0, 1)) report(crash)
  for (const call of site.proxy
    .calls()
    .filter(({ key }) => key.includes(`/${name}-`))
    .slice(-LAST_CALLS))
    report(described(call))
  throw new Error(`schedule ${name} of ${random.seed}: ${error instanceof Error ? error.message : error}`, {
    cause: error,
  })
}

function described({ number, operation, key, part, bytes, status, fault }: Call): string {
  const what = fault === null ? '' : JSON.stringify(fault)
  return `${number} ${operation} ${key} ${part ?? ''} sent ${bytes} answered ${status} ${what}`
}

function reportRun(done: readonly Done[], harms: readonly Mischief[], calls: number, milliseconds: number): void {
  const ways = new Map<string, number>()
  for (const { way } of done) ways.set(way, (ways.get(way) ?? 0) + 1)
  const faults = new Map<string, number>()
  for (const { tally } of harms) for (const [what, count] of tally) faults.set(what, (faults.get(what) ?? 0) + count)
  const bytes = done.reduce((sum, one) => sum + one.bytes, 0)
  const tidied = done.reduce((sum, one) => sum + one.tidied, 0)
  report(
    `${done.length} schedules in ${Math.round(milliseconds / 1000)} s, ${Math.round(bytes / MIB)} MiB: ${text(ways)}`,
  )
  report(`${calls} calls, faults: ${text(faults)}`)
  report(`orphans of lost creations that tidy removed: ${tidied}`)
}

function text(counts: ReadonlyMap<string, number>): string {
  return JSON.stringify(Object.fromEntries([...counts].sort()))
}
