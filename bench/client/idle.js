// @ts-check
import { openConnection } from './connection.js'

/** @typedef {import('./connection.js').Connection} Connection */

/** Connections opened at once: fewer than the queue of any server for those that it has not accepted yet. */
const AT_ONCE = 100

/** @type {Connection[]} */
const held = []

/**
 * Opens connections, asks one question on each, and leaves them open.
 * @param {{ port: number, count: number }} order
 */
export async function hold({ port, count }) {
  // Those of a server that failed meanwhile
  for (const connection of held.splice(0)) connection.close()
  const start = performance.now()
  while (held.length < count) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - held.length) }, () => openConnection(port))
    held.push(...(await Promise.all(some)))
    await Promise.all(held.slice(-some.length).map((one) => one.request('OPTIONS', '/files/')))
  }
  return { seconds: (performance.now() - start) / 1000 }
}

/**
 * Closes them, and tells how many the server had left open.
 * @param {Record<string, never>} _order
 */
export async function letGo(_order) {
  const open = held.filter((connection) => connection.isOpen()).length
  for (const connection of held.splice(0)) connection.close()
  return { open }
}
