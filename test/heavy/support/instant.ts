import { setTimeout } from 'node:timers/promises'
import type { Random } from './random.ts'
import type { Traffic } from './traffic.ts'
import type { Kind } from './uploader.ts'

/** No instant is waited for longer than this, in milliseconds: then now is as good. */
const LIMIT = 1500

const OFTEN: readonly Kind[] = ['append', 'checked append', 'create', 'create with content', 'remove']

/**
 * Waits for a random instant: any moment; or, so that short ones are hit as well, the beginning, the middle or the end of a
 * request of a kind.
 */
export async function randomInstant(traffic: Traffic, random: Random): Promise<void> {
  const over = new AbortController()
  const limit = setTimeout(LIMIT, undefined, { signal: over.signal }).catch(() => undefined)
  await Promise.race([someInstant(traffic, random), limit])
  over.abort()
}

async function someInstant(traffic: Traffic, random: Random): Promise<void> {
  const draw = random.next()
  if (draw < 0.35) {
    await setTimeout(random.int(0, 400))
    return
  }
  const kind = draw < 0.6 ? 'join' : random.pick(OFTEN)
  await setTimeout(random.int(0, 100))
  const { exchange } = await traffic.meet(kind)
  // Right after the last byte is out the server still has to write, to rename, to sync and to answer.
  if (random.chance(0.6)) await exchange.bodyOut
  if (random.chance(0.8)) await setTimeout(random.next() * random.pick([2, 5, 15, 40]))
}
