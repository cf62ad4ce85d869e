import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, linkSync, mkdirSync, openSync, renameSync, statSync, writeFileSync } from 'node:fs'
import {
  codeOf,
  isMissing,
  listIfThere,
  readIfThere,
  removeIfEmpty,
  statIfThere,
  storageError,
  unlinkIfThere,
} from './calls.ts'
import { type Folder, isBeat, ownerFolder } from './folder.ts'
import { type Identity, identify, parseIdentity, printIdentity } from './identity.ts'

/** File systems, and numbers of links, that make us copy the identity instead of linking to it. */
const NO_LINK = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EMLINK', 'EINVAL'])

export type Placed = 'placed' | 'taken' | 'lost'

/**
 * This locker, as the other processes see it: a folder of its own with one file in it, the identity, whose name is a
 * number. Everything that must not happen after others have given this process up goes through that folder, so that the
 * file system itself refuses it:
 *
 * - A heartbeat renames `<n>` to `<n+1>`. Whoever gives us up first deletes exactly the `<n>` that it saw stand still. One
 *   of the two calls finds its file missing: either we live on and the other knows, or we are dead and know.
 *   No clock, no modification time and no attribute cache is asked.
 * - Then it removes the folder. Only after that may anybody touch a lock file of ours.
 * - We delete a lock file by renaming it into our folder. If that is gone, the call fails and the lock file, which may be
 *   another's by now, stays; however long we were frozen between looking and deleting.
 * - A lock file is a hard link to the identity: made in one call, only if there is none yet, with its whole content.
 *
 * What the dead were is never used again: tokens are random, and numbers only grow.
 */
export class Owner {
  readonly token: string
  readonly identity: Identity
  readonly directory: string
  readonly #text: string
  readonly #margin: number
  #inode = 0
  #links = true
  #number = 0
  #trash = 0
  /** When the last heartbeat that succeeded was begun: by the clock that nobody sets, and by the one that knows of sleep. */
  #beatAt = performance.now()
  #beatWall = Date.now()

  /**
   * Makes the folder and the identity.
   * @param margin milliseconds after a heartbeat during which nobody can have given us up
   * @throws UploadError `storage_full`, `storage_failed`; nothing is left behind then
   */
  constructor(folder: Folder, margin: number) {
    this.token = randomBytes(8).toString('hex')
    this.identity = identify(this.token)
    this.directory = ownerFolder(folder, this.token)
    this.#text = printIdentity(this.identity)
    this.#margin = margin
    try {
      mkdirSync(this.directory, { recursive: true })
      writeFileSync(this.#identityFile(), this.#text, { flag: 'wx' })
      this.#inode = statSync(this.#identityFile()).ino
    } catch (error) {
      this.retire()
      throw storageError(error, this.directory)
    }
  }

  /** Whether the last heartbeat is so recent that nobody can have given us up. Asked before every write: no file call. */
  isFresh(): boolean {
    // The monotonic clock stands still while the machine sleeps; the other one may be set. Either may raise the doubt.
    return performance.now() - this.#beatAt < this.#margin && Date.now() - this.#beatWall < this.#margin
  }

  /** Milliseconds since the last heartbeat. */
  age(): number {
    return performance.now() - this.#beatAt
  }

  /** A heartbeat. False if others have given us up: every lock is lost. */
  beat(): boolean {
    const now = performance.now()
    const wall = Date.now()
    const next = `${this.directory}/${this.#number + 1}`
    try {
      renameSync(this.#identityFile(), next)
    } catch (error) {
      if (!isMissing(error)) throw storageError(error, this.directory)
      // NFS sends a call again if the answer is lost, and the second time the file has moved already.
      if (!existsSync(next)) return false
    }
    this.#number += 1
    this.#beatAt = now
    this.#beatWall = wall
    return true
  }

  /** Puts our identity at `path`, if there is nothing. */
  place(path: string): Placed {
    if (!this.#links) return this.#copy(path)
    try {
      linkSync(this.#identityFile(), path)
      return 'placed'
    } catch (error) {
      const code = codeOf(error) ?? ''
      if (code === 'EEXIST') return 'taken'
      if (isMissing(error)) return 'lost'
      if (!NO_LINK.has(code)) throw storageError(error, path)
      if (code !== 'EMLINK') this.#links = false
      return this.#copy(path)
    }
  }

  /** Whether the file at `path` is ours. */
  owns(path: string): boolean {
    if (statIfThere(path)?.ino === this.#inode) return true
    // A copy, or a file system that numbers every name anew.
    return parseIdentity(readIfThere(path) ?? '')?.token === this.token
  }

  /** Deletes a file of ours that others may replace: nothing happens if we were given up. */
  remove(path: string): void {
    // Never onto an old name: renaming a link onto a link to the same file does nothing and reports success.
    const trash = `${this.directory}/t${this.#trash++}`
    try {
      renameSync(path, trash)
    } catch (error) {
      if (!isMissing(error)) this.#removeInPlace(path, error)
    }
    unlinkIfThere(trash)
  }

  /**
   * Puts our identity at `path`, over what is there. False, and nothing done, if we were given up.
   * Only for the one whose claim stands.
   */
  replace(path: string): boolean {
    const candidate = `${this.directory}/c`
    unlinkIfThere(candidate)
    if (this.place(candidate) !== 'placed') return false
    try {
      renameSync(candidate, path)
      return true
    } catch (error) {
      if (isMissing(error)) return false
      throw storageError(error, path)
    }
  }

  /** Gives ourselves up, as another would. Never throws; what cannot be removed goes stale. */
  retire(): void {
    try {
      for (let round = 0; round < 3; round++) {
        for (const file of listIfThere(this.directory) ?? []) unlinkIfThere(`${this.directory}/${file}`)
        if (removeIfEmpty(this.directory)) return // Or a message came in between.
      }
    } catch {
      // The heartbeat has stopped for good, so the others will do it.
    }
  }

  /** Names of the messages that others have left. */
  messages(): string[] {
    return (listIfThere(this.directory) ?? []).filter((file) => !isBeat(file))
  }

  #identityFile(): string {
    return `${this.directory}/${this.#number}`
  }

  /** A full disk may refuse a new name but not the removal of one. The heartbeat right before keeps the risk to microseconds. */
  #removeInPlace(path: string, cause: unknown): void {
    if (!this.beat()) return
    try {
      unlinkIfThere(path)
    } catch {
      throw storageError(cause, path)
    }
  }

  #copy(path: string): Placed {
    const begun = performance.now()
    let file: number
    try {
      file = openSync(path, 'wx')
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return 'taken'
      if (isMissing(error)) return 'lost'
      throw storageError(error, path)
    }
    try {
      writeFileSync(file, this.#text)
    } catch (error) {
      if (performance.now() - begun < this.#margin) this.remove(path)
      throw storageError(error, path)
    } finally {
      closeSync(file)
    }
    // As long as the content was missing nobody knew whose the file is, and it may have gone stale under our hands.
    if (performance.now() - begun < this.#margin) return 'placed'
    if (this.owns(path)) this.remove(path)
    return 'taken'
  }
}
