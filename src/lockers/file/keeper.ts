import { closeSync, existsSync, openSync } from 'node:fs'
import { codeOf, isMissing, makeFolder, storageError, unlinkIfThere } from './calls.ts'
import { type Folder, lockFile, nameInStop, stopFile } from './folder.ts'
import { type Evidence, Judge } from './judge.ts'
import type { FileLock } from './lock.ts'
import { Owner } from './owner.ts'
import { type Attempt, attempt, clearAway } from './take.ts'

/** In milliseconds. */
export interface Times {
  readonly ttl: number
  readonly heartbeat: number
  /** After a heartbeat, for how long nobody can have given us up, with time to spare for a write that has begun. */
  readonly margin: number
}

/** The locks that this process holds, and the signs of life that keep them. */
export class Keeper {
  readonly #folder: Folder
  readonly #times: Times
  readonly #judge: Judge
  readonly #locks = new Map<string, FileLock>()
  /** Null before the first lock, and after we were given up. */
  #owner: Owner | null = null

  constructor(folder: Folder, times: Times) {
    this.#folder = folder
    this.#times = times
    // A quarter of the time to live: it takes four looks at least, before and after a sleep of ours, to find one dead.
    this.#judge = new Judge({ folder, ttl: times.ttl, stride: times.ttl / 4 })
  }

  get isIdle(): boolean {
    return this.#locks.size === 0
  }

  /** Makes the folder, and clears away what dead processes left in it. Throws `storage_full`, `storage_failed`. */
  start(): void {
    makeFolder(this.#folder.owners)
    clearAway(this.#folder, this.#present(), this.#judge)
  }

  /** One attempt to take a lock that is wanted. Throws `storage_full`, `storage_failed`. */
  take(lock: FileLock, evidence: Evidence): Attempt {
    let owner = this.#present()
    let result = attempt(this.#folder, owner, this.#judge, lock.name, evidence)
    if (result.outcome === 'lost') {
      this.#loseAll()
      owner = this.#present()
      result = attempt(this.#folder, owner, this.#judge, lock.name, evidence)
    }
    if (result.outcome !== 'taken') return result
    lock.take(owner)
    this.#locks.set(lock.name, lock)
    return result
  }

  /** Whether a lock is held at this moment: without a file call, unless it is long since we gave a sign of life. */
  confirm(lock: FileLock, owner: Owner): boolean {
    if (owner.isFresh()) return true
    try {
      if (!owner.beat()) this.#loseAll()
      else if (owner.owns(lock.path)) return true
    } catch {
      // The folder does not answer. Whether we hold the lock cannot be known, so we do not.
    }
    lock.lose()
    return false
  }

  /** Removes the file of a lock, and the messages about it. Returns whether somebody waits for it. */
  release(lock: FileLock): boolean {
    const owner = lock.owner
    if (this.#locks.get(lock.name) === lock) this.#locks.delete(lock.name)
    if (owner === null || owner !== this.#owner) return false
    let asked = false
    for (const message of lock.messages) if (unlinkIfThere(message)) asked = true
    // Our owner lives, so whoever replaced the file did it by hand.
    if (owner.owns(lock.path)) owner.remove(lock.path)
    return asked
  }

  /** What has to be done every now and then while locks are held: the heartbeat, and reading what others ask for. */
  look(): void {
    const owner = this.#owner
    if (owner === null || this.isIdle) return
    try {
      if (owner.age() >= this.#times.heartbeat) this.#beat(owner)
      if (owner === this.#owner) this.#readMessages(owner)
    } catch {
      // The folder does not answer. Next time, perhaps; but not for so long that others give us up before we know.
      if (!owner.isFresh()) this.#loseAll()
    }
  }

  /**
   * Asks `holder` to let go of `name`. Returns the path of the message, for whoever asked to remove.
   * @param before the message that was left last time, if any
   */
  ask(holder: string, name: string, before: string | null): string {
    const message = stopFile(this.#folder, holder, this.#present().token, name)
    if (before !== null && before !== message) unlinkIfThere(before)
    if (before === message && existsSync(message)) return message
    try {
      closeSync(openSync(message, 'wx'))
    } catch (error) {
      // Gone with its folder: the holder died or went away, as the next look will show.
      if (!isMissing(error) && codeOf(error) !== 'EEXIST') throw storageError(error, message)
    }
    return message
  }

  /** Lets go of everything. */
  close(): void {
    for (const lock of [...this.#locks.values()]) {
      try {
        this.release(lock)
      } catch {
        // Nothing is lost: with the owner's folder gone, what is left of it belongs to nobody.
      }
      lock.end()
    }
    this.#owner?.retire()
    this.#owner = null
  }

  /** The owner, alive at this moment as far as files can tell. */
  #present(): Owner {
    const owner = this.#owner
    // We give no signs while we hold nothing, so the first lock after a while begins with one.
    if (owner !== null && owner.age() >= this.#times.heartbeat && !owner.beat()) this.#loseAll()
    this.#owner ??= new Owner(this.#folder, this.#times.margin)
    return this.#owner
  }

  #beat(owner: Owner): void {
    if (!owner.beat()) {
      this.#loseAll()
      return
    }
    for (const lock of [...this.#locks.values()]) if (!lock.isLost && !owner.owns(lock.path)) lock.lose()
  }

  #readMessages(owner: Owner): void {
    for (const file of owner.messages()) {
      const name = nameInStop(file)
      if (name === null) continue
      const message = `${owner.directory}/${file}`
      const lock = this.#locks.get(name)
      if (lock !== undefined) {
        lock.askedBy(message)
        continue
      }
      unlinkIfThere(message)
      // Too late, as a rule. But if a release failed, the file is still there, and this is how we hear of it.
      const path = lockFile(this.#folder, name)
      if (owner.owns(path)) owner.remove(path)
    }
  }

  /** Others have given us up, or must be supposed to have. From here on this process is another one to them. */
  #loseAll(): void {
    const owner = this.#owner
    this.#owner = null
    for (const lock of [...this.#locks.values()]) lock.lose()
    owner?.retire()
  }
}
