import { UploadError } from '../core/errors.ts'
import type { Locker } from '../core/locker.ts'
import type { UploadId } from '../core/upload.ts'
import { Contests } from './file/contests.ts'
import { lockFile, lockFolder, lockName } from './file/folder.ts'
import { Keeper } from './file/keeper.ts'
import { type Desk, FileLock } from './file/lock.ts'
import { createQueue } from './queue.ts'

/** Times are in milliseconds. All processes that share a folder should have the same. */
export interface FileLockerOptions {
  /** The folder that the processes share, usually that of the uploads. Locks are kept in `.locks` inside. */
  readonly directory: string
  /**
   * Silence after which a holder on another machine, in another container, or frozen on this one counts as dead. Default:
   * 8,000. Shorter frees such locks sooner, but a process that the system does not let run for so long loses its locks
   * and with them the requests under way. A process of this machine that died is found out at once, whatever this says.
   */
  readonly ttl?: number
  /**
   * How often a process that holds locks gives a sign of life, which is one file call. Default: a quarter of `ttl`, which
   * is also the most it may be: half of `ttl` after its last sign a process stops to trust its locks.
   */
  readonly heartbeat?: number
  /**
   * How often a process that holds locks looks whether another wants one, and one that waits looks whether it is free.
   * Default: 50, so that a lock changes hands in about a tenth of a second; a look costs some 20 microseconds.
   */
  readonly poll?: number
}

/**
 * Keeps apart the requests of all processes that share a folder, on one machine or over NFS. Within a process first come,
 * first served; among processes in no particular order. A dead process of this machine and pid namespace is found out at
 * once, any other by its silence. Needs a file system that renames atomically; uses hard links if it has them.
 *
 * `tryAcquire` does not see another process that waits while nobody holds the lock, which it does for one `poll` at most.
 *
 * How it is kept safe: `file/owner.ts` (those who hold) and `file/take.ts` (those who replace the dead).
 */
export function fileLocker(options: FileLockerOptions): Locker {
  const ttl = Math.max(options.ttl ?? 8000, 20)
  const heartbeat = Math.min(options.heartbeat ?? ttl / 4, ttl / 4)
  const poll = Math.max(options.poll ?? 50, 1)
  const folder = lockFolder(options.directory)
  const keeper = new Keeper(folder, { ttl, heartbeat, margin: ttl / 2 })
  const contests = new Contests(keeper, poll)
  const queue = createQueue<FileLock>()
  let timer: NodeJS.Timeout | null = null
  let closed = false

  /** One timer for everything, and none while nothing is held or waited for. */
  function keepTicking(): void {
    if (closed || (contests.isEmpty && keeper.isIdle)) return
    timer ??= setTimeout(tick, poll)
    // A process that only holds may end, and its locks with it; one that waits still has to learn how that ends.
    if (contests.isEmpty) timer.unref()
    else timer.ref()
  }

  function tick(): void {
    timer = null
    keeper.look()
    contests.look()
    keepTicking()
  }

  const desk: Desk = {
    confirm: (lock, owner) => keeper.confirm(lock, owner),
    release(lock) {
      try {
        if (keeper.release(lock)) contests.reserve(lock)
      } finally {
        queue.leave(lock.id, lock)
      }
    },
  }

  function want(id: UploadId): FileLock {
    if (closed) throw new UploadError('shutdown')
    const name = lockName(id)
    return new FileLock(id, name, lockFile(folder, name), desk)
  }

  return {
    name: 'file',

    async start() {
      keeper.start()
    },

    async acquire(id, signal) {
      signal.throwIfAborted()
      const lock = want(id)
      if (!queue.enter(id, lock)) await queue.wait(id, lock, signal)
      try {
        if (closed) throw new UploadError('shutdown')
        signal.throwIfAborted()
        if (!contests.tryTake(lock, 'silence')) {
          const taken = contests.wait(lock, signal)
          keepTicking()
          await taken
        }
        keepTicking()
        return lock
      } catch (error) {
        queue.leave(id, lock)
        throw error
      }
    },

    async tryAcquire(id) {
      const lock = want(id)
      if (!queue.enter(id, lock)) return null
      let taken = false
      try {
        taken = contests.tryTake(lock, 'proof')
        keepTicking()
      } finally {
        if (!taken) queue.leave(id, lock)
      }
      return taken ? lock : null
    },

    async close() {
      closed = true
      if (timer !== null) clearTimeout(timer)
      queue.close()
      contests.close()
      keeper.close()
    },
  }
}
