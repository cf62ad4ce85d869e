// @ts-check
import { MIB } from './sizes.js'

/** @typedef {import('../types.ts').Bed} Bed */

/**
 * Lets a server compile what large uploads need, so that a figure is not about its first second. `job` sends uploads the way that is
 * measured.
 * @param {Bed} bed
 * @param {(uploads: readonly import('../client/tus.js').Upload[]) => Promise<unknown>} [job]
 */
export async function warmBytes({ client, port, size }, job = (uploads) => client.do('upload', { port, uploads })) {
  const uploads = await client.do('create', { port, lengths: [Math.min(size, 128 * MIB)] })
  await job(uploads)
}

/**
 * The same for small uploads. V8 compiles what they need well only after thousands of requests, and until then the CPU time
 * of each is higher.
 * @param {Bed} bed
 * @param {number} count
 */
export async function warmRequests({ client, port }, count) {
  await client.do('tiny', { port, connections: 16, count, length: 4096 })
}
