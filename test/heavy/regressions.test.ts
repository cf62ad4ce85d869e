import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type Content, content, firstDifference } from './support/content.ts'
import { proveByDownload } from './support/download.ts'
import { bytesOnDisk, idOf, inventory, proveOnDisk, temporaryFolder } from './support/folder.ts'
import { holdUp } from './support/held.ts'
import { joinLate, planJoining } from './support/joining.ts'
import { type Entry, entry } from './support/ledger.ts'
import { anyPace, eager } from './support/pace.ts'
import { type Random, report, suiteRandom } from './support/random.ts'
import { rounds } from './support/rounds.ts'
import { launch, type Server, startServer } from './support/server.ts'
import { sendThrice } from './support/stall.ts'
import { siteOf, traffic } from './support/traffic.ts'
import { append } from './support/tus.ts'
import { begin, type Habits, look, upload } from './support/uploader.ts'

const PLAIN: Habits = { step: [1, 1 << 20], checked: 0.2, wrong: 0, withContent: 0.3, cut: 0, pace: eager }

test.each(['file', 'memory'] as const)(
  'a finished upload is never overwritten, not after a kill either (%s locker)',
  async (locker) => {
    const random = suiteRandom(`finished ${locker}`)
    const directory = await temporaryFolder()
    const server = await startServer({ directory, locker })
    const one = entry('plain', content('plain'), 300_000)
    const joining = planJoining('joined', [100_000, 1, 70_000])
    await upload(siteOf(server), one, PLAIN, random)
    await joinLate(siteOf(server), joining, PLAIN, random)
    const all = [one, joining.whole, ...joining.parts]
    const before = await Promise.all(all.map((each) => facts(directory, each)))
    await attack(server, all)
    await server.kill()
    const next = await startServer({ directory, locker })
    await attack(next, all)
    expect(await Promise.all(all.map((each) => facts(directory, each)))).toEqual(before)
    for (const each of all) {
      await look(siteOf(next), each)
      expect(each.complete).toBe(true)
      await proveByDownload(siteOf(next), each)
      await proveOnDisk(directory, each)
    }
  },
)

test('bytes that were stored when the process died before it answered are counted once, whatever the client repeats', async () => {
  const random = suiteRandom('between append and record')
  const directory = await temporaryFolder()
  for (let round = 0; round < rounds(8, 15); round++) {
    const server = await launch({ directory })
    onTestFinished(() => server.kill())
    const one = entry(`repeated-${round}`, content(`repeated-${round}`), random.int(2, 2 << 20))
    await begin(siteOf(server), one, { ...PLAIN, withContent: 0 }, random)
    const until = round % 3 === 0 ? one.length : random.int(1, one.length - 1)
    const { exchange } = holdUp(server.origin, one, until)
    await vi.waitFor(async () => expect(await bytesOnDisk(directory, one)).toBe(until), {
      timeout: 60_000,
      interval: 1,
    })
    await server.kill()
    await exchange.ended

    const next = await launch({ directory })
    onTestFinished(() => next.kill())
    const again = await append(next.origin, one.path ?? '', { content: one.content, from: 0, to: until }).ended
    expect(again.answer?.status).toBe(409)
    await look(siteOf(next), one)
    expect(one.acknowledged).toBe(until)
    await upload(siteOf(next), one, PLAIN, random)
    await proveByDownload(siteOf(next), one)
    await proveOnDisk(directory, one)
    await next.kill()
  }
})

test.each([1, 2])(
  'of two PATCHes at offset 0 at once one counts, and nothing is mixed (%i processes)',
  async (processes) => {
    const random = suiteRandom(`two at once, ${processes} processes`)
    const directory = await temporaryFolder()
    const servers = await startSome(processes, directory)
    const outcomes = new Map<string, number>()
    for (let round = 0; round < rounds(30, 60); round++) {
      const rivals = ['a', 'b'].map((name) => content(`${name}-${round}`))
      const length = random.pick([random.int(1, 60_000), random.int(60_000, 3 << 20)])
      const first = entry(`rivals-${round}`, rivals[0] ?? content(''), length)
      await begin(siteOf(random.pick(servers)), first, { ...PLAIN, withContent: 0 }, random)
      const endings = await Promise.all(
        rivals.map((rival) => {
          const stretch = { content: rival, from: 0, to: length, pace: anyPace(random), chunked: random.chance(0.3) }
          return append(random.pick(servers).origin, first.path ?? '', stretch).ended
        }),
      )
      const statuses = endings.map(({ answer }) => answer?.status ?? 0).sort()
      outcomes.set(statuses.join(' and '), (outcomes.get(statuses.join(' and ')) ?? 0) + 1)
      expect(statuses.filter((status) => status === 204).length).toBeLessThanOrEqual(1)
      await finishAsWinner(random.pick(servers), directory, first, rivals, random)
    }
    for (const [statuses, count] of outcomes) report(`${processes} processes: ${statuses}: ${count} times`)
    expect((await inventory(directory)).others).toEqual([])
  },
)

test('every chunk sent three times at once, to two processes on one folder, is stored once', async () => {
  const random = suiteRandom('three times')
  const directory = await temporaryFolder()
  const clients = traffic(random.fork('traffic'))
  for (const server of await startSome(2, directory)) clients.up(server.origin)
  const all = Array.from({ length: 24 }, (_, index) => {
    const key = `${random.seed}/${index}`
    return entry(key, content(key), random.int(1, 2 << 20))
  })
  await Promise.all(
    all.map(async (one) => {
      const own = random.fork(one.key)
      await begin(clients, one, { ...PLAIN, withContent: 0 }, own)
      while (!one.complete) await sendThrice(clients, one, own)
      await proveByDownload(clients, one)
      await proveOnDisk(directory, one)
    }),
  )
  report(`${all.length} uploads, ${clients.count()} requests`)
  expect((await inventory(directory)).others).toEqual([])
})

/** What tells whether a file was touched. */
async function facts(directory: string, one: Entry): Promise<readonly number[]> {
  const { ino, size, mtimeMs } = await stat(join(directory, idOf(one)))
  return [ino, size, mtimeMs]
}

/** Tries to write into finished uploads in every way that a confused or hostile client finds. */
async function attack(server: Server, all: readonly Entry[]): Promise<void> {
  const poison = content('poison')
  for (const { path, length } of all) {
    const ways = [
      { from: 0, to: length },
      { from: 0, to: 1 },
      { from: 0, to: length, length },
      { from: 0, to: length, chunked: true },
      { from: 0, to: length, checksum: { algorithm: 'sha1' } },
      { from: length, to: length + 10 },
      { from: length, to: length + 10, chunked: true },
      { from: length, to: length + 10, checksum: { algorithm: 'sha1', trailer: true } },
      { from: length, to: length + 10, length: length + 10 },
    ]
    for (const way of ways) {
      const { answer } = await append(server.origin, path ?? '', { content: poison, ...way }).ended
      expect([400, 403, 409, 413], JSON.stringify(way)).toContain(answer?.status)
    }
  }
}

/** Goes on with the content of the rival whose bytes are there, to the end. All bytes must be from one of them. */
async function finishAsWinner(
  server: Server,
  directory: string,
  first: Entry,
  rivals: readonly Content[],
  random: Random,
): Promise<void> {
  const file = join(directory, idOf(first))
  const size = await bytesOnDisk(directory, first)
  const wrong = await Promise.all(rivals.map((rival) => (size === 0 ? null : firstDifference(file, rival))))
  const winner = rivals[wrong.indexOf(null)]
  if (winner === undefined) throw new Error(`${first.key}: bytes of both are mixed: they differ at ${wrong.join(', ')}`)
  const whole = entry(first.key, winner, first.length)
  whole.created(first.path ?? '')
  whole.sending(0)(size)
  await look(siteOf(server), whole)
  expect(whole.acknowledged).toBe(size)
  await upload(siteOf(server), whole, PLAIN, random)
  await proveByDownload(siteOf(server), whole)
  await proveOnDisk(directory, whole)
}

async function startSome(count: number, directory: string): Promise<readonly Server[]> {
  return Promise.all(Array.from({ length: count }, () => startServer({ directory, locker: 'file' })))
}
