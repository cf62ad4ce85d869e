// @ts-check
import { contentAt } from '../body.js'
import { openConnection } from './connection.js'
import { create, offsetOf, send } from './tus.js'

/** @typedef {import('./tus.js').Upload} Upload */

/**
 * Small uploads, each by POST, PATCH and HEAD; every connection takes the next when it is done with one.
 * @param {{ port: number, connections: number, count: number, length: number }} order
 */
export async function tiny({ port, connections, count, length }) {
  const open = await Promise.all(Array.from({ length: connections }, () => openConnection(port)))
  /** @type {Upload[]} */
  const uploads = []
  let begun = 0
  try {
    const start = performance.now()
    await Promise.all(
      open.map(async (connection) => {
        while (begun < count) {
          const seed = ++begun
          const upload = { path: await create(connection, length), seed, length }
          await send(connection, upload, [contentAt(seed, 0, length)])
          offsetOf(await connection.request('HEAD', upload.path), length, 'HEAD')
          uploads.push(upload)
        }
      }),
    )
    return { seconds: (performance.now() - start) / 1000, uploads }
  } finally {
    for (const connection of open) connection.close()
  }
}
