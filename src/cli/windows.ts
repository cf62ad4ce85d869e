/**
 * Bytes that a client may send of one request without our reading them. What came of an upload that is held back waits in
 * memory, so this is a matter of all of them together: few get large windows, as one upload from far away would otherwise
 * wait for our permission most of the time; many get small ones.
 */
const LARGEST = 1024 * 1024

/** Of HTTP/2, before anything is agreed on (RFC 9113, section 6.9.2); the last byte was forgotten there. */
export const SMALLEST = 64 * 1024 - 1

/** Shares `total` bytes among the bodies that are on their way. */
export interface Windows {
  /** The window of each. */
  readonly size: number
  opened(): void
  closed(): void
}

/** `changed` is called after `size` has changed, which is seldom: sizes are powers of two, and grow later than they shrink. */
export function createWindows(total: number, changed: () => void): Windows {
  let bodies = 0
  let size = fitting(total, 0)
  const set = (next: number) => {
    if (next === size) return
    size = next
    changed()
  }
  return {
    get size() {
      return size
    },
    opened() {
      bodies += 1
      set(Math.min(size, fitting(total, bodies)))
    },
    closed() {
      bodies -= 1
      set(Math.max(size, fitting(total, 2 * bodies)))
    },
  }
}

function fitting(total: number, bodies: number): number {
  for (let size = LARGEST; size > SMALLEST; size /= 2) if (size * bodies <= total) return size
  return SMALLEST
}
