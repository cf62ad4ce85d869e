import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { timed } from '../support/calm.ts'
import { content } from './support/content.ts'
import { proveByDownload } from './support/download.ts'
import { bytesOnDisk, inventory, proveOnDisk, temporaryFolder } from './support/folder.ts'
import { holdUp } from './support/held.ts'
import { type Entry, entry } from './support/ledger.ts'
import { eager } from './support/pace.ts'
import { type Random, report, suiteRandom } from './support/random.ts'
import { rounds } from './support/rounds.ts'
import { launch, type Server, startServer } from './support/server.ts'
import { requireTools } from './support/tools.ts'
import { siteOf } from './support/traffic.ts'
import { ask } from './support/tus.ts'
import { begin, type Habits, look, upload } from './support/uploader.ts'

const PLAIN: Habits = { step: [1, 1 << 20], checked: 0, wrong: 0, withContent: 0, cut: 0, pace: eager }
const LENGTH = 3 << 20

/** Silence after which a holder of another container counts as dead, in milliseconds. */
const TTL = 8000
/** What may come on top on a machine that is not held up: long before the next limit, which is that of the wait for a lock. */
const SLACK = 2000

/** The namespace, and all in it, ends with the command that made it. */
const CONTAINER = ['unshare', '--fork', '--pid', '--mount-proc', '--kill-child'] as const

test('a server that is PID 1 of its container and is killed finds its own lock stale when it restarts as PID 1', async () => {
  requireTools('unshare', 'setpriv')
  const random = suiteRandom('container')
  const directory = await temporaryFolder()
  const waits: number[] = []
  for (let round = 0; round < rounds(1, 3) || (round < 5 && Math.min(...waits) > TTL + SLACK); round++) {
    const server = await startServer({ directory, locker: 'file', launcher: CONTAINER })
    expect(pidInside(server)).toBe(1)
    const one = await halfUploaded(server, directory, `container-${round}`, random)
    expect((await inventory(directory)).others, 'files of the lock').not.toEqual([])
    await server.kill()

    const next = await startServer({ directory, locker: 'file', launcher: CONTAINER })
    expect(pidInside(next)).toBe(1)
    waits.push((await timed(() => look(siteOf(next), one))).took)
    await finish(next, directory, one, random)
    await next.kill()
  }
  report(`HEAD after a restart as PID 1: ${waits.map((wait) => wait.toFixed()).join(', ')} ms`)
  expect(Math.min(...waits)).toBeLessThan(TTL + SLACK)
})

test('two containers on one folder, each PID 1 of its own, take a stalled upload over from each other', async () => {
  requireTools('unshare', 'setpriv')
  const random = suiteRandom('two containers')
  const directory = await temporaryFolder()
  const one = await startServer({ directory, locker: 'file', launcher: CONTAINER })
  const other = await startServer({ directory, locker: 'file', launcher: CONTAINER })
  expect([pidInside(one), pidInside(other)]).toEqual([1, 1])
  const held = entry('held', content('held'), LENGTH)
  await begin(siteOf(one), held, PLAIN, random)
  const { exchange, sendWrongRest } = holdUp(one.origin, held, 1_000_000)
  await vi.waitFor(async () => expect(await bytesOnDisk(directory, held)).toBe(1_000_000), { timeout: 60_000 })
  const { took } = await timed(() => look(siteOf(other), held))
  report(`takeover between two containers: ${took.toFixed()} ms`)
  expect(held.acknowledged).toBe(1_000_000)
  expect(took).toBeLessThan(1000)
  sendWrongRest()
  await exchange.ended
  await finish(other, directory, held, random)
})

test('a killed server on the same machine leaves no lock that its successor waits for', async () => {
  const random = suiteRandom('killed holder')
  const directory = await temporaryFolder()
  const waits: number[] = []
  for (let round = 0; round < rounds(5, 10); round++) {
    const server = await launch({ directory, locker: 'file' })
    onTestFinished(() => server.kill())
    const one = await halfUploaded(server, directory, `killed-${round}`, random)
    await server.kill()
    const next = await startServer({ directory, locker: 'file' })
    waits.push((await timed(() => look(siteOf(next), one))).took)
    await finish(next, directory, one, random)
    await next.kill()
  }
  report(`HEAD after a kill: ${waits.map((wait) => wait.toFixed()).join(', ')} ms`)
  // Half of them: a machine that stalls holds up one or the other
  expect(waits.sort((one, other) => one - other)[waits.length >> 1]).toBeLessThan(2000)
})

test('a process that was frozen while it held the lock stores nothing when it wakes after another took over', async () => {
  const random = suiteRandom('frozen')
  const directory = await temporaryFolder()
  const frozen = await startServer({ directory, locker: 'file' })
  const other = await startServer({ directory, locker: 'file', more: ['-acquire-lock-timeout', '60s'] })
  const one = entry('frozen', content('frozen'), LENGTH)
  await begin(siteOf(frozen), one, PLAIN, random)
  const held = holdUp(frozen.origin, one, 700_000)
  await vi.waitFor(async () => expect(await bytesOnDisk(directory, one)).toBe(700_000), { timeout: 60_000 })
  frozen.signal('SIGSTOP')
  const asked = performance.now()
  const looking = ask('HEAD', other.origin, one.path ?? '').ended
  const first = await Promise.race([looking, setTimeout(90_000, null)])
  report(
    first?.answer
      ? `a frozen holder was passed over after ${(performance.now() - asked).toFixed()} ms: ${first.answer.status}`
      : 'a frozen holder is waited for',
  )
  if (first?.answer?.status === 200) {
    await look(siteOf(other), one)
    expect(one.acknowledged).toBe(700_000)
    await upload(siteOf(other), one, PLAIN, random)
    // The frozen process has bytes to read, and a lock that it believes to hold, in the instant in which it wakes.
    held.sendWrongRest()
    await setTimeout(100)
  }
  frozen.signal('SIGCONT')
  await held.exchange.ended
  await looking
  await look(siteOf(frozen), one)
  expect(one.acknowledged).toBeGreaterThanOrEqual(700_000)
  await finish(other, directory, one, random)
})

/** An upload some bytes of which are on disk, and whose PATCH goes on. */
async function halfUploaded(server: Server, directory: string, key: string, random: Random): Promise<Entry> {
  const one = entry(key, content(key), LENGTH)
  const until = random.int(1, LENGTH - 1)
  await begin(siteOf(server), one, PLAIN, random)
  holdUp(server.origin, one, until)
  await vi.waitFor(async () => expect(await bytesOnDisk(directory, one)).toBe(until), { timeout: 60_000, interval: 10 })
  return one
}

async function finish(server: Server, directory: string, one: Entry, random: Random): Promise<void> {
  await upload(siteOf(server), one, PLAIN, random)
  await proveByDownload(siteOf(server), one)
  await proveOnDisk(directory, one)
}

/** The process id of the server as it sees itself: that of the only child of `unshare`, innermost namespace. */
function pidInside({ pid }: Server): number {
  const child = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  const ids = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${child}/status`, 'utf8'))?.[1]
  return Number(ids?.split(/\s+/).at(-1))
}
