/** Names in a generation. Two are remembered, so that those who are silent for longest are forgotten at little cost. */
const GENERATION = 32_768

/** Lets each of many do something so often, by token buckets. */
export interface Buckets {
  /**
   * One more time for `key`. Returns 0 if it may, or the seconds after which it may again.
   * @param perSecond how often it may on average
   * @param most how often at once, after a silence
   */
  take(key: string, perSecond: number, most: number): number
}

/** @param now milliseconds, never going back */
export function createBuckets(now: () => number = () => performance.now()): Buckets {
  type Generation = Map<string, { readonly left: number; readonly at: number }>
  let [young, old]: [Generation, Generation] = [new Map(), new Map()]
  return {
    take(key, perSecond, most) {
      const bucket = young.get(key) ?? old.get(key)
      const at = now()
      const left = bucket === undefined ? most : Math.min(most, bucket.left + ((at - bucket.at) / 1000) * perSecond)
      young.set(key, { left: left < 1 ? left : left - 1, at })
      if (young.size >= GENERATION) [young, old] = [new Map(), young]
      return left >= 1 ? 0 : Math.max(1, Math.ceil((1 - left) / perSecond))
    },
  }
}
