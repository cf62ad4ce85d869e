import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { content } from './support/content.ts'
import { proveByDownload } from './support/download.ts'
import { proveOnDisk, temporaryFolder } from './support/folder.ts'
import { type Entry, entry } from './support/ledger.ts'
import { type Lives, lives } from './support/lives.ts'
import { type Random, report, suiteRandom } from './support/random.ts'
import { rounds } from './support/rounds.ts'
import { sendThrice, stallAndWake } from './support/stall.ts'
import { type Traffic, traffic } from './support/traffic.ts'
import { begin, type Habits, look, type Site, step } from './support/uploader.ts'

const UPLOADS = rounds(250, 500)
const WORKERS = 12
/** A quick machine is done before so much has happened to it: then it goes on. */
const MISFORTUNES = 6
const LENGTHS = [1, 700 << 10] as const

/** A takeover asks the other process to let go and waits for that; a kill or a freeze in between is waited for as well. */
const TAKEOVER_MEDIAN = 1000

const HABITS: Habits = { step: [1, 256 << 10], checked: 0.15, wrong: 0.1, withContent: 0.3, cut: 0.15 }

test(`${UPLOADS} uploads hop between two processes on one folder, with stalls, kills and freezes, and are equal`, async () => {
  const folder = await temporaryFolder()
  const random = suiteRandom('two processes')
  const clients = traffic(random.fork('traffic'))
  const both = [
    lives({ directory: folder, locker: 'file' }, clients),
    lives({ directory: folder, locker: 'file' }, clients),
  ]
  for (const life of both) clients.up((await life.begin()).origin)
  const takeovers: number[] = []
  const entries: Entry[] = []
  let misfortunes = 0

  async function work(): Promise<void> {
    while (entries.length < UPLOADS || misfortunes < MISFORTUNES) {
      const key = `${random.seed}/${entries.length}`
      const own = random.fork(key)
      const one = entry(key, content(key), own.int(...LENGTHS))
      entries.push(one)
      await hop(clients, elsewhere(clients, both), one, own, takeovers)
      await proveByDownload(clients, one)
      await proveOnDisk(folder, one)
    }
  }

  const over = new AbortController()
  const working = Promise.all(Array.from({ length: WORKERS }, work)).finally(() => over.abort())
  const disturbing = disturb(both, clients, random.fork('disturb'), over.signal, () => misfortunes++)
  await Promise.all([working, disturbing])

  for (const one of entries) await proveOnDisk(folder, one)
  const sorted = takeovers.sort((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  report(`${entries.length} uploads, ${clients.count()} requests, ${misfortunes} kills and freezes`)
  report(`${sorted.length} takeovers: median ${median.toFixed()} ms, longest ${sorted.at(-1)?.toFixed()} ms`)
  expect(entries.length).toBeGreaterThanOrEqual(UPLOADS)
  expect(misfortunes).toBeGreaterThan(5)
  expect(sorted.length).toBeGreaterThan(UPLOADS / 5)
  expect(median).toBeLessThan(TAKEOVER_MEDIAN)
})

/** Requests of all kinds for one upload, each to a process at random. */
async function hop(
  site: Site,
  other: (origin: string) => Site,
  one: Entry,
  random: Random,
  takeovers: number[],
): Promise<void> {
  await begin(site, one, HABITS, random)
  while (!one.complete) {
    const draw = random.next()
    if (draw < 0.55) await step(site, one, HABITS, random)
    else if (draw < 0.65) await look(site, one)
    else if (draw < 0.8) await sendThrice(site, one, random)
    else {
      const took = await stallAndWake(site, other, one, random)
      if (took !== null) takeovers.push(took)
    }
  }
}

/** The way to the process that is not `origin`; if that one is down, to any. */
function elsewhere(clients: Traffic, both: readonly Lives[]): (origin: string) => Site {
  return (origin) => ({
    track: clients.track,
    async origin() {
      const other = both.map((life) => life.current()).find((server) => server.origin !== origin && server.running())
      return other?.origin ?? clients.origin()
    },
  })
}

/** Kills or freezes one of them now and then, and tells each time. */
async function disturb(
  both: readonly Lives[],
  clients: Traffic,
  random: Random,
  over: AbortSignal,
  struck: () => void,
): Promise<void> {
  while (!over.aborted) {
    await setTimeout(random.int(100, 1200), undefined, { signal: over }).catch(() => undefined)
    if (over.aborted) break
    const life = random.pick(both)
    if (random.chance(0.7)) {
      await life.kill()
      clients.up((await life.begin()).origin)
    } else {
      life.current().signal('SIGSTOP')
      await setTimeout(random.int(50, 1500))
      life.current().signal('SIGCONT')
    }
    struck()
  }
}
