/** Decides whether calls to the file system may block. */
export interface Pace {
  /** Whether a short call may block now. */
  blocking(): boolean
  /** Tells how long a call that blocked took, in milliseconds. */
  took(ms: number): void
}

/** Times in milliseconds. */
export interface PaceOptions {
  /** A call that takes longer is slow. Default: 20. With 0 no call ever blocks. */
  readonly slow?: number
  /** Longest time without blocking calls before one is tried again. Default: 60,000. */
  readonly rest?: number
  /** A clock that never goes back. Default: `performance.now`. */
  readonly now?: () => number
}

/** The first rest. Short, because the machine may merely have been busy with something else. */
const FIRST_REST = 500

/**
 * A blocking call to a quick folder costs a few microseconds, the way through the thread pool ten times as much. On a
 * network or a busy disk, however, a blocking call stops every request of the process. So: short calls block until one
 * takes longer than `slow`. Then none does for half a second, and if the first ones after that are slow again, for twice as
 * long as the last time, up to `rest`. Once calls have been quick for as long as the last rest, it begins anew.
 */
export function pace(options: PaceOptions = {}): Pace {
  const { slow = 20, rest: longest = 60_000, now = () => performance.now() } = options
  let rest = 0
  let restsUntil = slow > 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return {
    blocking: () => restsUntil === Number.NEGATIVE_INFINITY || now() >= restsUntil,
    took(ms) {
      if (ms <= slow) return
      const time = now()
      const again = time - ms < restsUntil + rest
      rest = Math.min(again ? rest * 2 : FIRST_REST, longest)
      restsUntil = time + rest
    },
  }
}
