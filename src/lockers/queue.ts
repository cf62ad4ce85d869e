import { UploadError } from '../core/errors.ts'
import type { UploadId } from '../core/upload.ts'

/** One who holds a place at the head of a line, or waits for it. */
export interface Member {
  /** Called while this one is at the head and somebody waits behind it. May be called more than once. */
  interrupt(): void
}

/** Lines of members, one line for each id: first come, first served, within one process. */
export interface Queue<M extends Member> {
  /** Puts `member` at the head of the line if the line is empty, and says whether it did. */
  enter(id: UploadId, member: M): boolean
  /**
   * Puts `member` at the end of the line, which is not empty, interrupts the head, and resolves when `member` is the
   * head. Rejects with the signal's reason when `signal` fires before, and with `shutdown` when the queue is closed
   * before; then `member` is not in the line any more.
   */
  wait(id: UploadId, member: M, signal: AbortSignal): Promise<void>
  /** Takes `member` from the head and lets the next one in. Does nothing if `member` is not the head. */
  leave(id: UploadId, member: M): void
  /** Empties every line: those who wait are rejected, the heads are returned. */
  close(): M[]
}

interface Line<M> {
  head: M
  /** In order of arrival. Null until somebody waits, which is rare. */
  waiters: Set<Waiter<M>> | null
}

interface Waiter<M> {
  readonly member: M
  admit(): void
  refuse(reason: UploadError): void
}

/** Makes an empty queue. It needs no timers. */
export function createQueue<M extends Member>(): Queue<M> {
  const lines = new Map<UploadId, Line<M>>()

  return {
    enter(id, member) {
      if (lines.has(id)) return false
      lines.set(id, { head: member, waiters: null })
      return true
    },

    wait(id, member, signal) {
      const line = lines.get(id)
      if (line === undefined) return Promise.reject(new UploadError('internal', { message: 'nobody to wait for' }))
      return new Promise((resolve, reject) => {
        const waiters = line.waiters ?? new Set()
        line.waiters = waiters
        const onAbort = () => {
          waiters.delete(waiter)
          reject(signal.reason)
        }
        const waiter: Waiter<M> = {
          member,
          admit() {
            signal.removeEventListener('abort', onAbort)
            resolve()
          },
          refuse(reason) {
            signal.removeEventListener('abort', onAbort)
            reject(reason)
          },
        }
        signal.addEventListener('abort', onAbort, { once: true })
        waiters.add(waiter)
        // Last, because a holder may leave at once when it is interrupted, and this one must be in the line by then.
        line.head.interrupt()
      })
    },

    leave(id, member) {
      const line = lines.get(id)
      if (line?.head !== member) return
      const next = first(line.waiters)
      if (next === null || line.waiters === null) {
        lines.delete(id)
        return
      }
      line.waiters.delete(next)
      line.head = next.member
      if (line.waiters.size > 0) next.member.interrupt()
      next.admit()
    },

    close() {
      const all = [...lines.values()]
      lines.clear()
      for (const line of all) for (const waiter of line.waiters ?? []) waiter.refuse(new UploadError('shutdown'))
      return all.map((line) => line.head)
    },
  }
}

function first<T>(set: Set<T> | null): T | null {
  for (const item of set ?? []) return item
  return null
}
