// @ts-check
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, constants, openSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, open, rm, statfs } from 'node:fs/promises'
import { get } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** Memory that the servers may fill, in bytes; with less their files are on disk. */
const ROOM = 6 * 2 ** 30
const START_LIMIT = 180_000

/** Programs that administrators call are not on everybody's PATH. */
const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` }

/**
 * @typedef {{
 *   folder: string,
 *   address: string,
 *   failed: Promise<never>,
 *   run(program: string, args: readonly string[]): Promise<void>,
 *   daemon(name: string, program: string, args: readonly string[]): void,
 *   answers(url: string): Promise<void>,
 *   close(): Promise<void>,
 * }} House A folder and an address for the processes of one server, which all end with it.
 */

/**
 * @param {string} name
 * @returns {Promise<House>}
 */
export async function openHouse(name) {
  const folder = await mkdtemp(join(await place(), `tusker-${name}-`))
  const address = await freeAddress()
  await mkdir(join(folder, 'log'))
  /** @type {{ child: import('node:child_process').ChildProcess, gone: Promise<unknown> }[]} */
  const running = []
  let closed = false
  /** @type {(error: Error) => void} */
  let fail = () => {}
  /** @type {Promise<never>} */
  const failed = new Promise((_, reject) => (fail = reject))
  // Only who waits for it is told
  failed.catch(() => {})

  /** The end of what a program printed. @param {string} name */
  const said = (name) => readFileSync(join(folder, 'log', `${name}.out`), 'utf8').slice(-1000)
  /** @param {string} name @param {string} program @param {readonly string[]} args */
  const start = (name, program, args) => {
    const output = openSync(join(folder, 'log', `${name}.out`), 'w')
    // The kernel ends it when this process dies, however that happens
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], {
      env,
      cwd: folder,
      stdio: ['ignore', output, output],
    })
    closeSync(output)
    running.push({ child, gone: new Promise((resolve) => child.once('close', resolve).once('error', resolve)) })
    child.once('error', fail)
    return child
  }

  /** @type {House} */
  const house = {
    folder,
    address,
    failed,
    async run(program, args) {
      const name = basename(program)
      const ended = once(start(name, program, args), 'close')
      const [code, signal] = await Promise.race([ended, failed])
      if (code !== 0) throw new Error(`${name} ended (${signal ?? code}): ${said(name)}`)
    },
    daemon(name, program, args) {
      start(name, program, args).once('exit', (code, signal) => {
        if (!closed) fail(new Error(`${name} ended (${signal ?? code}): ${said(name)}`))
      })
    },
    async answers(url) {
      const limit = Date.now() + START_LIMIT
      while (!(await Promise.race([answered(url), failed]))) {
        if (Date.now() > limit) throw new Error(`${url} does not answer; see ${folder}`)
        await delay(50)
      }
    },
    async close() {
      closed = true
      // Nothing of theirs is kept, so there is nothing they would have to save
      for (const { child } of [...running].reverse()) child.kill('SIGKILL')
      await Promise.all(running.map(({ gone }) => gone))
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
  return house
}

/** Where files are in memory, if there is enough of it: several times as fast. */
async function place() {
  const memory = await statfs('/dev/shm').catch(() => null)
  if (memory === null || memory.bavail * memory.bsize < ROOM) return tmpdir()
  // Since Linux 6.6, as are the attributes of files that Swift needs
  const probe = join('/dev/shm', `tusker-${randomUUID()}`)
  try {
    await (await open(probe, constants.O_CREAT | constants.O_RDWR | constants.O_DIRECT)).close()
    return '/dev/shm'
  } catch {
    return tmpdir()
  } finally {
    await rm(probe, { force: true })
  }
}

/** An address of the loopback network that nobody else uses: on it all ports are free, whatever else runs. */
async function freeAddress() {
  for (let attempt = 0; attempt < 100; attempt++) {
    const numbers = [1, 2, 3].map(() => 1 + Math.floor(Math.random() * 253))
    const address = `127.${numbers.join('.')}`
    const server = createServer()
    try {
      // Held by nobody now, and for so short a time that nobody misses it
      server.listen(7480, address)
      await once(server, 'listening')
      await new Promise((resolve) => server.close(resolve))
      return address
    } catch {
      // Taken, or the port is taken on all addresses
    }
  }
  throw new Error('no address of 127.0.0.0/8 can be used')
}

/** @param {string} url */
function answered(url) {
  return new Promise((resolve) => {
    const request = get(url, { timeout: 5000, agent: false }, (response) => {
      response.resume()
      resolve((response.statusCode ?? 500) < 500)
    })
    request.once('timeout', () => request.destroy())
    request.once('error', () => resolve(false))
  })
}
