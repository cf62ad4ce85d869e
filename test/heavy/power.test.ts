import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { firstDifference } from './support/content.ts'
import { type Crowd, crowd } from './support/crowd.ts'
import { proveByDownload } from './support/download.ts'
import { temporaryFolder } from './support/folder.ts'
import { type Disk, makeDisk, mountDisk } from './support/image.ts'
import { randomInstant } from './support/instant.ts'
import { type Entry, entry } from './support/ledger.ts'
import { lives } from './support/lives.ts'
import { type Random, report, suiteRandom } from './support/random.ts'
import { rounds } from './support/rounds.ts'
import { type Server, startServer } from './support/server.ts'
import { siteOf, traffic } from './support/traffic.ts'
import { inTurns } from './support/turns.ts'
import { ask, lengthOf, offsetOf } from './support/tus.ts'
import { look, type Site, upload } from './support/uploader.ts'

const MEGABYTES = 128
const WORKERS = 6
const KEEP = 60
const LENGTHS = [2 << 10, 600 << 10] as const

type Durability = 'none' | 'finish' | 'always'

test.each([
  { durability: 'always', cuts: rounds(8, 25) },
  { durability: 'finish', cuts: rounds(8, 25) },
] as const)('durability $durability keeps its promise when power fails ($cuts times)', async ({ durability, cuts }) => {
  const found = await cutPower(durability, cuts)
  expect(found.broken).toEqual([])
  expect(lackOf(found, cuts), 'too little was found to mean something').toBe(false)
})

test('a power failure without syncing (durability none) loses uploads, so this harness would see a loss', async () => {
  const found = await cutPower('none', 8)
  expect(found.completeLost).toBeGreaterThan(0)
})

/** What copies of a disk, taken at random instants, were found to hold. */
interface Findings {
  /** Complete uploads looked at, and how many of them were not there, not complete, or not equal. */
  complete: number
  completeLost: number
  /** Unfinished ones: looked at; not there; below what was acknowledged; with bytes that nobody sent. */
  unfinished: number
  absent: number
  below: number
  wrong: number
  resumed: number
  /** Promises that were broken, in words. */
  readonly broken: string[]
}

function lackOf(found: Findings, cuts: number): boolean {
  return found.complete <= cuts || found.unfinished <= cuts / 2
}

/** What the server had said about an upload when power failed. */
interface Told {
  readonly one: Entry
  readonly path: string
  readonly acknowledged: number
  readonly complete: boolean
}

async function cutPower(durability: Durability, cuts: number): Promise<Findings> {
  const folder = await temporaryFolder()
  const random = suiteRandom(`power ${durability}`)
  const disk = makeDisk(join(folder, 'disk.img'), MEGABYTES)
  const clients = traffic(random.fork('traffic'))
  const found: Findings = {
    ...{ complete: 0, completeLost: 0, unfinished: 0, absent: 0, below: 0, wrong: 0, resumed: 0 },
    broken: [],
  }
  let done = false
  const all = crowd({
    ...{ site: clients, random, workers: WORKERS, lengths: LENGTHS, folder: null, keep: KEEP },
    done: () => done,
  })
  const life = lives({ directory: join(disk.folder, 'uploads'), durability, locker: 'memory' }, clients)

  async function cutAgainAndAgain(): Promise<void> {
    const instants = random.fork('instants')
    await life.begin()
    for (let cut = 0; cut < cuts || (lackOf(found, cuts) && cut < 5 * cuts); cut++) {
      clients.up(life.current().origin)
      await randomInstant(clients, instants)
      // What a killed process had not synced is still in the kernel, and so is told by the next; then power fails.
      if (cut % 2 === 1) {
        await life.kill()
        await lookAtUnfinished(await life.begin(), all)
      }
      const copy = join(folder, `copy-${cut}.img`)
      const told = await copyAt(life.current(), disk, copy, all)
      await examine(copy, told, durability, found, instants.fork(`${cut}`))
      rmSync(copy)
    }
    clients.up(life.current().origin)
    done = true
  }
  await Promise.all([cutAgainAndAgain(), all.ended])
  const { broken, ...figures } = found
  report(`${durability}: ${cuts} power failures, uploads ${JSON.stringify(all.tally())}`)
  report(`${durability}: ${JSON.stringify(figures)}, broken promises: ${broken.length}`)
  return found
}

/** What clients do when a server is back. */
async function lookAtUnfinished(server: Server, all: Crowd): Promise<void> {
  const unfinished = all.entries.filter((one) => one.path !== null && !one.removed && !one.complete)
  await inTurns(unfinished, (one) => look(siteOf(server), one))
}

/** Stops the server between two system calls and copies the disk. Returns what it had said by then. */
async function copyAt(server: Server, disk: Disk, copy: string, all: Crowd): Promise<readonly Told[]> {
  const told = all.entries.flatMap((one) =>
    one.path === null || one.removed
      ? []
      : [{ one, path: one.path, acknowledged: one.acknowledged, complete: one.complete }],
  )
  server.signal('SIGSTOP')
  try {
    await disk.snapshot(copy)
  } finally {
    server.signal('SIGCONT')
  }
  return told
}

/** Starts a server on a copy and compares what it says, and what it has, with what was told. */
async function examine(
  copy: string,
  told: readonly Told[],
  durability: Durability,
  found: Findings,
  random: Random,
): Promise<void> {
  const disk = mountDisk(copy)
  const directory = join(disk.folder, 'uploads')
  const server = await startServer({ directory, durability, locker: 'memory' })
  const site = siteOf(server)
  try {
    for (const one of told) {
      const why = await judge(site, directory, one, durability, found)
      if (why !== null)
        found.broken.push(`${one.one.key} (${one.path}), ${one.acknowledged} of ${one.one.length}: ${why}`)
      else if (durability === 'always' && !one.complete && !one.one.final && random.chance(0.3)) {
        await resume(site, one, random)
        found.resumed++
      }
    }
  } finally {
    await server.kill()
    disk.unmount()
  }
}

/** Returns which promise was broken; null if none. */
async function judge(
  site: Site,
  directory: string,
  told: Told,
  durability: Durability,
  found: Findings,
): Promise<string | null> {
  const { answer } = await ask('HEAD', await site.origin(), told.path).ended
  if (answer === null) return 'HEAD was not answered'
  const there = answer.status <= 204
  const offset = offsetOf(answer)
  if (!there && answer.status !== 404 && answer.status !== 410) return `HEAD got ${answer.status} ${answer.text}`
  if (told.complete) {
    found.complete++
    const why =
      there && offset === told.one.length ? await whyUnequal(site, told.one) : `HEAD got ${answer.status}, ${offset}`
    if (why !== null) found.completeLost++
    return durability === 'none' ? null : why
  }
  found.unfinished++
  if (!there) found.absent++
  if (there && !told.one.final && (offset ?? 0) < told.acknowledged) found.below++
  const wrong = offset === null || offset === 0 ? null : await firstWrong(directory, told, offset)
  if (wrong !== null) found.wrong++
  // A whole upload is reported, whoever asked for it: then it must be right.
  if (durability === 'finish') return wrong !== null && offset === lengthOf(answer) ? `byte ${wrong} is wrong` : null
  if (durability === 'none') return null
  if (!there) return `HEAD got ${answer.status}`
  if (!told.one.final && (offset ?? 0) < told.acknowledged) return `it stands at ${offset}`
  return wrong === null ? null : `byte ${wrong} is wrong`
}

async function whyUnequal(site: Site, one: Entry): Promise<string | null> {
  return proveByDownload(site, one).then(
    () => null,
    (error) => String(error),
  )
}

async function firstWrong(directory: string, told: Told, offset: number): Promise<number | null> {
  const id = told.path.split('/').at(-1) ?? ''
  const wrong = await firstDifference(join(directory, id), told.one.content)
  return wrong !== null && wrong < offset ? wrong : null
}

/** Goes on with an upload on the copy, as its client would have, to the end. */
async function resume(site: Site, { one, path }: Told, random: Random): Promise<void> {
  const again = entry(one.key, one.content, one.length)
  again.created(path)
  again.sending(0)(one.length)
  const habits = { step: [1, 256 << 10], checked: 0.2, wrong: 0, withContent: 0, cut: 0 } as const
  await upload(site, again, habits, random)
  await proveByDownload(site, again)
}
