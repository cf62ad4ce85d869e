/** About what a socket delivers at once: how many sources to wake for the bytes that became free. */
const CHUNK = 64 * 1024

/**
 * The ceiling on bytes that all requests together hold in memory on their way to the store. It does not refuse; a source
 * that finds it full pauses its client and is woken when bytes have gone, the one that has waited longest first.
 */
export class Budget {
  readonly #ceiling: number
  readonly #waiting = new Set<() => void>()
  #used = 0

  /** `ceiling` in bytes. */
  constructor(ceiling: number) {
    this.#ceiling = ceiling
  }

  /** Bytes in memory now. May pass the ceiling by what one read of each socket delivers. */
  get used(): number {
    return this.#used
  }

  get full(): boolean {
    return this.#used >= this.#ceiling
  }

  take(bytes: number): void {
    this.#used += bytes
  }

  give(bytes: number): void {
    this.#used -= bytes
    // Not all at once: a thousand sources that wake together would go through the ceiling together.
    let wakes = Math.ceil(bytes / CHUNK)
    for (const wake of this.#waiting) {
      if (this.full || wakes-- <= 0) return
      this.#waiting.delete(wake)
      wake()
    }
  }

  /** Calls `wake` once when there is room. */
  wait(wake: () => void): void {
    this.#waiting.add(wake)
  }

  forget(wake: () => void): void {
    this.#waiting.delete(wake)
  }
}
