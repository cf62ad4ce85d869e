import type { Content } from '../../../heavy/support/content.ts'
import { BrokenPromise } from '../../../heavy/support/ledger.ts'

/** What a client knows of one upload, and so what it may hold the server to. */
export interface Account {
  readonly key: string
  readonly content: Content
  readonly length: number
  /** Path of its URL; null until the server has told. */
  readonly path: string | null
  /** The highest offset that the server has told. */
  readonly acknowledged: number
  /** The server has said that it is complete. */
  readonly complete: boolean
  /** A request begins to create it anew. */
  creating(): void
  created(path: string): void
  /** Bytes up to `to` are about to go out: the server cannot have more. */
  sending(to: number): void
  /**
   * The server told an offset. Throws `BrokenPromise` if it cannot be.
   * @param floor what was acknowledged when the question was asked
   */
  stands(offset: number, floor: number): void
  /** The server said that it is complete. Throws `BrokenPromise` if it cannot be. */
  completed(): void
}

/** Opens the account of an upload of `length` bytes. */
export function account(key: string, content: Content, length: number): Account {
  let path: string | null = null
  let acknowledged = 0
  let reach = 0
  let complete = false
  const broken = (what: string): BrokenPromise => new BrokenPromise(`${key} (${path}), ${length} bytes: ${what}`)
  return {
    key,
    content,
    length,
    get path() {
      return path
    },
    get acknowledged() {
      return acknowledged
    },
    get complete() {
      return complete
    },
    creating: () => {
      reach = 0
    },
    created: (url) => {
      path = url
    },
    sending: (to) => {
      reach = Math.max(reach, to)
    },
    stands(offset, floor) {
      if (offset < floor) throw broken(`stands at ${offset}, was at ${floor} before`)
      if (offset > reach) throw broken(`stands at ${offset}, no more than ${reach} bytes were sent`)
      acknowledged = Math.max(acknowledged, offset)
    },
    completed() {
      if (reach < length) throw broken(`is complete, but no more than ${reach} bytes were sent`)
      acknowledged = length
      complete = true
    },
  }
}
