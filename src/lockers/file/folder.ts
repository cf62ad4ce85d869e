import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { UploadId } from '../../core/upload.ts'

/**
 * Names of the files in the lock folder:
 *
 *     <name>.lock                      a lock that is held; tells who holds it
 *     <name>.<token>.claim             the right to replace the lock that the dead <token> left
 *     owners/<token>/                  a running locker; gone means dead
 *     owners/<token>/<number>          who it is; the number grows with every heartbeat
 *     owners/<token>/<asker>~<name>.stop   a message to it: please let go of <name>
 *     owners/<token>/t<number>, c      what it is about to delete, or to put into the place of a dead one's lock
 *
 * A name never has a `/`, and neither tokens nor suffixes contain `~`, so every file name reads in one way only.
 */
export interface Folder {
  readonly path: string
  readonly owners: string
}

const LOCK = '.lock'
const CLAIM = '.claim'
const STOP = '.stop'

/** Longest id that is its own file name. Claims and messages add less than 100, and file systems allow 255. */
const MAX_NAME = 150

/** The lock folder inside `directory`: a dot folder, which no upload id can name. */
export function lockFolder(directory: string): Folder {
  const path = join(directory, '.locks')
  return { path, owners: join(path, 'owners') }
}

/**
 * The id as a file name. `%` is no part of an id, and no segment of one is empty, so no two ids share a name. Long ids
 * go by their hash.
 */
export function lockName(id: UploadId): string {
  if (id.length > MAX_NAME) return `%${createHash('sha256').update(id).digest('hex')}`
  return id.includes('/') ? id.replaceAll('/', '%') : id
}

export function lockFile(folder: Folder, name: string): string {
  return `${folder.path}/${name}${LOCK}`
}

export function claimFile(folder: Folder, name: string, token: string): string {
  return `${folder.path}/${name}.${token}${CLAIM}`
}

export function ownerFolder(folder: Folder, token: string): string {
  return `${folder.owners}/${token}`
}

export function stopFile(folder: Folder, owner: string, asker: string, name: string): string {
  return `${folder.owners}/${owner}/${asker}~${name}${STOP}`
}

/** The name of the lock in the name of a lock file; null for other files. */
export function nameOfLock(file: string): string | null {
  return file.endsWith(LOCK) ? file.slice(0, -LOCK.length) : null
}

/** The lock and the dead owner that a claim is about; null for other files. */
export function partsOfClaim(file: string): { readonly name: string; readonly token: string } | null {
  if (!file.endsWith(CLAIM)) return null
  const stem = file.slice(0, -CLAIM.length)
  const dot = stem.lastIndexOf('.')
  return { name: stem.slice(0, dot), token: stem.slice(dot + 1) }
}

/** The name of the lock that a message asks for; null for other files. */
export function nameInStop(file: string): string | null {
  return file.endsWith(STOP) ? file.slice(file.indexOf('~') + 1, -STOP.length) : null
}

/** Whether a file in an owner's folder is its heartbeat. */
export function isBeat(file: string): boolean {
  return /^\d+$/.test(file)
}
