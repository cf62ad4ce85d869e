// @ts-check
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { operationOf } from './operations.js'

/** Milliseconds without a call after which a server is done; some tidy up when they have answered. */
const QUIET = 500

/**
 * A proxy that counts what passes to the S3 service. It costs time, so nothing that goes through it is timed.
 * @param {string} endpoint
 */
export async function startCounter(endpoint) {
  const { hostname, port } = new URL(endpoint)
  /** @type {Map<string, number>} */
  let counts = new Map()
  let running = 0
  let lastEnd = 0
  const server = createServer((req, res) => {
    const { method = '', url = '' } = req
    const operation = operationOf(method, url, req.headers)
    counts.set(operation, (counts.get(operation) ?? 0) + 1)
    running++
    res.once('close', () => {
      running--
      lastEnd = performance.now()
    })
    // The client was told to go on already. Everything else stays as it was signed, the Host field among it
    const headers = req.rawHeaders.filter((_, index, all) => all[index - (index % 2)]?.toLowerCase() !== 'expect')
    const onward = request({ hostname, port, method, path: url, headers, setHost: false }, (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
      answer.pipe(res)
    })
    onward.on('error', () => res.destroy())
    req.pipe(onward)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the counting proxy has no port')
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    /** What was counted since the last time, by operation, in the order of their names, when nothing more comes. */
    async take() {
      while (running > 0 || performance.now() - lastEnd < QUIET) await delay(50)
      const taken = Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)))
      counts = new Map()
      return taken
    },
    stop() {
      server.close()
      server.closeAllConnections()
    },
  }
}
