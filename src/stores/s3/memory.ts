import { createSpares } from './spares.ts'

/** Bytes of one piece of memory: small enough for hundreds of slow uploads, large enough for few system calls. */
export const SLAB = 256 * 1024

/** Spare slabs that are kept for good, in bytes. */
const KEPT = 64 * 1024 * 1024

/** Milliseconds after which a waiting append goes before all that came later. */
const LONG_WAIT = 1000

/** Milliseconds without bytes from its client after which an append counts as idle. */
const IDLE = 1000

/** Milliseconds that somebody waits before idle ones put away what they have, though memory is on its way back. */
const PATIENCE = 500

/** Milliseconds between two idle ones that are asked to: one at a time, so that no more do than need be. */
const PACE = 100

/** What one append has gathered. */
export interface Claimant {
  /** Bytes of slabs it holds for bytes that are not on their way to the service: what a spill would free. */
  readonly gathered: number
  /** When its client last brought bytes: `performance.now()`. */
  readonly fedAt: number
  /**
   * Puts away what it has gathered: begins at once, and reports the bytes by {@link Memory.sending} before it returns; gives
   * the slabs back once they are stored. Never throws. Not called from within a call to the memory, and not called again
   * before `gathered` is above 0 again.
   */
  spill(): void
}

/** The memory of all appends of a store together. Nobody waits in it for ever as long as sending comes to an end. */
export interface Memory {
  /** Bytes of slabs handed out; never above the limit. */
  readonly used: number
  /** Before its first take. */
  enter(claimant: Claimant): void
  /**
   * After its last give. Its takes that still wait are rejected with an Error, which nobody needs to handle. One that has
   * been answered stays answered: that slab must be given back whatever happens.
   */
  leave(claimant: Claimant): void
  /** A slab of {@link SLAB} bytes with anything in it; at once (no promise) if one is free, else when there is one. */
  take(claimant: Claimant): Buffer | Promise<Buffer>
  /**
   * Takes slabs back, which belong to others from then on.
   * @throws Error if one of them is not handed out: two uploads would write into the same memory
   */
  give(slabs: readonly Buffer[]): void
  /** So many bytes of slabs are on their way to the service and come back by themselves; negative: they have. */
  sending(bytes: number): void
}

interface Waiter {
  readonly claimant: Claimant
  readonly since: number
  resolve(slab: Buffer): void
  reject(error: Error): void
}

/**
 * Memory for parts, in slabs. A free slab goes to who has waited for more than a second, the oldest first, and otherwise to
 * who has gathered most: its part is finished soonest and frees most. If somebody waits and nothing comes back by itself,
 * somebody is asked to spill: the idle one that has gathered most, or else the busy one that has gathered least, be it the
 * one that waits (a part may be larger than all memory).
 * @param limit in bytes, at least {@link SLAB}
 */
export function createMemory(limit: number): Memory {
  const out = new Set<Buffer>()
  const spares = createSpares(SLAB, KEPT / SLAB)
  const claimants = new Set<Claimant>()
  /** The oldest first. */
  const waiters = new Set<Waiter>()
  const mostSlabs = Math.floor(limit / SLAB)
  let bytesSending = 0
  let isDue = false
  let timer: NodeJS.Timeout | null = null

  function handOut(): Buffer {
    const slab = spares.take()
    out.add(slab)
    return slab
  }

  function serve(): void {
    const now = performance.now()
    while (waiters.size > 0 && out.size < mostSlabs) {
      const next = nextOf(waiters, now)
      if (next === null) break
      waiters.delete(next)
      next.resolve(handOut())
    }
    watch()
  }

  /**
   * Looks for somebody to spill once whoever calls has finished: it may give slabs back and report them in any order, and is
   * not to be asked in the middle of it.
   */
  function relieveSoon(): void {
    if (isDue || waiters.size === 0) return
    isDue = true
    queueMicrotask(() => {
      isDue = false
      relieve()
    })
  }

  function relieve(): void {
    const asked = new Set<Claimant>()
    // Whoever spills has something on its way afterwards. Unless it broke its word: then the next one is asked.
    while (waiters.size > 0 && bytesSending <= 0 && asked.size < claimants.size) {
      const now = performance.now()
      const others = asked.size === 0 ? claimants : [...claimants].filter((claimant) => !asked.has(claimant))
      const claimant = idleWithMost(others, held(), now) ?? busyWithLeast(others)
      if (claimant === null) return
      asked.add(claimant)
      claimant.spill()
    }
  }

  /** Who waits. Their clients are held back and bring nothing because of that. */
  function held(): ReadonlySet<Claimant> {
    return new Set([...waiters].map(({ claimant }) => claimant))
  }

  /** One timer while somebody waits: who gathers does not tell, and idle ones become so by doing nothing. */
  function watch(): void {
    if (waiters.size === 0) {
      if (timer !== null) clearTimeout(timer)
      timer = null
      return
    }
    if (timer !== null) return
    const [oldest] = waiters
    const waited = performance.now() - (oldest?.since ?? 0)
    timer = setTimeout(tick, Math.max(PACE, PATIENCE - waited))
  }

  function tick(): void {
    timer = null
    const now = performance.now()
    const [oldest] = waiters
    if (bytesSending <= 0) relieve()
    else if (oldest !== undefined && now - oldest.since >= PATIENCE) idleWithMost(claimants, held(), now)?.spill()
    watch()
  }

  return {
    get used() {
      return out.size * SLAB
    },
    enter(claimant) {
      claimants.add(claimant)
    },
    leave(claimant) {
      claimants.delete(claimant)
      for (const waiter of waiters) {
        if (waiter.claimant !== claimant) continue
        waiters.delete(waiter)
        waiter.reject(new Error('the append that waited for memory is over'))
      }
      watch()
      relieveSoon()
    },
    take(claimant) {
      // While somebody waits there is nothing free: what comes back is handed out at once.
      if (out.size < mostSlabs) return handOut()
      const slab = new Promise<Buffer>((resolve, reject) => {
        waiters.add({ claimant, since: performance.now(), resolve, reject })
      })
      slab.catch(() => {})
      watch()
      relieveSoon()
      return slab
    },
    give(slabs) {
      const ours = slabs.filter((slab) => out.delete(slab))
      for (const slab of ours) spares.give(slab)
      serve()
      relieveSoon()
      if (ours.length < slabs.length) throw new Error('a slab was given back that is not handed out')
    },
    sending(bytes) {
      bytesSending += bytes
      if (bytes < 0) relieveSoon()
    },
  }
}

function nextOf(waiters: Iterable<Waiter>, now: number): Waiter | null {
  let next: Waiter | null = null
  for (const waiter of waiters) {
    if (next === null && now - waiter.since > LONG_WAIT) return waiter
    if (next === null || waiter.claimant.gathered > next.claimant.gathered) next = waiter
  }
  return next
}

function idleWithMost(claimants: Iterable<Claimant>, held: ReadonlySet<Claimant>, now: number): Claimant | null {
  let most: Claimant | null = null
  for (const claimant of claimants) {
    if (claimant.gathered === 0 || now - claimant.fedAt < IDLE || held.has(claimant)) continue
    if (most === null || claimant.gathered > most.gathered) most = claimant
  }
  return most
}

/** Less than a slab is not worth a call, unless nobody has more. */
function busyWithLeast(claimants: Iterable<Claimant>): Claimant | null {
  let least: Claimant | null = null
  for (const claimant of claimants) {
    if (claimant.gathered === 0) continue
    if (least === null || rankOf(claimant) < rankOf(least)) least = claimant
  }
  return least
}

function rankOf({ gathered }: Claimant): number {
  return gathered >= SLAB ? gathered : Number.MAX_SAFE_INTEGER - gathered
}
