/** Milliseconds that spare slabs beyond what is always kept may lie unused; at most twice as long. */
const UNUSED = 10_000

/** Slabs that nobody uses at the moment. */
export interface Spares {
  /** One of them, or a new one. */
  take(): Buffer
  give(slab: Buffer): void
}

/**
 * Keeps slabs for whoever comes next, because new memory is expensive: the system hands it out page by page, each filled with
 * zeros first, which was a tenth or more of all the CPU time of a large upload. Up to `kept` are kept for good; of others,
 * those that nobody has needed for some time go back to the system.
 * @param size bytes of a slab
 */
export function createSpares(size: number, kept: number): Spares {
  /** Used from the end, so that what is warm is used again, and the first are those that nobody needs. */
  const spares: Buffer[] = []
  /** How few there were at the least since the last look: so many were not needed. */
  let least = 0
  let isWatched = false

  function look(): void {
    isWatched = false
    spares.splice(0, Math.min(least, spares.length - kept))
    least = spares.length
    watch()
  }

  function watch(): void {
    if (isWatched || spares.length <= kept) return
    isWatched = true
    setTimeout(look, UNUSED).unref()
  }

  return {
    take() {
      const slab = spares.pop()
      least = Math.min(least, spares.length)
      return slab ?? Buffer.allocUnsafeSlow(size)
    },
    give(slab) {
      spares.push(slab)
      watch()
    },
  }
}
