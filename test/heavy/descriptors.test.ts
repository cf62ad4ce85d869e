import { Agent } from 'node:http'
import { expect, onTestFinished, test, vi } from 'vitest'
import { content } from './support/content.ts'
import { proveByDownload } from './support/download.ts'
import { inventory, temporaryFolder } from './support/folder.ts'
import { holdUp } from './support/held.ts'
import { type Entry, entry } from './support/ledger.ts'
import { descriptorsOf } from './support/process.ts'
import { type Random, report, suiteRandom } from './support/random.ts'
import { startServer } from './support/server.ts'
import { sendThrice } from './support/stall.ts'
import { siteOf, traffic } from './support/traffic.ts'
import { ask, create } from './support/tus.ts'
import { begin, type Habits, look, remove, type Site, step, upload } from './support/uploader.ts'

const REQUESTS = 500
const HABITS: Habits = { step: [1, 600 << 10], checked: 0.3, wrong: 0.3, withContent: 0.3, cut: 0.3 }

test.each(['file', 'memory'] as const)(
  `after ${REQUESTS} mixed requests, cut ones too, the server holds no more descriptors than before (%s locker)`,
  async (locker) => {
    const random = suiteRandom(`descriptors ${locker}`)
    const directory = await temporaryFolder()
    const server = await startServer({ directory, locker })
    const agent = new Agent({ keepAlive: true })
    onTestFinished(() => agent.destroy())
    const clients = traffic(random.fork('traffic'))
    clients.up(server.origin)

    // The first requests start threads and open what stays open.
    await mix(clients, agent, random.fork('first'), 100)
    agent.destroy()
    const before = await restingDescriptors(server.pid, Number.POSITIVE_INFINITY)
    const started = clients.count()
    await mix(clients, agent, random.fork('second'), REQUESTS)
    agent.destroy()
    const after = await restingDescriptors(server.pid, before)
    report(`${locker}: ${clients.count() - started} requests; descriptors ${before} before, ${after} after`)
    expect((await inventory(directory)).others).toEqual([])
  },
)

/** Requests of all kinds, twelve clients at once, until at least `count` have been made. */
async function mix(clients: ReturnType<typeof traffic>, agent: Agent, random: Random, count: number): Promise<void> {
  const until = clients.count() + count
  async function work(worker: number): Promise<void> {
    for (let turn = 0; clients.count() < until; turn++) {
      const own = random.fork(`${worker}-${turn}`)
      const one = entry(own.seed, content(own.seed), own.int(1, 2 << 20))
      await begin(clients, one, HABITS, own)
      await oddRequests(clients, agent, one, own)
      if (!one.complete) await step(clients, one, HABITS, own)
      if (!one.complete) await sendThrice(clients, one, own)
      if (own.chance(0.5)) {
        await upload(clients, one, HABITS, own)
        await proveByDownload(clients, one)
      }
      if (own.chance(0.5)) await remove(clients, one)
    }
  }
  await Promise.all(Array.from({ length: 12 }, (_, worker) => work(worker)))
}

/** What goes wrong in the field: unknown uploads, refused creations, abandoned downloads and bodies, takeovers. */
async function oddRequests(site: Site, agent: Agent, one: Entry, random: Random): Promise<void> {
  const origin = await site.origin()
  const kept = random.chance(0.5) ? agent : undefined
  const requests = [
    ask('GET', origin, one.path ?? '', kept),
    ask('HEAD', origin, '/files/00000000000000000000000000000000', kept),
    ask('DELETE', origin, '/files/../../etc/passwd', kept),
    create(origin, { key: 'refused', length: -1, ...(kept ? { agent: kept } : {}) }),
    create(origin, { key: 'no such part', concat: ['/files/00000000000000000000000000000000'] }),
  ]
  for (const request of requests) site.track('look', request)
  await Promise.all(requests.map(({ ended }) => ended))
  if (one.complete || !random.chance(0.3)) return
  const held = holdUp(origin, one, random.int(one.acknowledged, one.length))
  site.track('append', held.exchange)
  if (random.chance(0.5)) await look(siteOf({ origin }), one)
  held.exchange.cut()
  await held.exchange.ended
  await look(site, one)
}

/** How many it holds once there are at most `most` of them and their number stays the same for a second. */
async function restingDescriptors(pid: number, most: number): Promise<number> {
  let last = Number.NaN
  let since = performance.now()
  await vi.waitFor(
    () => {
      const now = descriptorsOf(pid)
      if (now !== last) since = performance.now()
      last = now
      expect(now).toBeLessThanOrEqual(most)
      expect(performance.now() - since).toBeGreaterThan(1000)
    },
    { timeout: 60_000, interval: 50 },
  )
  return last
}
