// @ts-check
import { checkUploads } from '../check.js'
import { KIB } from './sizes.js'
import { warmRequests } from './warm.js'

const LENGTH = 4 * KIB

/**
 * Small uploads: POST, PATCH and HEAD each.
 * @param {string} name
 * @param {number} connections
 * @param {number} count
 * @returns {import('../types.ts').Row}
 */
export function tiny(name, connections, count) {
  return {
    name,
    title: () => `POST + PATCH 4 KiB + HEAD, ${connections} connection${connections === 1 ? '' : 's'}`,
    unit: 'request',
    async trial(bed) {
      const { client, port, folder } = bed
      await warmRequests(bed, Math.ceil(count / 2))
      /** @type {readonly import('../client/tus.js').Upload[]} */
      let uploads = []
      return {
        async run() {
          const done = await client.do('tiny', { port, connections, count, length: LENGTH })
          uploads = done.uploads
          return { seconds: done.seconds, amount: 3 * count }
        },
        async check() {
          if (uploads.length !== count) throw new Error(`${uploads.length} of ${count} uploads were made`)
          await checkUploads(folder, uploads)
        },
      }
    },
  }
}
