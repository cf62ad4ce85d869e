import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { content } from './support/content.ts'
import { proveByDownload } from './support/download.ts'
import { temporaryFolder } from './support/folder.ts'
import { makeDisk } from './support/image.ts'
import { type Entry, entry } from './support/ledger.ts'
import { eager, type Pace, trickle } from './support/pace.ts'
import { mebibytes, memoryOf, watchMemory } from './support/process.ts'
import { type Random, report, suiteRandom } from './support/random.ts'
import { type Server, startServer } from './support/server.ts'
import { siteOf } from './support/traffic.ts'
import { inTurns } from './support/turns.ts'
import { append } from './support/tus.ts'
import { begin, type Habits, look, upload } from './support/uploader.ts'

const MIB = 1 << 20
const PLAIN: Habits = { step: [MIB, MIB], checked: 0, wrong: 0, withContent: 0, cut: 0 }

const SLOW = 1000
const SLOW_LENGTH = 64 * MIB
const SLOW_SENT = 384 << 10
/**
 * On a machine that keeps up, half of the time. Measured 200 to 260 MiB, of which 55 are Node and Tusker at rest, at most 64
 * buffered bytes, and the rest sockets, parsers and what is not collected yet. A buffer of 256 KiB for each client would be 250
 * MiB by itself.
 */
const SLOW_CEILING = 300 * MIB
/**
 * On a machine that is busy with other things bytes wait in the server: as many as may be buffered, and as many again that the
 * collector has not got to. Measured up to 20 MiB beyond the ceiling, with ten times the load that the machine can take. A
 * buffer for each client would still be found.
 */
const BUSY = 128 * MIB
/** How late a timer of this process may be for the machine to count as one that keeps up, in milliseconds. */
const KEEPS_UP = 5

test(`${SLOW} slow uploads at once stay below ${mebibytes(SLOW_CEILING)} of memory`, async () => {
  const random = suiteRandom('slow uploads')
  const server = await startServer({ directory: await temporaryFolder(), more: ['-verbose=false'] })
  const idle = memoryOf(server.pid).resident
  const entries = await createMany(server, SLOW, SLOW_LENGTH, random)
  const created = memoryOf(server.pid).resident

  const watch = watchMemory(server.pid)
  const going = entries.map((one, index) => {
    const pace = trickle(random, random.int(16, 64) << 10, 2000)
    const checksum = index % 5 === 0 ? { checksum: { algorithm: 'sha1', digest: 'Kq5sNclPz7QV2+lfQIuc6R7oRu0=' } } : {}
    return append(server.origin, one.path ?? '', { content: one.content, from: 0, to: SLOW_LENGTH, pace, ...checksum })
  })
  const least = (): number => Math.min(...going.map((one) => one.sent()))
  await vi.waitFor(() => expect(least()).toBeGreaterThan(SLOW_SENT), { timeout: 600_000, interval: 100 })
  expect(going.filter((one) => one.stage() !== 'body')).toEqual([])
  const { usual, late } = await watch.stop()
  const { peak } = memoryOf(server.pid)
  const sent = going.reduce((sum, one) => sum + one.sent(), 0)
  report(
    `idle ${mebibytes(idle)}, ${SLOW} created ${mebibytes(created)}, uploading ${mebibytes(usual)}, peak ${mebibytes(peak)}`,
  )
  report(`${mebibytes(sent)} sent by ${SLOW} clients; timers were ${late.toFixed(1)} ms late`)

  for (const one of going) one.cut()
  await Promise.all(going.map((one) => one.ended))
  await inTurns(entries, async (one, index) => {
    one.sending(0)(going[index]?.sent() ?? 0)
    await look(siteOf(server), one)
    if (index % 5 === 0) expect(one.acknowledged).toBe(0)
    else expect(one.acknowledged).toBeGreaterThan(0)
  })
  expect(peak).toBeLessThan(SLOW_CEILING + BUSY)
  if (late < KEEPS_UP) expect(usual).toBeLessThan(SLOW_CEILING)
})

const FAST = 100
const FAST_LENGTH = 3 * MIB
const BUFFERED = 64 * MIB
/** Buffers that are free but not collected yet, and what requests need beside their bytes. */
const FAST_MARGIN = 64 * MIB

test(`${FAST} fast uploads to a disk that hangs keep to the ceiling on buffered bytes`, async () => {
  const random = suiteRandom('hanging disk')
  const disk = makeDisk(join(await temporaryFolder(), 'disk.img'), 512)
  const server = await startServer({
    directory: join(disk.folder, 'uploads'),
    locker: 'memory',
    more: ['-max-buffered-bytes', String(BUFFERED), '-verbose=false'],
  })
  const entries = await createMany(server, FAST, FAST_LENGTH, random)
  // A first byte, so that the files are there: with the disk frozen none can be made.
  await inTurns(entries, async (one) => {
    await append(server.origin, one.path ?? '', { content: one.content, from: 0, to: 1 }).ended
  })
  const before = memoryOf(server.pid).resident
  disk.freeze()
  const going = entries.map((one) =>
    append(server.origin, one.path ?? '', { content: one.content, from: 1, to: FAST_LENGTH, pace: eager }),
  )
  // The clients are served, and the disk is the brake
  const most = await settledMemory(server, before + BUFFERED / 4)
  report(
    `hanging disk: ${mebibytes(before)} before, ${mebibytes(most)} with ${FAST} uploads of ${mebibytes(FAST_LENGTH)}`,
  )
  disk.thaw()

  const statuses = (await Promise.all(going.map((one) => one.ended))).map(({ answer }) => answer?.status)
  expect(new Set(statuses)).toEqual(new Set([204]))
  await inTurns(entries, async (one) => {
    one.sending(0)(FAST_LENGTH)
    await look(siteOf(server), one)
    await proveByDownload(siteOf(server), one)
  })
  expect(most - before).toBeLessThan(BUFFERED + FAST_MARGIN)
})

test('memory does not grow with the length of an upload', async () => {
  const random = suiteRandom('one long upload')
  const server = await startServer({ directory: await temporaryFolder(), more: ['-verbose=false'] })
  const pace: Pace = eager
  const short = entry('short', content('short'), 64 * MIB)
  await upload(siteOf(server), short, { ...PLAIN, step: [short.length, short.length], pace }, random)
  const afterShort = memoryOf(server.pid).peak
  const long = entry('long', content('long'), 512 * MIB)
  await upload(siteOf(server), long, { ...PLAIN, step: [long.length, long.length], pace }, random)
  const afterLong = memoryOf(server.pid).peak
  report(`peak after 64 MiB in one PATCH ${mebibytes(afterShort)}, after 512 MiB ${mebibytes(afterLong)}`)
  expect(afterLong - afterShort).toBeLessThan(64 * MIB)
})

async function createMany(server: Server, count: number, length: number, random: Random): Promise<readonly Entry[]> {
  const entries = Array.from({ length: count }, (_, index) => {
    const key = `${random.seed}/${index}`
    return entry(key, content(key), length)
  })
  await inTurns(entries, (one) => begin(siteOf(server), one, PLAIN, random))
  return entries
}

/** Resident memory once it has grown to `least` and stopped growing, in bytes. */
async function settledMemory(server: Server, least: number): Promise<number> {
  let most = 0
  let since = performance.now()
  await vi.waitFor(
    () => {
      const { resident } = memoryOf(server.pid)
      if (resident > most + MIB) since = performance.now()
      most = Math.max(most, resident)
      expect(most, 'the most that it ever was').toBeGreaterThan(least)
      expect(performance.now() - since).toBeGreaterThan(2000)
    },
    { timeout: 240_000, interval: 50 },
  )
  return most
}
