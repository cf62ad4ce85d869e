// @ts-check
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

const START_LIMIT = 20_000

/**
 * Starts a peer on an empty folder, or on an empty bucket, and waits until it takes connections.
 * @param {import('./types.ts').Peer} peer
 * @param {string} folder
 * @param {import('./s3/service.js').Service | null} service
 * @param {import('./ending.js').Ending} ending
 */
export async function startServer(peer, folder, service, ending) {
  const port = await freePort()
  const place = peer.s3 === undefined ? folder : (service?.bucket.name ?? '')
  const [file, ...args] = peer.command(place, port, service?.endpoint ?? '')
  // Some that store in S3 keep parts in temporary files
  const env = { ...process.env, TMPDIR: folder, ...service?.variables }
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'], env })
  const stop = ending.owe(() => child.kill('SIGKILL'))
  let said = ''
  // The end of it is enough to tell what went wrong
  child.stderr.setEncoding('utf8').on('data', (/** @type {string} */ text) => (said = (said + text).slice(-2000)))
  const failure = new Promise((_, fail) => {
    child.once('error', (error) => fail(new Error(`${peer.name} could not be started: ${error.message}`)))
    child.once('exit', (code, signal) => fail(new Error(`${peer.name} ended (${signal ?? code}): ${said.trim()}`)))
  })
  // Only who waits for it is told
  failure.catch(() => {})
  try {
    await Promise.race([listening(peer, port), failure])
  } catch (error) {
    stop()
    throw error
  }
  return {
    port,
    pid: child.pid ?? 0,
    /**
     * The outcome of some work, or the server's end if that comes first.
     * @template T
     * @param {Promise<T>} work
     * @returns {Promise<T>}
     */
    during: (work) => Promise.race([work, /** @type {Promise<never>} */ (failure)]),
    /** Ends it, and waits until it is gone. */
    async stop() {
      const gone = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null
      stop()
      await gone
    },
  }
}

/**
 * @param {import('./types.ts').Peer} peer
 * @param {number} port
 */
async function listening(peer, port) {
  const limit = Date.now() + START_LIMIT
  while (!(await accepts(port))) {
    if (Date.now() > limit) throw new Error(`${peer.name} does not listen after ${START_LIMIT / 1000} s`)
    await delay(20)
  }
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function accepts(port) {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => done(true)).once('error', () => done(false))
    socket.once('connect', () => socket.destroy())
  })
}

/** tusd does not tell which port it took, so all peers get one that was free a moment ago. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  server.close()
  await once(server, 'close')
  return port
}
