import type { Content } from './content.ts'

/** Thrown when a server broke a promise; the text says which. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise'
}

/** What the client knows about one upload, and so what it may hold the server to. */
export interface Entry {
  readonly key: string
  readonly content: Content
  readonly length: number
  /** Made by concatenation: it has no offset before it is complete. */
  readonly final: boolean
  /** Path of its URL; null until the server has told. */
  readonly path: string | null
  /** The highest offset that the server has answered. */
  readonly acknowledged: number
  /** The server knows its length, and has said that it stands there. */
  readonly complete: boolean
  /** The server knows its length. */
  readonly declared: boolean
  /** Somebody has begun to terminate it: it may be gone. */
  readonly removed: boolean
  /** A request begins to create it anew: what an earlier one, whose answer was lost, may have created is another upload. */
  creating(): void
  created(path: string): void
  /** The server has answered that it knows the length. */
  declare(): void
  /** A request begins to send bytes at `from`. Returns how to note that bytes up to `to` have gone out. */
  sending(from: number): (to: number) => void
  /** As `sending`, for bytes that count as a whole or not at all (but see `isPartOfVerified`). */
  sendingChecked(from: number, to: number): CheckedStretch
  /** The server said that the upload stands at `offset`. Throws `BrokenPromise` if it cannot. */
  stands(offset: number): void
  /** All requests that were on their way are dead: nothing beyond what was acknowledged can still arrive. */
  settled(): void
  remove(): void
}

/** A stretch with a checksum whose answer is not known yet. */
export interface CheckedStretch {
  /** All of it is on its way: from now on it may count. */
  whole(): void
}

/** Longest body, in bytes, that waits in memory for its verdict; a longer one counts as a whole or not at all. */
const VERIFIED_IN_MEMORY = 64 * 1024

/** Opens the account of an upload of `length` bytes. */
export function entry(key: string, content: Content, length: number, final = false): Entry {
  let path: string | null = null
  let acknowledged = 0
  let reach = 0
  let declared = false
  let removed = false
  let checked: { readonly from: number; readonly to: number; whole: boolean } | null = null

  /**
   * A small body with a checksum is verified in memory and then written at once. A kill in the middle of that write, which the kernel
   * ends between two pages, leaves a part of bytes that are known to be right.
   */
  function isPartOfVerified(offset: number): boolean {
    return checked?.whole === true && checked.to - checked.from <= VERIFIED_IN_MEMORY && offset < checked.to
  }

  function doubt(offset: number): string | null {
    if (offset < acknowledged) return `it was at ${acknowledged} before`
    if (checked && offset !== checked.from && !(checked.whole && offset === checked.to) && !isPartOfVerified(offset))
      return `a stretch with a checksum, ${checked.from} to ${checked.to}, was ${checked.whole ? '' : 'not '}all sent`
    if (offset > reach) return `no more than ${reach} bytes were sent`
    if (removed) return 'it was terminated'
    return null
  }

  return {
    key,
    content,
    length,
    final,
    get path() {
      return path
    },
    get acknowledged() {
      return acknowledged
    },
    get complete() {
      return declared && acknowledged === length
    },
    get declared() {
      return declared
    },
    get removed() {
      return removed
    },
    creating() {
      reach = 0
      checked = null
    },
    created: (url) => {
      path = url
    },
    declare: () => {
      declared = true
    },
    sending(from) {
      checked = null
      return (to) => {
        reach = Math.max(reach, from, to)
      }
    },
    sendingChecked(from, to) {
      const own = { from, to, whole: false }
      // Bytes of an earlier request, whose answer was lost, may still arrive and move the upload.
      checked = reach > from ? null : own
      return {
        whole: () => {
          own.whole = true
          reach = Math.max(reach, to)
        },
      }
    },
    stands(offset) {
      const why = doubt(offset)
      if (why !== null) throw new BrokenPromise(`${key} (${path}) stands at ${offset}, but ${why}`)
      acknowledged = offset
      checked = null
    },
    settled: () => {
      // What a final upload is made of, the server has.
      if (!final) reach = acknowledged
    },
    remove: () => {
      removed = true
    },
  }
}
