/**
 * What a failed sync leaves behind. The kernel reports that it could not bring bytes to the disk to one sync, takes their
 * pages for written, and lets the next sync succeed; it may forget what was in them, too. So a second try proves nothing, and
 * reading the file again proves nothing. Bytes that were not synced before count no more: the file is cut back to those that
 * were, and as long as even that fails, this knows how many they are.
 *
 * It lives as long as the process. A disk that refuses the sync and the cut, under a process that then dies, is beyond it.
 */
export interface Doubts {
  /** Bytes of a file that count at most; Infinity unless a sync of it failed. */
  limit(path: string): number
  /** All bytes up to `size` are on the disk. Worth telling only where each request syncs; of the latest files it is known. */
  synced(path: string, size: number): void
  /** A sync failed. From now on only those bytes count that are known to be on the disk: `known`, or those of `synced`. */
  raise(path: string, known?: number): void
  /** Nothing in the file is in doubt: it has been cut back. */
  settle(path: string): void
  /** The file is gone. */
  forget(path: string): void
}

/** Files of which it is known how far they were synced. For the others a failed sync leaves nothing to be sure of. */
const REMEMBERED = 10_000

export function createDoubts(): Doubts {
  const limits = new Map<string, number>()
  const sizes = new Map<string, number>()
  const limit = (path: string): number => limits.get(path) ?? Number.POSITIVE_INFINITY
  return {
    limit,
    synced(path, size) {
      // Those used last come last, so that the first is the one to forget.
      sizes.delete(path)
      sizes.set(path, size)
      const [oldest] = sizes.keys()
      if (sizes.size > REMEMBERED && oldest !== undefined) sizes.delete(oldest)
    },
    raise(path, known = sizes.get(path) ?? 0) {
      limits.set(path, Math.min(limit(path), known))
    },
    settle: (path) => {
      limits.delete(path)
    },
    forget(path) {
      limits.delete(path)
      sizes.delete(path)
    },
  }
}
