import { mkdir, readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { attack, newToll, type Pool, pool } from '../abuse/attack.ts'
import { content } from './support/content.ts'
import { proveByDownload } from './support/download.ts'
import { inventory, proveOnDisk, temporaryFolder } from './support/folder.ts'
import { entry } from './support/ledger.ts'
import { descriptorsOf, mebibytes, memoryOf } from './support/process.ts'
import { type Random, report, suiteRandom } from './support/random.ts'
import { rounds } from './support/rounds.ts'
import { type Server, startServer } from './support/server.ts'
import { siteOf } from './support/traffic.ts'
import { begin, type Habits, upload } from './support/uploader.ts'

const REQUESTS = rounds(20_000, 50_000)
const ROUNDS = 10
const LANES = 64

/** Resident memory may rise by this much from the first half to the second: what V8 keeps for the next storm. */
const MARGIN = 48 << 20

const PLAIN: Habits = { step: [1, 300_000], checked: 0.3, wrong: 0, withContent: 0.3, cut: 0 }

test(`${REQUESTS} hostile requests bring no fault of ours, nothing outside the folder, and no growth; sound ones succeed`, async () => {
  const random = suiteRandom('abuse')
  const outer = await temporaryFolder()
  const directory = join(outer, 'uploads')
  await mkdir(join(outer, 'cwd'))
  // Warnings and errors only: there must be none.
  const server = await startServer({
    directory,
    launcher: ['env', '-C', join(outer, 'cwd')],
    more: ['-verbose=false', '-network-timeout', '2s', '-max-size', '100MB', '-header-timeout', '5s'],
  })
  const silent = leaveHanging(server)
  const targets = await targetsOf(server, random)
  const toll = newToll()
  const resting: { readonly memory: number; readonly descriptors: number }[] = []

  // What is compiled and allocated once is not growth.
  const plan = { port: server.port, targets, count: REQUESTS / ROUNDS, lanes: LANES, sound: 0.2 }
  await attack({ ...plan, random: random.fork('warm-up') }, newToll())
  for (let round = 0; round < ROUNDS; round++) {
    const own = random.fork(`round ${round}`)
    await Promise.all([attack({ ...plan, random: own }, toll), soundUploads(server, directory, own.fork('sound'))])
    resting.push(await atRest(server))
  }

  const counts = [...toll.statuses].sort(([one], [other]) => one - other)
  report(`${toll.requests} requests on ${toll.connections} connections`)
  report(counts.map(([status, count]) => `${status}: ${count}`).join(', '))
  report(`memory at rest: ${resting.map(({ memory }) => mebibytes(memory)).join(', ')}`)
  report(`descriptors at rest: ${resting.map(({ descriptors }) => descriptors).join(', ')}`)
  expect(toll.faults.slice(0, 5)).toEqual([])
  expect(toll.requests).toBeGreaterThanOrEqual(REQUESTS)
  expect(server.running()).toBe(true)
  expect(server.log()).not.toMatch(/ (ERROR|WARN) /)
  const half = resting.length / 2
  // The least of each half: how late garbage is collected is a matter of how busy the machine is
  const least = (list: typeof resting): number => Math.min(...list.map(({ memory }) => memory))
  expect(least(resting.slice(half))).toBeLessThan(least(resting.slice(0, half)) + MARGIN)
  const descriptors = resting.map((one) => one.descriptors)
  expect(Math.max(...descriptors.slice(half))).toBeLessThanOrEqual(Math.max(...descriptors.slice(0, half)))

  await silent
  await soundUploads(server, directory, random.fork('after'))
  expect(await namesIn(outer, 'uploads')).toEqual(['cwd', 'uploads'])
  expect((await inventory(directory)).others).toEqual([])
})

/** Connections that say nothing, or half of a request, and stay. Resolves once the server has let all of them go. */
async function leaveHanging(server: Server): Promise<void> {
  const post =
    'POST /files/ HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\n'
  const beginnings = [
    '',
    'G',
    'POST /files/ HTTP/1.1\r\nHost:',
    `${post}Upload-Length: 9\r\nContent-Length: 9\r\n\r\nhalf`,
  ]
  const sockets = beginnings.map((text) => {
    const socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => undefined).resume()
    socket.write(text)
    return socket
  })
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  await vi.waitFor(() => expect(sockets.map((socket) => socket.destroyed)).toEqual(sockets.map(() => true)), {
    timeout: 600_000,
    interval: 200,
  })
}

async function targetsOf(server: Server, random: Random): Promise<Pool> {
  const paths: string[] = []
  for (let number = 0; number < 20; number++) {
    const one = entry(`target-${number}`, content(`target-${number}`), random.int(1, 100_000))
    const how = { ...PLAIN, deferred: number % 4 === 0, partial: number % 3 === 0 }
    if (number % 2 === 0) await begin(siteOf(server), one, how, random)
    else await upload(siteOf(server), one, how, random)
    paths.push(one.path ?? '')
  }
  return pool(random.fork('pool'), paths)
}

/** What an ordinary client does meanwhile, on uploads that the attack does not know. */
async function soundUploads(server: Server, directory: string, random: Random): Promise<void> {
  for (let number = 0; number < 3; number++) {
    const one = entry(`${random.seed}/${number}`, content(`${random.seed}/${number}`), random.int(1, 400_000))
    await upload(siteOf(server), one, PLAIN, random)
    await proveByDownload(siteOf(server), one)
    await proveOnDisk(directory, one)
  }
}

/** Once the connections of the attack have gone. */
async function atRest(server: Server): Promise<{ readonly memory: number; readonly descriptors: number }> {
  let last = Number.NaN
  let since = performance.now()
  await vi.waitFor(
    () => {
      const now = descriptorsOf(server.pid)
      if (now !== last) since = performance.now()
      last = now
      expect(performance.now() - since).toBeGreaterThan(500)
    },
    { timeout: 60_000, interval: 50 },
  )
  return { memory: memoryOf(server.pid).resident, descriptors: last }
}

async function namesIn(folder: string, except: string): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true })
  return names.filter((name) => !name.startsWith(`${except}/`)).sort()
}
