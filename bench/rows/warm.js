// @ts-check
import { MIB } from './sizes.js'

/** @typedef {import('../types.ts').Bed} Bed */

/**
 * Lets a server compile what large uploads need, so that a figure is not about its first second.
 * @param {Bed} bed
 */
export async function warmBytes({ client, port, size }) {
  const uploads = await client.do('create', { port, lengths: [Math.min(size, 128 * MIB)] })
  await client.do('upload', { port, uploads })
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
