// @ts-check
import { basename, join } from 'node:path'
import { checkFile } from '../check.js'
import { Unsupported } from '../unsupported.js'
import { GIB, sizeText } from './sizes.js'
import { warmBytes } from './warm.js'

const PARTS = 4

/**
 * The final POST of partial uploads that are there already.
 * @type {import('../types.ts').Row}
 */
export const concat = {
  name: 'concat',
  title: (size) => `concatenation of ${PARTS} x ${sizeText(size / PARTS)} (the final POST)`,
  unit: 'GiB',
  fills: true,
  async trial(bed) {
    const { client, port, size, folder } = bed
    if (!(await client.do('extensions', { port })).includes('concatenation')) {
      throw new Unsupported('does not offer concatenation')
    }
    await warmBytes(bed)
    const length = Math.floor(size / PARTS)
    const parts = await client.do('create', { port, lengths: Array(PARTS).fill(length), partial: true })
    await client.do('upload', { port, uploads: parts })
    let path = ''
    return {
      async run() {
        const joined = await client.do('join', { port, parts })
        path = joined.path
        return { seconds: joined.seconds, amount: (length * PARTS) / GIB }
      },
      check: () => checkFile(join(folder, basename(path)), parts),
    }
  },
}
