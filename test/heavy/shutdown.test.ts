import { expect, test, vi } from 'vitest'
import { timed } from '../support/calm.ts'
import { content } from './support/content.ts'
import { proveByDownload } from './support/download.ts'
import type { Exchange } from './support/exchange.ts'
import { bytesOnDisk, leftovers, proveOnDisk, temporaryFolder } from './support/folder.ts'
import { holdUp } from './support/held.ts'
import { type Entry, entry } from './support/ledger.ts'
import { eager, trickle } from './support/pace.ts'
import { type Random, report, suiteRandom } from './support/random.ts'
import { type Server, startServer } from './support/server.ts'
import { siteOf } from './support/traffic.ts'
import { append } from './support/tus.ts'
import { begin, type Habits, look, upload } from './support/uploader.ts'

const PLAIN: Habits = { step: [1, 1 << 20], checked: 0, wrong: 0, withContent: 0, cut: 0, pace: eager }
const LENGTH = 3 << 20
const EACH = { stalled: 8, active: 8, checked: 4 } as const
/** Saving what came is a matter of milliseconds; the default grace is ten seconds. */
const SOON = 5000

type Way = keyof typeof EACH
interface Sending {
  readonly way: Way
  readonly one: Entry
  /** Bytes after which the client sends no more; LENGTH if it does not stop. */
  readonly until: number
  readonly going: Exchange
}

test.each(['file', 'memory'] as const)(
  'SIGTERM in the middle of 20 uploads keeps what came, frees every lock and exits with 0 (%s locker)',
  async (locker) => {
    const random = suiteRandom(`shutdown ${locker}`)
    const directory = await temporaryFolder()
    const server = await startServer({ directory, locker })
    const all = await sendMany(server, directory, random)
    const onDisk = await Promise.all(all.map(({ one }) => bytesOnDisk(directory, one)))

    server.signal('SIGTERM')
    const { result: exit, took } = await timed(() => server.exited)
    expect(exit, server.log()).toEqual({ code: 0, signal: null })
    const endings = await Promise.all(all.map(({ going }) => going.ended))
    const answers = endings.map(({ answer }) => (answer ? String(answer.status) : 'none')).join(' ')
    report(`exit after ${took.toFixed()} ms; answers: ${answers}`)
    expect(took).toBeLessThan(SOON)
    expect(await leftovers(directory)).toEqual([])

    const next = await startServer({ directory, locker })
    for (const [index, { way, one, until, going }] of all.entries()) {
      one.sending(0)(going.sent())
      await look(siteOf(next), one)
      if (way === 'stalled') expect(one.acknowledged).toBe(until)
      if (way === 'active') expect(one.acknowledged).toBeGreaterThanOrEqual(onDisk[index] ?? 0)
      if (way === 'checked') expect(one.acknowledged).toBe(0)
    }
    for (const { one } of all) {
      await upload(siteOf(next), one, PLAIN, random)
      await proveByDownload(siteOf(next), one)
      await proveOnDisk(directory, one)
    }
  },
)

test('a stalled upload does not hold up SIGTERM until the network time-out', async () => {
  const directory = await temporaryFolder()
  const server = await startServer({ directory, more: ['-shutdown-timeout', '30s'] })
  const one = entry('stalled', content('stalled'), LENGTH)
  await begin(siteOf(server), one, PLAIN, suiteRandom('one stalled upload'))
  const going = holdUp(server.origin, one, 100_000).exchange
  await vi.waitFor(async () => expect(await bytesOnDisk(directory, one)).toBe(100_000), { timeout: 60_000 })
  server.signal('SIGTERM')
  const { result: exit, took } = await timed(() => server.exited)
  expect(exit.code).toBe(0)
  expect(took).toBeLessThan(SOON)
  await going.ended
})

/** Starts uploads of each way, and waits until the server has bytes of all, and all bytes of those that stall. */
async function sendMany(server: Server, directory: string, random: Random): Promise<readonly Sending[]> {
  const ways: readonly Way[] = ['stalled', 'active', 'checked']
  const all = await Promise.all(
    ways.flatMap((way) =>
      Array.from({ length: EACH[way] }, (_, index) => send(server, way, `${way}-${index}`, random)),
    ),
  )
  await vi.waitFor(
    async () => {
      for (const { way, one, until, going } of all) {
        const stored = await bytesOnDisk(directory, one)
        if (way === 'stalled') expect(stored).toBe(until)
        if (way === 'active') expect(stored).toBeGreaterThan(0)
        if (way === 'checked') expect(going.sent()).toBeGreaterThan(0)
      }
    },
    { timeout: 60_000, interval: 20 },
  )
  return all
}

async function send(server: Server, way: Way, key: string, random: Random): Promise<Sending> {
  const one = entry(key, content(key), LENGTH)
  await begin(siteOf(server), one, PLAIN, random)
  const until = way === 'stalled' ? random.int(1, 900_000) : LENGTH
  const pace = trickle(random, 16 << 10, 40)
  const plain = { content: one.content, from: 0, to: LENGTH, pace }
  const start = (): Exchange => {
    if (way === 'stalled') return holdUp(server.origin, one, until).exchange
    if (way === 'active') return append(server.origin, one.path ?? '', plain)
    return append(server.origin, one.path ?? '', { ...plain, checksum: { algorithm: 'sha256' } })
  }
  return { way, one, until, going: start() }
}
