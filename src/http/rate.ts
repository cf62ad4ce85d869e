import { UploadError } from '../core/errors.ts'
import { addressGroup } from './address.ts'

/** Counts requests by the address of their client, and refuses those that are too many. */
export interface Rate {
  /** @throws UploadError `too_many_requests`, with the seconds after which the next is welcome */
  check(address: string | null): void
}

/** Requests may come in bursts: what an address did not use of this many seconds is still its own. */
const BURST = 10

/** Addresses in a generation. Two are remembered, so that those who are silent for longest are forgotten at little cost. */
const GENERATION = 32_768

/**
 * Lets each address do `perSecond` requests a second on average over ten seconds; 0 is no limit. Requests without an address (a
 * Unix socket, Fetch without a context) are not limited. `now` in milliseconds, never going back.
 */
export function createRate(perSecond: number, now: () => number = () => performance.now()): Rate {
  if (perSecond === 0) return { check: () => undefined }
  const most = perSecond * BURST
  type Buckets = Map<string, { readonly left: number; readonly at: number }>
  let [young, old]: [Buckets, Buckets] = [new Map(), new Map()]
  return {
    check(address) {
      if (address === null) return
      const key = addressGroup(address)
      const bucket = young.get(key) ?? old.get(key)
      const at = now()
      const left = bucket === undefined ? most : Math.min(most, bucket.left + ((at - bucket.at) / 1000) * perSecond)
      young.set(key, { left: left < 1 ? left : left - 1, at })
      if (young.size >= GENERATION) [young, old] = [new Map(), young]
      if (left >= 1) return
      throw new UploadError('too_many_requests', { retryAfter: Math.max(1, Math.ceil((1 - left) / perSecond)) })
    },
  }
}
