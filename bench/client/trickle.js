// @ts-check
import { setTimeout as delay } from 'node:timers/promises'
import { contentAt } from '../body.js'
import { openConnection } from './connection.js'
import { send } from './tus.js'

/** @typedef {import('./tus.js').Upload} Upload */

/**
 * Sends all uploads at once and slowly: a step, then a pause. They begin spread over one pause, so that not all steps fall together.
 * @param {{ port: number, uploads: readonly Upload[], step: number, pause: number }} order `step` in bytes, `pause` in milliseconds
 */
export async function trickle({ port, uploads, step, pause }) {
  const connections = await Promise.all(uploads.map(() => openConnection(port)))
  try {
    const start = performance.now()
    await Promise.all(
      connections.map(async (connection, index) => {
        const one = uploads[index]
        if (one === undefined) return
        await delay((pause * index) / uploads.length)
        await send(connection, one, slowly(one, step, pause))
      }),
    )
    return { seconds: (performance.now() - start) / 1000 }
  } finally {
    for (const connection of connections) connection.close()
  }
}

/**
 * @param {Upload} upload
 * @param {number} step
 * @param {number} pause
 */
async function* slowly({ seed, length }, step, pause) {
  for (let position = 0; position < length; position += step) {
    if (position > 0) await delay(pause)
    yield contentAt(seed, position, Math.min(step, length - position))
  }
}
