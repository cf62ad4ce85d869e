import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { content } from './support/content.ts'
import { temporaryFolder } from './support/folder.ts'
import { descriptorsOf } from './support/process.ts'
import { report, suiteRandom } from './support/random.ts'
import { type Server, startServer } from './support/server.ts'

const FLOOD = fileURLToPath(new URL('./fixtures/flood.mjs', import.meta.url))
const IDLE = 5_000
const SLOW = 500
const UPLOADS = 8
const LENGTH = 32 << 20
/** So many, and up to the most as long as the machine is too noisy to tell. */
const ROUNDS = 2
const MOST_ROUNDS = 10
const RATIO = 1.5
/** Descriptors for all of them, whatever the limit of the shell is. */
const ROOMY = ['prlimit', '--nofile=16384:16384']

test(`${UPLOADS} uploads beside ${IDLE} idle connections and ${SLOW} with headers that never end take at most half as long again as alone`, async () => {
  const random = suiteRandom('flood')
  const bytes = content(random.seed).bytes(0, LENGTH)
  const server = await startServer({ directory: await temporaryFolder(), durability: 'none', launcher: ROOMY })
  await uploads(server, bytes)
  const alone: number[] = []
  const beside: number[] = []
  const ratio = (): number => Math.min(...beside) / Math.min(...alone)
  for (let round = 0; round < ROUNDS || (round < MOST_ROUNDS && ratio() >= RATIO); round++) {
    alone.push(await uploads(server, bytes))
    const flood = await startFlood(server)
    beside.push(await uploads(server, bytes))
    // They were there all the time: nothing was won by throwing them out.
    expect(descriptorsOf(server.pid)).toBeGreaterThan(IDLE + SLOW)
    expect(await flood.closed()).toBe(0)
    await flood.end()
  }
  // The best of each: what other programs take comes on top of one or the other
  const [before, after] = [Math.min(...alone), Math.min(...beside)]
  const times = `${before.toFixed(0)} ms alone, ${after.toFixed(0)} ms beside ${IDLE + SLOW} connections`
  report(`${UPLOADS} uploads of ${LENGTH >> 20} MiB: ${times} (ratio ${ratio().toFixed(2)})`)
  expect(ratio()).toBeLessThan(RATIO)
  expect(server.running()).toBe(true)
})

/** Uploads all at once, and checks what is stored. Returns the milliseconds that the PATCHes took. */
async function uploads(server: Server, bytes: Buffer): Promise<number> {
  const headers = { 'Tus-Resumable': '1.0.0', 'Upload-Length': String(bytes.length) }
  const created = await Promise.all(
    Array.from({ length: UPLOADS }, () => fetch(`${server.origin}/files/`, { method: 'POST', headers })),
  )
  const urls = created.map((answer) => answer.headers.get('Location') ?? '')
  const begun = performance.now()
  const statuses = await Promise.all(urls.map((url) => patch(url, bytes)))
  const took = performance.now() - begun
  expect(statuses).toEqual(urls.map(() => 204))
  for (const url of urls) {
    const stored = Buffer.from(await (await fetch(url)).arrayBuffer())
    expect(stored.equals(bytes)).toBe(true)
    expect((await fetch(url, { method: 'DELETE', headers })).status).toBe(204)
  }
  return took
}

function patch(url: string, bytes: Buffer): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = {
      'Tus-Resumable': '1.0.0',
      'Upload-Offset': '0',
      'Content-Type': 'application/offset+octet-stream',
      'Content-Length': String(bytes.length),
    }
    const asked = request(url, { method: 'PATCH', headers, agent: false }, (answer) => {
      answer.resume().once('end', () => resolve(answer.statusCode))
    })
    asked.once('error', reject)
    asked.end(bytes)
  })
}

interface Flood {
  /** How many of its connections the server has closed. */
  closed(): Promise<number>
  end(): Promise<void>
}

async function startFlood(server: Server): Promise<Flood> {
  const [command = '', ...launcher] = ROOMY
  const args = [...launcher, process.execPath, FLOOD, String(server.port), String(IDLE), String(SLOW)]
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async (): Promise<string> => {
    const next = await lines.next()
    if (next.done) throw new Error('the flood ended before its time')
    return next.value
  }
  expect(await line()).toBe('ready')
  return {
    async closed() {
      child.stdin.write('\n')
      return Number((await line()).replace('closed ', ''))
    },
    async end() {
      child.stdin.end()
      await ended
    },
  }
}
