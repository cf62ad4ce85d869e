import type { Lock } from '../../core/locker.ts'
import type { UploadId } from '../../core/upload.ts'
import type { Member } from '../queue.ts'
import { Revocation } from '../revocation.ts'
import type { Owner } from './owner.ts'

/** What a lock asks of the locker that it belongs to. */
export interface Desk {
  /** Whether a lock that was not lost so far is held at this moment. */
  confirm(lock: FileLock, owner: Owner): boolean
  /** Removes what the lock has in the folder and lets the next one in. */
  release(lock: FileLock): void
}

/** A lock in each state of its life: wanted, held, lost, released. */
export class FileLock implements Lock, Member {
  readonly id: UploadId
  readonly name: string
  readonly path: string
  readonly #desk: Desk
  readonly #revocation = new Revocation()
  /** The owner under which the file was made; null while the lock is wanted. */
  #owner: Owner | null = null
  #held = false
  #released = false
  #messages: Set<string> | null = null

  constructor(id: UploadId, name: string, path: string, desk: Desk) {
    this.id = id
    this.name = name
    this.path = path
    this.#desk = desk
  }

  get revoked(): AbortSignal {
    return this.#revocation.signal
  }

  held(): boolean {
    return this.#held && this.#owner !== null && this.#desk.confirm(this, this.#owner)
  }

  release(): Promise<void> {
    if (this.#released) return Promise.resolve()
    const { isLost } = this
    this.#released = true
    this.#held = false
    try {
      this.#desk.release(this)
      return Promise.resolve()
    } catch (error) {
      // What is left of a lost lock is in nobody's way, and a folder that took the lock from us may well refuse this, too.
      return isLost ? Promise.resolve() : Promise.reject(error)
    }
  }

  interrupt(): void {
    this.#revocation.revoke('upload_interrupted')
  }

  /** The file is made. */
  take(owner: Owner): void {
    this.#owner = owner
    this.#held = true
  }

  lose(): void {
    this.#held = false
    this.#revocation.revoke('lock_lost')
  }

  /** Lost for good, because the locker ends: nothing is left to be released. */
  end(): void {
    this.#released = true
    this.lose()
  }

  /** Another process asks for the lock, by a message that is to be removed with the lock. */
  askedBy(message: string): void {
    this.#messages ??= new Set()
    this.#messages.add(message)
    this.interrupt()
  }

  get owner(): Owner | null {
    return this.#owner
  }

  get messages(): Iterable<string> {
    return this.#messages ?? []
  }

  get isLost(): boolean {
    return !this.#held
  }
}
