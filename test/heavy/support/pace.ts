import { setImmediate, setTimeout } from 'node:timers/promises'
import type { Content } from './content.ts'
import type { Random } from './random.ts'

/** How a client sends: pieces of so many bytes, and a pause after each. */
export interface Pace {
  readonly piece: number
  pause(signal: AbortSignal): Promise<unknown>
}

/** As fast as the socket takes it. */
export const eager: Pace = { piece: 64 << 10, pause: () => Promise.resolve() }

/** Pieces with a pause of up to `pause` milliseconds; 0 lets only the event loop turn. */
export function trickle(random: Random, piece: number, pause: number): Pace {
  return {
    piece,
    pause: (signal) =>
      pause === 0 ? setImmediate(undefined, { signal }) : setTimeout(random.int(1, pause), undefined, { signal }),
  }
}

/** A pace like those of real clients: most in small steps, some at once, some crawling. */
export function anyPace(random: Random): Pace {
  if (random.chance(0.2)) return eager
  if (random.chance(0.5)) return trickle(random, random.int(1, 64) << 10, 0)
  return trickle(random, random.int(4, 96) << 10, random.int(2, 12))
}

/** The bytes of `source` from `from` up to `to`, at a pace. */
export async function* slices(source: Content, from: number, to: number, pace: Pace, signal: AbortSignal) {
  for (let at = from; at < to && !signal.aborted; at += pace.piece) {
    yield source.bytes(at, Math.min(to, at + pace.piece))
    await pace.pause(signal)
  }
}

/** A door that is shut until `open` is called. */
export interface Gate {
  open(): void
  /** Resolves when it is open; rejects when the signal fires first. */
  pass(signal?: AbortSignal): Promise<void>
}

export function gate(): Gate {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return {
    open,
    pass: (signal) =>
      signal === undefined
        ? opened
        : new Promise((resolve, reject) => {
            const give = (): void => reject(signal.reason)
            if (signal.aborted) give()
            signal.addEventListener('abort', give, { once: true })
            opened.then(() => {
              signal.removeEventListener('abort', give)
              resolve()
            }, reject)
          }),
  }
}
