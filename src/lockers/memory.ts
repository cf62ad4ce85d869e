import { UploadError } from '../core/errors.ts'
import type { Lock, Locker } from '../core/locker.ts'
import type { UploadId } from '../core/upload.ts'
import { createQueue, type Member, type Queue } from './queue.ts'
import { Revocation } from './revocation.ts'

/**
 * Keeps apart the requests of one process. Right as long as this process alone serves the store. Strictly first come,
 * first served; a lock is lost only when the locker is closed while it is held. No timers.
 */
export function memoryLocker(): Locker {
  const queue = createQueue<MemoryLock>()
  let closed = false

  async function waitTurn(id: UploadId, lock: MemoryLock, signal: AbortSignal): Promise<Lock> {
    await queue.wait(id, lock, signal)
    return lock
  }

  return {
    name: 'memory',

    acquire(id, signal) {
      if (closed) return Promise.reject(new UploadError('shutdown'))
      if (signal.aborted) return Promise.reject(signal.reason)
      const lock = new MemoryLock(id, queue)
      return queue.enter(id, lock) ? Promise.resolve(lock) : waitTurn(id, lock, signal)
    },

    tryAcquire(id) {
      if (closed) return Promise.reject(new UploadError('shutdown'))
      const lock = new MemoryLock(id, queue)
      return Promise.resolve(queue.enter(id, lock) ? lock : null)
    },

    close() {
      closed = true
      for (const lock of queue.close()) lock.lose()
      return Promise.resolve()
    },
  }
}

class MemoryLock implements Lock, Member {
  readonly #id: UploadId
  readonly #queue: Queue<MemoryLock>
  readonly #revocation = new Revocation()
  #held = true

  constructor(id: UploadId, queue: Queue<MemoryLock>) {
    this.#id = id
    this.#queue = queue
  }

  get revoked(): AbortSignal {
    return this.#revocation.signal
  }

  held(): boolean {
    return this.#held
  }

  release(): Promise<void> {
    this.#held = false
    this.#queue.leave(this.#id, this)
    return Promise.resolve()
  }

  interrupt(): void {
    this.#revocation.revoke('upload_interrupted')
  }

  lose(): void {
    this.#held = false
    this.#revocation.revoke('lock_lost')
  }
}
