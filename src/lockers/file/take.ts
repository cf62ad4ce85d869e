import { listIfThere, refresh, unlinkIfThere } from './calls.ts'
import { claimFile, type Folder, lockFile, nameOfLock, ownerFolder, partsOfClaim } from './folder.ts'
import { type Evidence, type Found, type Judge, readFound } from './judge.ts'
import type { Owner } from './owner.ts'

/** Who is in the way, by token. Null: nobody in particular, look again. */
export type Attempt =
  | { readonly outcome: 'taken' }
  | { readonly outcome: 'busy'; readonly holder: string | null }
  | Lost

interface Lost {
  readonly outcome: 'lost'
}

const TAKEN = { outcome: 'taken' } as const
const LOST = { outcome: 'lost' } as const
/** Each link is a process that died within the microseconds of a takeover. */
const LONGEST_CHAIN = 16

const AGAIN = { outcome: 'busy', holder: null } as const

/**
 * One attempt to take a lock: make its file, or replace the file of a dead one. `lost` if this owner was given up itself.
 *
 * Replacing. Deleting the dead one's file by name and then making ours is what must not be done: between looking and
 * deleting, another may have done both, and we would delete a living lock. Instead:
 *
 * 1. The owner Q of the file is dead, and its folder is gone, so nothing that Q may still do reaches the file.
 * 2. We make the claim for Q's lock, by a link: one makes it, the others see whose it is and wait. Only the claimant
 *    may replace the file, so from here on it stays as it is until we replace it.
 * 3. We look again whether the file is still Q's. If not, somebody was through with all this before we made the claim,
 *    which is therefore about nothing: Q is dead and makes no second lock file. We remove it.
 * 4. We rename a link to our identity over Q's file. There is no moment at which there is no lock file. The new link comes
 *    from our own folder: had we been frozen and given up since step 2, the call would fail.
 * 5. We remove the claim.
 *
 * Dying after 2 leaves a claim whose owner is dead. It is succeeded in the same way: by a claim for the claim, after which
 * step 3 looks at the whole chain. Dying after 4 leaves claims about owners whom no lock file names, which mean
 * nothing; `start` clears them away.
 *
 * A claim of ours must not go away while the lock file is Q's, unless nobody can have succeeded to it. So it is removed
 * through our folder in step 3, where we may have been given up, and plainly in step 5, where the file is Q's no more.
 */
export function attempt(folder: Folder, owner: Owner, judge: Judge, name: string, evidence: Evidence): Attempt {
  const lock = lockFile(folder, name)
  // A holder may release between our two calls; then the file is ours for the taking. Not for ever, though.
  for (let round = 0; round < 3; round++) {
    const placed = owner.place(lock)
    if (placed === 'placed') return TAKEN
    if (placed === 'lost') return LOST
    refresh(folder.path)
    const found = readFound(lock)
    if (found === null) continue
    // Ours, and we do not hold it: NFS repeated our call after a lost answer, or a release did not get through.
    if (found.token === owner.token) return TAKEN
    if (!judge.isDead(found, evidence, owner.identity)) return { outcome: 'busy', holder: found.token }
    return succeed(folder, owner, judge, name, found, evidence)
  }
  return AGAIN
}

function succeed(folder: Folder, owner: Owner, judge: Judge, name: string, holder: Found, evidence: Evidence): Attempt {
  /** The owner of the lock file, then those of the claims, each for the one before; all dead. The last claim is ours. */
  const dead: Found[] = []
  let next: Found | null = holder
  while (next !== null) {
    if (dead.length === LONGEST_CHAIN) return AGAIN
    dead.push(next)
    const claim = claimFile(folder, name, next.token)
    const placed = owner.place(claim)
    if (placed === 'lost') return LOST
    const claimant = placed === 'placed' ? null : readFound(claim)
    if (placed === 'taken' && claimant === null) return AGAIN
    if (claimant === null || claimant.token === owner.token) break
    if (!judge.isDead(claimant, evidence, owner.identity)) return { outcome: 'busy', holder: null }
    next = claimant
  }
  const claims = dead.map((one) => claimFile(folder, name, one.token))
  const ours = claims[claims.length - 1] ?? ''
  let done = false
  try {
    refresh(folder.path)
    if (!dead.every((one, index) => readFound(claims[index - 1] ?? lockFile(folder, name))?.token === one.token)) {
      return AGAIN
    }
    done = owner.replace(lockFile(folder, name))
    return done ? TAKEN : LOST
  } finally {
    if (!done) owner.remove(ours)
    else for (const claim of claims) unlinkIfThere(claim)
  }
}

/** Removes lock files and claims whose owners are certainly dead. For the start, when this owner holds nothing yet. */
export function clearAway(folder: Folder, owner: Owner, judge: Judge): void {
  judge.tidy(owner)
  for (const file of listIfThere(folder.path) ?? []) {
    const name = nameOfLock(file)
    if (name !== null && attempt(folder, owner, judge, name, 'proof').outcome === 'taken') {
      owner.remove(lockFile(folder, name))
    }
    const claim = partsOfClaim(file)
    if (claim !== null && isMeaningless(folder, claim)) unlinkIfThere(`${folder.path}/${file}`)
  }
}

/** A claim about one who is dead, and so will never own a lock file again, where there is no lock file. */
function isMeaningless(folder: Folder, claim: { readonly name: string; readonly token: string }): boolean {
  const dead = listIfThere(ownerFolder(folder, claim.token)) === null
  return dead && readFound(lockFile(folder, claim.name)) === null
}
