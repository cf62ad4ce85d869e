import { createConnection, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { gate } from '../heavy/support/pace.ts'
import type { Random } from '../heavy/support/random.ts'
import { greeting, hostileRequest, misframed, printed } from './requests.ts'

/** Requests on one connection, at most. */
const PIPELINE = 8
/** Longest time that a server may keep a connection after its client has closed its side, in milliseconds. */
const LETS_GO = 120_000

/** Paths of uploads that exist, or did. The oldest are forgotten. */
export interface Pool {
  pick(): string
  add(path: string): void
}

/** A pool that starts with some paths; there must be one at least. */
export function pool(random: Random, first: readonly string[]): Pool {
  const paths = [...first]
  return {
    pick: () => random.pick(paths),
    add(path) {
      if (paths.length < 300) paths.push(path)
      else paths[random.int(0, paths.length - 1)] = path
    },
  }
}

/** What came of an attack. */
export interface Toll {
  requests: number
  connections: number
  /** How often each status came. */
  readonly statuses: Map<number, number>
  /** What must not be: answers that are our fault, connections that are not let go, sound requests that failed. */
  readonly faults: string[]
}

export function newToll(): Toll {
  return { requests: 0, connections: 0, statuses: new Map(), faults: [] }
}

/** The client's own silence, methods that nobody knows, and stores that are told to stop: not our fault. */
const THEIR_FAULT = /ERR_READ_TIMEOUT|ERR_NOT_IMPLEMENTED/

export interface AttackPlan {
  readonly port: number
  readonly targets: Pool
  readonly random: Random
  /** Requests to generate. */
  readonly count: number
  /** Connections at once. */
  readonly lanes: number
  /** Share of the connections that begin with a sound request, which must succeed whatever follows it. */
  readonly sound: number
}

/** Sends hostile requests over raw connections. Every connection must be answered or closed within its time. */
export async function attack(plan: AttackPlan, toll: Toll): Promise<void> {
  const until = toll.requests + plan.count
  const lane = async (number: number): Promise<void> => {
    for (let turn = 0; toll.requests < until; turn++) await assail(plan, plan.random.fork(`${number}-${turn}`), toll)
  }
  await Promise.all(Array.from({ length: plan.lanes }, (_, number) => lane(number)))
}

async function assail({ port, targets, sound }: AttackPlan, random: Random, toll: Toll): Promise<void> {
  const host = `127.0.0.1:${port}`
  const soundFirst = random.chance(sound)
  const count = random.chance(0.4) ? 1 : random.int(2, PIPELINE)
  const requests = Array.from({ length: count }, (_, index) => {
    if (soundFirst && index === 0) return soundCreation(host)
    if (random.chance(0.03)) return greeting(random)
    const request = hostileRequest(random, '/files/', targets.pick, host)
    return random.chance(0.35) ? misframed(random, request) : printed(request)
  })
  toll.requests += requests.length
  toll.connections++
  const got = soundFirst
    ? await converse(port, Buffer.concat(requests), random, 'after an answer', OWED)
    : await converse(port, Buffer.concat(requests), random, random.pick(LEAVES), WAITS)
  const fault = (what: string): void => {
    const sent = requests.map((one) => one.toString('latin1', 0, 500)).join(' | ')
    toll.faults.push(`${what}; sent ${JSON.stringify(sent)}; got ${JSON.stringify(got.text.slice(0, 500))}`)
  }
  if (!got.closed) fault('the connection was not let go')
  if (soundFirst && !got.text.startsWith('HTTP/1.1 201 ')) fault('a sound request was not answered with 201')
  note(got.text, targets, toll, fault)
}

function soundCreation(host: string): Buffer {
  return printed({
    method: 'POST',
    target: '/files/',
    fields: [
      ['Host', host],
      ['Tus-Resumable', '1.0.0'],
      ['Upload-Length', '5'],
      ['Content-Type', 'application/offset+octet-stream'],
    ],
    body: Buffer.from('hello'),
  })
}

function note(text: string, targets: Pool, toll: Toll, fault: (what: string) => void): void {
  for (const answer of text.split(/(?=HTTP\/1\.1 [1-5]\d\d )/)) {
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 0)
    if (status === 0) continue
    toll.statuses.set(status, (toll.statuses.get(status) ?? 0) + 1)
    const location = /\r\nLocation: https?:\/\/[^/]*(\/files\/[0-9a-f]{32})\r\n/i.exec(answer)?.[1]
    if (location !== undefined) targets.add(location)
    if (status >= 500 && !THEIR_FAULT.test(answer)) fault(`it answered ${status}`)
    if (/\r\nX-Injected:/i.test(answer)) fault('a field was injected')
  }
}

/**
 * When a client closes its side. Node takes the end of a client's bytes for its leaving, and answers nothing any more: so who
 * wants an answer waits for it; who waits for what never comes closes after a while.
 */
const LEAVES = ['at once', 'at once', 'after an answer', 'by reset'] as const
type Leaves = (typeof LEAVES)[number]

/** Milliseconds for which a client waits for an answer that may not be owed; one that is owed gets longer. */
const WAITS = 150
const OWED = 120_000

interface Conversation {
  readonly text: string
  /** Whether the server let the connection go in time. */
  readonly closed: boolean
}

/** Writes everything, closes our side, and listens until the server closes its side. */
async function converse(
  port: number,
  bytes: Buffer,
  random: Random,
  leaves: Leaves,
  waits: number,
): Promise<Conversation> {
  const socket = createConnection({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  const chunks: Buffer[] = []
  const answered = gate()
  let over = false
  const timers: NodeJS.Timeout[] = []
  const ended = new Promise<boolean>((resolve) => {
    const finish = (closed: boolean): void => {
      over = true
      answered.open()
      resolve(closed)
    }
    timers.push(setTimeout(finish, LETS_GO, false), setTimeout(answered.open, waits))
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      answered.open()
    })
    // A reset is an end, too.
    socket.on('end', () => finish(true)).on('error', () => finish(true))
    socket.on('close', () => finish(true))
  })
  await write(socket, bytes, random, () => over)
  if (leaves === 'after an answer') await answered.pass()
  if (leaves === 'by reset') socket.resetAndDestroy()
  else socket.end()
  const closed = await ended
  for (const timer of timers) clearTimeout(timer)
  socket.destroy()
  return { text: Buffer.concat(chunks).toString('latin1'), closed }
}

/** In one piece, or in some, so that the server sees beginnings. */
async function write(socket: Socket, bytes: Buffer, random: Random, over: () => boolean): Promise<void> {
  const pieces = random.chance(0.6) ? 1 : random.int(2, 6)
  for (let piece = 0, at = 0; piece < pieces && !over(); piece++) {
    const end = piece === pieces - 1 ? bytes.length : random.int(at, bytes.length)
    socket.write(bytes.subarray(at, end))
    at = end
    if (piece < pieces - 1) await setImmediate()
  }
}
