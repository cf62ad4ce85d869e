import { UploadError } from '../core/errors.ts'
import { addressGroup } from '../engine/address.ts'
import { createBuckets } from '../engine/buckets.ts'

/** Counts requests by the address of their client, and refuses those that are too many. */
export interface Rate {
  /** @throws UploadError `too_many_requests`, with the seconds after which the next is welcome */
  check(address: string | null): void
}

/** Requests may come in bursts: what an address did not use of this many seconds is still its own. */
const BURST = 10

/**
 * Lets each address do `perSecond` requests a second on average over ten seconds; 0 is no limit. Requests without an address (a
 * Unix socket, Fetch without a context) are not limited. `now` in milliseconds, never going back.
 */
export function createRate(perSecond: number, now?: () => number): Rate {
  if (perSecond === 0) return { check: () => undefined }
  const buckets = createBuckets(now)
  return {
    check(address) {
      if (address === null) return
      const retryAfter = buckets.take(addressGroup(address), perSecond, perSecond * BURST)
      if (retryAfter > 0) throw new UploadError('too_many_requests', { retryAfter })
    },
  }
}
