import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { firstDifference } from './support/content.ts'
import { type Crowd, crowd } from './support/crowd.ts'
import { idOf, inventory, leftovers, proveOnDisk, sweepInTwoDays, temporaryFolder } from './support/folder.ts'
import { randomInstant } from './support/instant.ts'
import type { Entry } from './support/ledger.ts'
import { type Lives, lives } from './support/lives.ts'
import { type Random, report, suiteRandom } from './support/random.ts'
import { rounds } from './support/rounds.ts'
import type { Server } from './support/server.ts'
import { describeGoing, siteOf, type Traffic, traffic } from './support/traffic.ts'
import { inTurns } from './support/turns.ts'
import { ask, keyOf, lengthOf, offsetOf } from './support/tus.ts'
import { look, perform, type Site } from './support/uploader.ts'

const WORKERS = 6
const LENGTHS = [200 << 10, 8 << 20] as const

test.each([
  { kills: rounds(45, 90), durability: 'finish', locker: 'file' },
  { kills: rounds(30, 60), durability: 'none', locker: 'memory' },
  { kills: rounds(30, 60), durability: 'always', locker: 'file' },
] as const)(
  'no acknowledged byte is lost in $kills kill -9 at random instants (durability $durability, $locker locker)',
  async ({ kills, durability, locker }) => {
    const folder = await temporaryFolder()
    const random = suiteRandom(`kill ${durability}`)
    const clients = traffic(random.fork('traffic'))
    const interrupted = new Map<string, number>()
    let done = false

    const all = crowd({ site: clients, random, workers: WORKERS, lengths: LENGTHS, folder, done: () => done })
    const life = lives({ directory: folder, durability, locker }, clients)
    await life.begin()
    const killing = killAgainAndAgain(kills, life, clients, all, random.fork('instants'), interrupted)
    await Promise.all([killing.then(() => (done = true)), all.ended])

    reportRun(kills, all, clients, interrupted)
    await proveAtRest(life, folder, all)
    expect(missed(interrupted), 'what was never interrupted').toEqual([])
  },
)

async function killAgainAndAgain(
  kills: number,
  life: Lives,
  clients: Traffic,
  all: Crowd,
  random: Random,
  interrupted: Map<string, number>,
): Promise<void> {
  for (let kill = 0; kill < kills || (missed(interrupted).length > 0 && kill < 5 * kills); kill++) {
    clients.up(life.current().origin)
    if (kill % 20 === 19) await untilIdle(clients, life.current())
    else await randomInstant(clients, random)
    const hit = clients.going().map(describeGoing)
    await life.kill()
    for (const what of hit.length === 0 ? ['nothing: it was idle'] : hit)
      interrupted.set(what, (interrupted.get(what) ?? 0) + 1)
    await life.begin()
    await proveNothingLost(life.current(), all.entries, random)
  }
  clients.up(life.current().origin)
}

async function untilIdle(clients: Traffic, server: Server): Promise<void> {
  clients.down(server.origin)
  await vi.waitFor(() => expect(clients.going()).toEqual([]), { timeout: 60_000, interval: 5 })
}

/** HEAD of what is unfinished, and of some that is: before anybody goes on. */
async function proveNothingLost(server: Server, entries: readonly Entry[], random: Random): Promise<void> {
  const known = entries.filter((one) => one.path !== null && !one.removed)
  const unfinished = known.filter((one) => !one.complete)
  const finished = known.filter((one) => one.complete)
  const some = finished.length === 0 ? [] : [random.pick(finished), random.pick(finished)]
  const site = siteOf(server)
  await Promise.all([...unfinished, ...some].map((one) => look(site, one)))
  for (const one of unfinished) one.settled()
}

/** The end: every file is what was sent, and there is nothing that no upload accounts for. */
async function proveAtRest(life: Lives, folder: string, all: Crowd): Promise<void> {
  const kept = all.entries.filter((one) => !one.removed)
  for (const one of kept) await proveOnDisk(folder, one)
  life.current().signal('SIGTERM')
  expect((await life.current().exited).code).toBe(0)
  report(`files that kills left for the sweep: ${(await leftovers(folder)).length}`)
  await sweepInTwoDays(folder)
  expect(await leftovers(folder)).toEqual([])

  const site = siteOf(await life.begin())
  const { records, data } = await inventory(folder)
  const known = new Set(kept.map(idOf))
  expect(
    [...data].filter((id) => !records.has(id)),
    'data without a record',
  ).toEqual([])
  const unknown = [...records].filter((id) => !known.has(id))
  let halfJoined = 0
  await inTurns(unknown, async (id) => {
    if (await proveSound(site, folder, id, all)) halfJoined++
  })
  report(`uploads that no client knows of (their answer was lost): ${unknown.length}, all sound`)
  report(`of these, concatenations that were cut in the middle: ${halfJoined}`)
  expect([...known].filter((id) => !records.has(id))).toEqual([])
  const terminated = all.entries.filter((one) => one.removed).map(idOf)
  expect(terminated.filter((id) => records.has(id) || data.has(id))).toEqual([])
}

/**
 * An upload whose creation was never answered: whatever it holds is a beginning of what was sent. Returns whether it is a
 * concatenation of which the kill left a part.
 */
async function proveSound(site: Site, folder: string, id: string, all: Crowd): Promise<boolean> {
  const { size } = await stat(join(folder, id))
  const answer = await perform(site, 'look', (origin) => ask('HEAD', origin, `/files/${id}`))
  if (answer === null || answer.status > 204) throw new Error(`${id}: HEAD of a lost creation got ${answer?.status}`)
  const key = keyOf(answer)
  const origin = all.entries.find((one) => one.key === key)
  if (!origin) throw new Error(`${id}: nobody created it (${key})`)
  const halfJoined = origin.final && size > 0 && size < origin.length
  const offset = offsetOf(answer)
  if (origin.removed) return halfJoined
  const wrong = offset === null || offset === 0 ? null : await firstDifference(`${folder}/${id}`, origin.content)
  if (wrong !== null) throw new Error(`${id}: byte ${wrong} is not what was sent`)
  if (offset !== null && offset === lengthOf(answer)) expect(offset).toBe(origin.length)
  return halfJoined
}

/** What kills have to hit for the test to mean something, and have not. */
function missed(interrupted: ReadonlyMap<string, number>): readonly string[] {
  const parts = ['in its body', 'checked append', 'create with content', 'join', 'between body and answer']
  return parts.filter((part) => ![...interrupted.keys()].some((what) => what.includes(part)))
}

function reportRun(kills: number, all: Crowd, clients: Traffic, interrupted: ReadonlyMap<string, number>): void {
  report(`${kills} kills, ${clients.count()} requests, uploads: ${JSON.stringify(all.tally())}`)
  for (const [what, count] of [...interrupted].sort()) report(`interrupted ${String(count).padStart(4)} x ${what}`)
}
