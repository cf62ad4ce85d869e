import { UploadError } from '../core/errors.ts'
import type { Lock } from '../core/locker.ts'

/**
 * One request at work on uploads whose locks it holds. Every reason to stop early arrives here: another request wants the
 * upload, the lock is lost, the server shuts down. It asks, it does not interrupt: whoever moves bytes listens, saves
 * what came and returns.
 */
export class Job {
  #locks: readonly Lock[] = []
  #reason: UploadError | null = null
  #listener: ((reason: UploadError) => void) | null = null

  /** Why to stop; null as long as it may go on. */
  get reason(): UploadError | null {
    return this.#reason ?? this.#revocation()
  }

  /** False once a lock is lost: nothing may be written any more. */
  held(): boolean {
    return this.#locks.every((lock) => lock.held())
  }

  /** Throws `lock_lost` unless every lock is still held. */
  assertHeld(): void {
    if (!this.held()) throw new UploadError('lock_lost')
  }

  add(lock: Lock): void {
    this.#locks = [...this.#locks, lock]
  }

  remove(lock: Lock): void {
    this.#locks = this.#locks.filter((one) => one !== lock)
  }

  stop(reason: UploadError): void {
    if (this.#reason !== null) return
    this.#reason = reason
    this.#listener?.(reason)
  }

  /** Calls `listener` when there is a reason to stop, at once if there is one already. One listener at a time. */
  listen(listener: (reason: UploadError) => void): void {
    this.#listener = listener
    const reason = this.reason
    if (reason !== null) {
      listener(reason)
      return
    }
    // Only here, as most requests never wait for anything: listening makes the lock allocate its signal.
    for (const lock of this.#locks) lock.revoked.addEventListener('abort', this.#revoked)
  }

  unlisten(): void {
    if (this.#listener === null) return
    this.#listener = null
    for (const lock of this.#locks) lock.revoked.removeEventListener('abort', this.#revoked)
  }

  readonly #revoked = (): void => {
    const reason = this.#revocation()
    if (reason !== null) this.stop(reason)
  }

  #revocation(): UploadError | null {
    for (const lock of this.#locks) {
      if (lock.revoked.aborted) return asReason(lock.revoked.reason)
    }
    return null
  }
}

function asReason(reason: unknown): UploadError {
  return reason instanceof UploadError ? reason : new UploadError('upload_interrupted', {}, { cause: reason })
}
