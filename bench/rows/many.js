// @ts-check
import { checkUploads } from '../check.js'
import { GIB, sizeText } from './sizes.js'
import { warmBytes } from './warm.js'

/**
 * Uploads at once, each one PATCH on its own connection, of `size` bytes together.
 * @param {string} name
 * @param {number} count
 * @returns {import('../types.ts').Row}
 */
export function many(name, count) {
  return {
    name,
    title: (size) =>
      count === 1 ? `one PATCH of ${sizeText(size)}` : `${count} uploads at once, ${sizeText(size)} in all`,
    unit: 'GiB',
    fills: true,
    async trial(bed) {
      const { client, port, size, folder } = bed
      await warmBytes(bed)
      const length = Math.floor(size / count)
      const uploads = await client.do('create', { port, lengths: Array(count).fill(length) })
      return {
        run: async () => ({ ...(await client.do('upload', { port, uploads })), amount: (length * count) / GIB }),
        check: () => checkUploads(folder, uploads),
      }
    },
  }
}
