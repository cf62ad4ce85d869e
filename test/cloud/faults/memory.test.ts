import { expect, onTestFinished, test } from 'vitest'
import { content } from '../../heavy/support/content.ts'
import { type Exchange, exchange } from '../../heavy/support/exchange.ts'
import { slices, trickle } from '../../heavy/support/pace.ts'
import { mebibytes, memoryOf } from '../../heavy/support/process.ts'
import { report, suiteRandom } from '../../heavy/support/random.ts'
import { inTurns } from '../../heavy/support/turns.ts'
import { hostBucket } from './support/bucket.ts'
import { type Child, startChild } from './support/child.ts'
import { tus } from './support/voice.ts'

const MIB = 1 << 20
const UPLOADS = 200
const FEW = 4 << 10
const LENGTH = 5 * 1024 * MIB
/** Ceiling of the engine on bytes between clients and store. */
const ON_THE_WAY = 16 * MIB
/**
 * Beyond what is counted: what is free but not collected yet, and what the SDK and sockets hold of parts that are being sent.
 * 33 to 38 MiB of it were ever used.
 */
const MARGIN = 64 * MIB
/** TEST_MEMORY=1 measures what the docs tell as well. */
const CEILINGS = process.env['TEST_MEMORY'] ? [32 * MIB, 64 * MIB, 256 * MIB] : [32 * MIB]

const bucket = hostBucket()

test.each(CEILINGS)(
  `${UPLOADS} slow uploads of 5 GiB stay below a ceiling of %i bytes, whatever they send`,
  { timeout: 900_000 },
  async (ceiling) => {
    const prefix = `memory-${ceiling}/`
    const child = await startChild({
      store: { bucket: bucket.name, objectPrefix: prefix, maxBufferedBytes: ceiling },
      uploads: { maxBufferedBytes: ON_THE_WAY, networkTimeout: 0 },
    })
    const idle = memoryOf(child.pid).resident
    const paths = await createAll(child, prefix)
    // Everybody has sent a little: connections, parsers, and the code of all this are there.
    await Promise.all((await sendAll(child, paths, 0, FEW)).map((one) => one.ended))
    const baseline = memoryOf(child.pid).peak
    const before = await child.memory()

    const going = await sendAll(child, paths, FEW, LENGTH)
    // Long enough under pressure: the ceiling is reached, and a quarter of them had to put away what they had.
    const underPressure = async (): Promise<boolean> => {
      const { most, tails } = await child.memory()
      return most > 0.9 * ceiling && tails > before.tails + UPLOADS / 4
    }
    await expect.poll(underPressure, { timeout: 600_000, interval: 100 }).toBe(true)
    const { most, tails } = await child.memory()
    const { peak } = memoryOf(child.pid)
    report(
      `ceiling ${mebibytes(ceiling)}: idle ${mebibytes(idle)}, ${UPLOADS} connected ${mebibytes(baseline)}, ` +
        `peak ${mebibytes(peak)}; parts in memory ${mebibytes(most)}, ${tails - before.tails} tails put away; ${mebibytes(going.reduce((sum, one) => sum + one.sent(), 0))} sent`,
    )
    expect(most).toBeLessThanOrEqual(ceiling)
    expect(peak - baseline).toBeLessThan(ceiling + ON_THE_WAY + MARGIN)
    const over = await Promise.all(going.filter((one) => one.stage() !== 'body').map((one) => one.ended))
    expect(over.map(({ answer }) => answer?.text ?? 'no answer')).toEqual([])
    await endAll(going)
  },
)

async function createAll({ origin }: Child, prefix: string): Promise<readonly string[]> {
  const paths: string[] = []
  await inTurns(
    Array.from({ length: UPLOADS }, (_, index) => index),
    async (index) => {
      const { answer } = await tus.create(origin, { key: `${prefix}${index}`, length: LENGTH }).ended
      expect(answer?.status).toBe(201)
      paths[index] = new URL(answer?.headers.location ?? 'missing:').pathname
    },
    8,
  )
  return paths
}

/** All at once and slowly; resolves when all have begun. */
async function sendAll(
  { origin }: Child,
  paths: readonly string[],
  from: number,
  to: number,
): Promise<readonly Exchange[]> {
  const random = suiteRandom('slow uploads')
  const going = paths.map((path) => {
    const pace = trickle(random, random.int(16, 64) << 10, 300)
    const source = content(path)
    return exchange({
      method: 'PATCH',
      url: origin + path,
      headers: {
        'Tus-Resumable': '1.0.0',
        'Upload-Offset': String(from),
        'Content-Type': 'application/offset+octet-stream',
      },
      body: { length: to - from, pieces: (signal) => slices(source, from, to, pace, signal) },
      patience: 600_000,
    })
  })
  onTestFinished(() => endAll(going))
  const slowest = (): number => Math.min(...going.map((one) => one.sent()))
  await expect.poll(slowest, { timeout: 600_000, interval: 50 }).toBeGreaterThan(0)
  return going
}

/** What is short is let end; what is endless is cut. */
async function endAll(going: readonly Exchange[]): Promise<void> {
  for (const one of going) if (one.stage() === 'body') one.cut()
  await Promise.all(going.map((one) => one.ended))
}
