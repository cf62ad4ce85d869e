import { existsSync } from 'node:fs'
import { UploadError } from '../../core/errors.ts'
import { unlinkIfThere } from './calls.ts'
import type { Evidence } from './judge.ts'
import type { Keeper } from './keeper.ts'
import type { FileLock } from './lock.ts'

/** One who waits for the file of a lock; its turn in this process has come. */
interface Contest {
  readonly lock: FileLock
  win(): void
  fail(error: unknown): void
  /** The message by which the present holder was asked to stop. */
  message: string | null
}

/** Those of this process who wait for locks that other processes hold: at most one for each lock. */
export class Contests {
  readonly #keeper: Keeper
  readonly #grace: number
  readonly #contests = new Set<Contest>()
  /** Until when a lock that was released because another process asked for it is left to that process. */
  readonly #reserved = new Map<string, number>()

  /** @param poll milliseconds between two looks, here and in the other processes */
  constructor(keeper: Keeper, poll: number) {
    this.#keeper = keeper
    this.#grace = 2 * poll
  }

  get isEmpty(): boolean {
    return this.#contests.size === 0
  }

  /** Takes the lock at once, or else does nothing. Throws `storage_full`, `storage_failed`. */
  tryTake(lock: FileLock, evidence: Evidence): boolean {
    return this.#attempt(lock, evidence) === null
  }

  /** Asks the holder to stop, and resolves when the lock is taken. Rejects with the signal's reason, or a storage error. */
  wait(lock: FileLock, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        this.#contests.delete(contest)
        signal.removeEventListener('abort', onAbort)
        withdraw(contest)
      }
      const contest: Contest = {
        lock,
        message: null,
        win() {
          settle()
          resolve()
        },
        fail(error) {
          settle()
          reject(error)
        },
      }
      const onAbort = () => contest.fail(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
      this.#contests.add(contest)
      this.#look(contest)
    })
  }

  /** Looks after every contest. */
  look(): void {
    for (const contest of [...this.#contests]) this.#look(contest)
  }

  /** Leaves a lock that was just released to the processes that have asked for it, as they look only now and then. */
  reserve(lock: FileLock): void {
    this.#reserved.set(lock.name, performance.now() + this.#grace)
  }

  close(): void {
    for (const contest of [...this.#contests]) contest.fail(new UploadError('shutdown'))
  }

  #look(contest: Contest): void {
    try {
      const holder = this.#attempt(contest.lock, 'silence')
      if (holder === null) contest.win()
      else if (holder !== '') contest.message = this.#keeper.ask(holder, contest.lock.name, contest.message)
    } catch (error) {
      contest.fail(error)
    }
  }

  /** Null: taken. Otherwise the token of the holder, or an empty string if it is nobody who could be asked. */
  #attempt(lock: FileLock, evidence: Evidence): string | null {
    if (this.#reserved.size > 0 && this.#isReserved(lock)) return ''
    const attempt = this.#keeper.take(lock, evidence)
    if (attempt.outcome === 'taken') return null
    return attempt.outcome === 'busy' ? (attempt.holder ?? '') : ''
  }

  #isReserved({ name, path }: FileLock): boolean {
    const now = performance.now()
    for (const [other, until] of this.#reserved) if (until <= now) this.#reserved.delete(other)
    if (!this.#reserved.has(name)) return false
    // Somebody has come for it, so it is like any other lock again.
    if (existsSync(path)) this.#reserved.delete(name)
    return this.#reserved.has(name)
  }
}

function withdraw(contest: Contest): void {
  if (contest.message === null) return
  try {
    unlinkIfThere(contest.message)
  } catch {
    // The holder removes it with the lock. Who waits no more has no use for an error.
  }
}
