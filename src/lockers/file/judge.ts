import { listIfThere, readIfThere, removeIfEmpty, statIfThere, unlinkIfThere } from './calls.ts'
import { type Folder, isBeat, ownerFolder } from './folder.ts'
import { type Identity, isProvablyGone, parseIdentity } from './identity.ts'

/** What a lock file or a claim says about who made it. */
export interface Found {
  /** For a file that is no identity (torn by a loss of power, or foreign): what it looks like at the moment. */
  readonly token: string
  readonly identity: Identity | null
}

/** `proof`: only who is certainly gone is dead. `silence`: so is who gave no sign of life for too long. */
export type Evidence = 'proof' | 'silence'

export interface JudgeOptions {
  readonly folder: Folder
  /** Milliseconds without a sign of life after which one is dead. */
  readonly ttl: number
  /** Longest time, in milliseconds, that one look may add to the silence it finds. */
  readonly stride: number
}

interface Watch {
  sign: string | null
  silence: number
  lookedAt: number
}

/** An owner that gave no sign for a day, by the clock of the file system itself, is rubbish. */
const FORGOTTEN = 24 * 60 * 60 * 1000

/** Reads who made a file; null if there is no such file. */
export function readFound(path: string): Found | null {
  const text = readIfThere(path)
  if (text === null) return null
  const identity = parseIdentity(text)
  if (identity !== null) return { token: identity.token, identity }
  // Also seen while somebody is still writing it, where hard links are not to be had: then it soon looks different.
  const stat = statIfThere(path)
  if (stat === null) return null
  return { token: `x${stat.ino}-${stat.size}-${Math.trunc(stat.mtimeMs)}`, identity: null }
}

/** Decides who is dead, and makes sure of it before saying so. */
export class Judge {
  readonly #folder: Folder
  readonly #ttl: number
  readonly #stride: number
  /** By token. Kept from one wait to the next: waits may be shorter than the time after which one is dead. */
  readonly #watches = new Map<string, Watch>()

  constructor(options: JudgeOptions) {
    this.#folder = options.folder
    this.#ttl = options.ttl
    this.#stride = options.stride
  }

  /**
   * Whether the one who made a file is dead. If so its folder is gone, and with it all its ways to lock files; a lock
   * file of it that is there now stays until somebody replaces it.
   * @throws UploadError `storage_failed`
   */
  isDead(found: Found, evidence: Evidence, here: Identity): boolean {
    if (found.identity === null) return evidence === 'silence' && this.#silenceOf(found.token, '') >= this.#ttl
    const files = listIfThere(ownerFolder(this.#folder, found.token))
    if (files === null) return true
    if (isProvablyGone(found.identity, here)) return this.#bury(found.token, files)
    if (evidence === 'proof') return false
    // A listing may miss a file that is being renamed. Then it is no beat, another sign than the last, and no harm done.
    const beat = files.find(isBeat) ?? null
    if (this.#silenceOf(found.token, beat) < this.#ttl) return false
    // The decision. It names the beat that was seen: if the owner woke up and went on to the next, nothing is done.
    if (beat !== null && !unlinkIfThere(`${ownerFolder(this.#folder, found.token)}/${beat}`)) return false
    return this.#bury(
      found.token,
      files.filter((file) => !isBeat(file)),
    )
  }

  /** Removes what dead owners have left, as far as that can be told at once. */
  tidy(me: { readonly token: string; readonly identity: Identity; readonly directory: string }): void {
    const now = statIfThere(me.directory)?.mtimeMs ?? 0
    for (const token of listIfThere(this.#folder.owners) ?? []) {
      if (token === me.token) continue
      const folder = ownerFolder(this.#folder, token)
      const files = listIfThere(folder) ?? []
      const beat = files.find(isBeat)
      const identity = parseIdentity(beat === undefined ? '' : (readIfThere(`${folder}/${beat}`) ?? ''))
      const modified = statIfThere(folder)?.mtimeMs ?? now
      const gone = identity !== null && isProvablyGone(identity, me.identity)
      if (gone || now - modified > FORGOTTEN) this.#bury(token, files)
    }
  }

  /**
   * For how long, in milliseconds, `sign` has not changed, as far as this process was there to see it. A look counts for
   * no more than the stride, so that a process that slept does not wake up to find everybody else dead.
   */
  #silenceOf(token: string, sign: string | null): number {
    const now = performance.now()
    const watch = this.#watches.get(token)
    if (watch === undefined || watch.sign !== sign) {
      this.#forgetOld(now)
      this.#watches.set(token, { sign, silence: 0, lookedAt: now })
      return 0
    }
    watch.silence += Math.min(now - watch.lookedAt, this.#stride)
    watch.lookedAt = now
    return watch.silence
  }

  #forgetOld(now: number): void {
    for (const [token, watch] of this.#watches) {
      if (now - watch.lookedAt > 10 * this.#ttl) this.#watches.delete(token)
    }
  }

  /**
   * Removes the folder of one whose heartbeat has been stopped, or who is not there to beat; `files` may go. False if that
   * did not work this time. Any number may do this at once, and any may die half-way: then the next one finds no beat, or
   * no process, and goes on.
   */
  #bury(token: string, files: readonly string[]): boolean {
    const folder = ownerFolder(this.#folder, token)
    let rest = files
    for (let round = 0; round < 3; round++) {
      for (const file of rest) unlinkIfThere(`${folder}/${file}`)
      if (removeIfEmpty(folder)) {
        this.#watches.delete(token)
        return true
      }
      // A message came in between, or the end of a release that was under way. A beat would mean that the owner lives.
      rest = (listIfThere(folder) ?? []).filter((file) => !isBeat(file))
    }
    return false
  }
}
