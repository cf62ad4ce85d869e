// @ts-check
import { checkUploads } from '../check.js'
import { GIB, KIB } from './sizes.js'

const COUNT = 1000
/** 32 KiB a second for each client, 31 MiB for all. */
const PACE = { step: 8 * KIB, pause: 250 }
const LENGTH = 20 * PACE.step

/**
 * Many slow clients: the row is about memory. No warm-up: what it leaves on the heap would be counted.
 * @type {import('../types.ts').Row}
 */
export const slow = {
  name: 'slow',
  title: () => `${COUNT} slow uploads at once, 32 KiB/s each`,
  unit: 'GiB',
  async trial({ client, port, folder }) {
    const uploads = await client.do('create', { port, lengths: Array(COUNT).fill(LENGTH) })
    return {
      run: async () => ({
        ...(await client.do('trickle', { port, uploads, ...PACE })),
        amount: (COUNT * LENGTH) / GIB,
      }),
      check: () => checkUploads(folder, uploads),
    }
  },
}
