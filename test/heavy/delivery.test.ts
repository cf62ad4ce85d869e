import { type ChildProcess, spawn } from 'node:child_process'
import { once, setMaxListeners } from 'node:events'
import { readdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { temporaryFolder } from './support/folder.ts'
import { type Random, report, suiteRandom } from './support/random.ts'
import { rounds } from './support/rounds.ts'

const FIXTURE = fileURLToPath(new URL('./fixtures/hooked.mjs', import.meta.url))
const CONTENT = 'what was uploaded'
/** Uploads under way when the server is killed. */
const AT_ONCE = 4

interface Told {
  readonly type: 'finish' | 'terminate'
  readonly upload: string
  readonly complete: boolean
  readonly event: string
  readonly attempt: number
}

/** What a client knows for sure of an upload. */
interface Known {
  readonly id: string
  complete: boolean
  removed: boolean
}

test('every completion and termination is told after a kill -9 between it and its delivery, in order, with one id', async () => {
  const kills = rounds(200, 600)
  const random = suiteRandom('delivery')
  const directory = await temporaryFolder()
  const receiver = await listen(random.fork('receiver'))
  const known: Known[] = []
  let [repeated, between] = [0, 0]

  for (let kill = 0; kill < kills; kill++) {
    const server = await begin(directory, receiver.url)
    const before = known.length
    const work = Array.from({ length: AT_ONCE }, (_, index) =>
      drive(server.origin, known, random.fork(`${kill} ${index}`)),
    )
    // At the arrival of an event of this life that is not answered yet, behind everything, or at any other instant.
    const mine = () => known.slice(before)
    const chosen = random.next()
    if (chosen < 0.4) await until(() => mine().some(({ id }) => receiver.arrived(id)))
    else if (chosen < 0.7) await Promise.all(work)
    else await new Promise((resolve) => setTimeout(resolve, random.int(0, 60)))
    await server.kill()
    receiver.forget()
    await Promise.all(work)
    if ((await waiting(directory)).length > 0) between++
  }

  const last = await begin(directory, receiver.url)
  receiver.calm()
  for (const one of known) one.complete ||= !one.removed && (await isComplete(last.origin, one.id))
  await vi.waitFor(async () => expect(await waiting(directory)).toEqual([]), { timeout: 60_000, interval: 50 })
  await last.kill()

  const told = receiver.told()
  for (const { id, complete, removed } of known) {
    const events = told.filter(({ upload }) => upload === id)
    const types = events.map(({ type }) => type)
    if (complete) expect(types, id).toContain('finish')
    if (removed) expect(types, id).toContain('terminate')
    // A termination before which the upload was complete: the completion was taken first.
    const [finish, terminate] = [types.lastIndexOf('finish'), types.indexOf('terminate')]
    if (complete && removed) expect(finish, `${id}: ${types}`).toBeLessThan(terminate)
    for (const type of ['finish', 'terminate'] as const) {
      const ids = new Set(events.filter((one) => one.type === type).map(({ event }) => event))
      expect(ids.size, `${id}: one id for ${type}`).toBeLessThanOrEqual(1)
    }
    if (types.length > new Set(types).size) repeated++
  }
  const [complete, removed] = [known.filter((one) => one.complete), known.filter((one) => one.removed)]
  report(
    `${kills} kills, ${between} of them with events waiting; ${known.length} uploads, ${complete.length} complete, ${removed.length} removed`,
  )
  report(`${told.length} events taken, of ${repeated} uploads some more than once`)
  // Else the test shows nothing.
  expect(between).toBeGreaterThan(kills / 10)
  expect(removed.length).toBeGreaterThan(kills / 10)
  expect(repeated).toBeGreaterThan(0)
})

/** One upload, and for half of them its removal. Ends with the server. */
async function drive(origin: string, known: Known[], random: Random): Promise<void> {
  const headers = { 'Tus-Resumable': '1.0.0' }
  try {
    const made = await fetch(`${origin}/files/`, {
      method: 'POST',
      headers: { ...headers, 'Upload-Length': String(CONTENT.length) },
    })
    const url = made.headers.get('location') ?? ''
    const one: Known = { id: url.split('/').at(-1) ?? '', complete: false, removed: false }
    known.push(one)
    const type = { 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': '0' }
    const sent = await fetch(url, { method: 'PATCH', headers: { ...headers, ...type }, body: CONTENT })
    one.complete = sent.status === 204
    if (!random.chance(0.5)) return
    one.removed = (await fetch(url, { method: 'DELETE', headers })).status === 204
  } catch (error) {
    // The server was killed.
    if (!(error instanceof TypeError)) throw error
  }
}

async function isComplete(origin: string, id: string): Promise<boolean> {
  const answer = await fetch(`${origin}/files/${id}`, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } })
  return answer.headers.get('upload-offset') === String(CONTENT.length)
}

async function until(condition: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(condition()).toBe(true), { timeout: 30_000, interval: 1 })
}

/** The notes of events that wait for delivery. */
async function waiting(directory: string): Promise<readonly string[]> {
  const names = await readdir(join(directory, '.tusker', 'outbox')).catch(() => [])
  return names.filter((name) => !name.endsWith('.tmp'))
}

/** Takes events, late, and some not at all. What came of a connection that broke was not taken, as far as the sender knows. */
async function listen(random: Random) {
  const all: Told[] = []
  const arrived = new Set<string>()
  let calm = false
  let gone = fresh()
  const server = createServer(async (request, response) => {
    const { signal } = gone
    const event: Told | null = JSON.parse(await text(request).catch(() => 'null'))
    if (event !== null) arrived.add(event.upload)
    if (!calm && random.chance(0.7)) await pause(random.int(0, 30), signal)
    if (!calm && random.chance(0.1)) {
      response.writeHead(503).end()
      return
    }
    // Taken, whether or not the sender lives to learn it.
    if (event !== null) all.push(event)
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    arrived: (id: string) => arrived.has(id),
    told: (): readonly Told[] => all,
    calm() {
      calm = true
    },
    /** Whoever sent what is under way is dead. */
    forget() {
      gone.abort()
      gone = fresh()
    },
  }
}

function fresh(): AbortController {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  return controller
}

/** So long, or until there is nobody left who waits. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

async function begin(directory: string, receiver: string) {
  const plan = JSON.stringify({ directory, durability: 'none', receiver })
  const child: ChildProcess = spawn(process.execPath, [FIXTURE, plan], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exited
  }
  onTestFinished(kill)
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString()))
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)))
  })
  return { origin: `http://127.0.0.1:${/listening (\d+)/.exec(line)?.[1]}`, kill }
}
