import { connect } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { connect as connectWire, requestText } from '../tus/support/wire.ts'
import { finishes, PLAIN } from './support/ailing.ts'
import { content } from './support/content.ts'
import { bytesOnDisk, temporaryFolder } from './support/folder.ts'
import { entry } from './support/ledger.ts'
import { eager, gate, slices } from './support/pace.ts'
import { descriptorsOf } from './support/process.ts'
import { suiteRandom } from './support/random.ts'
import { startServer } from './support/server.ts'
import { requireTools } from './support/tools.ts'
import { siteOf } from './support/traffic.ts'
import { append } from './support/tus.ts'
import { begin, look } from './support/uploader.ts'

const LENGTH = 1_000_000
/** Enough to start: the modules of the program are opened side by side. */
const LIMIT = 192

test.each(['file', 'memory'] as const)(
  'with all descriptors used up a running request goes on, others are asked to come back, and all is well afterwards (%s locker)',
  async (locker) => {
    requireTools('prlimit')
    const random = suiteRandom(`descriptors used up ${locker}`)
    const directory = await temporaryFolder()
    const launcher = ['prlimit', `--nofile=${LIMIT}:${LIMIT}`]
    const server = await startServer({ directory, locker, launcher })
    const early = await connectWire(server.port)
    onTestFinished(() => early.cut())
    const running = entry('running', content('running'), LENGTH)
    const other = entry('other', content('other'), LENGTH)
    for (const one of [running, other]) await begin(siteOf(server), one, PLAIN, random)

    // A request in the middle of its body, and an idle connection of a client that will come back.
    const wake = gate()
    async function* pieces(signal: AbortSignal): AsyncIterable<Buffer> {
      yield* slices(running.content, 0, 100_000, eager, signal)
      await wake.pass(signal)
      yield* slices(running.content, 100_000, LENGTH - 1, eager, signal)
    }
    running.sending(0)(LENGTH - 1)
    const stretch = { content: running.content, from: 0, to: LENGTH - 1, pieces }
    const going = append(server.origin, running.path ?? '', stretch)
    await vi.waitFor(async () => expect(await bytesOnDisk(directory, running)).toBe(100_000), { timeout: 60_000 })
    const head = requestText('HEAD', other.path ?? '', { Host: 'x', 'Tus-Resumable': '1.0.0' })
    await early.write(head)
    expect((await early.answer('HEAD')).status).toBe(200)

    const eaters = Array.from({ length: 2 * LIMIT }, () => connect(server.port, '127.0.0.1'))
    onTestFinished(() => {
      for (const one of eaters) one.destroy()
    })
    for (const one of eaters) one.on('error', () => undefined)
    await vi.waitFor(() => expect(descriptorsOf(server.pid)).toBeGreaterThanOrEqual(LIMIT), { timeout: 60_000 })

    await early.write(head)
    const refused = await early.answer('HEAD')
    expect([refused.status, refused.header('retry-after')]).toEqual([503, '2'])
    wake.open()
    expect((await going.ended).answer).toMatchObject({ status: 204, headers: { 'upload-offset': String(LENGTH - 1) } })
    expect(server.running()).toBe(true)
    expect(server.log()).toMatch(/request\.failed .*EMFILE.*ulimit -n/)

    for (const one of eaters) one.destroy()
    early.cut()
    await vi.waitFor(() => expect(descriptorsOf(server.pid)).toBeLessThan(LIMIT / 2), { timeout: 60_000 })
    await look(siteOf(server), running)
    for (const one of [running, other]) await finishes(server, directory, one, random)
  },
)
