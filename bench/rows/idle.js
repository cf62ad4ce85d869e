// @ts-check
import { readFileSync } from 'node:fs'
import { Unsupported } from '../unsupported.js'

const COUNT = 5000
/** What a server has open beside them. */
const OTHERS = 200

/**
 * Connections that asked one question and stay: the row is about memory.
 * @type {import('../types.ts').Row}
 */
export const idle = {
  name: 'idle',
  title: () => `${COUNT} idle connections (one OPTIONS each)`,
  unit: 'connection',
  async trial({ client, port }) {
    const limit = openFiles()
    if (limit < COUNT + OTHERS) {
      throw new Unsupported(`needs ${COUNT + OTHERS} open files a process, and ${limit} are allowed (ulimit -Hn)`)
    }
    return {
      async run() {
        const { seconds } = await client.do('hold', { port, count: COUNT })
        const { open } = await client.do('letGo', {})
        const note = open === COUNT ? {} : { note: `it had closed ${COUNT - open} of them by then` }
        return { seconds, amount: COUNT, ...note }
      },
      check: async () => {},
    }
  },
}

/** Node raises its own limit, and so that of its children, to the hard one when it starts. */
function openFiles() {
  const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit)
}
