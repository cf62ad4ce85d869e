import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  type Stats,
  statSync,
  unlinkSync,
} from 'node:fs'
import { UploadError } from '../../core/errors.ts'

/*
 * File calls of the locker. They are synchronous: each takes microseconds on a local disk, a hop through the thread pool
 * costs more, and two of them with nothing in between cannot be interleaved by this process.
 */

/** The system's name of a failure (`ENOENT`), or null if it has none. */
export function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
}

/** The file or its folder is not there; ESTALE is NFS's word for one that another host has removed. */
export function isMissing(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'ENOENT' || code === 'ESTALE'
}

/** The process or the machine has run out of something for the moment. */
const BUSY = new Set<string | null>(['EMFILE', 'ENFILE', 'ENOMEM'])

/** What a failed call means to the caller of the locker: `storage_full`, `storage_busy` or `storage_failed`. */
export function storageError(error: unknown, path: string): UploadError {
  if (error instanceof UploadError) return error
  const code = codeOf(error)
  if (BUSY.has(code)) {
    const hint = `cannot use the lock folder: ${path} (${code}); for open files raise the limit (ulimit -n)`
    return new UploadError('storage_busy', { retryAfter: 2, hint }, { cause: error })
  }
  const full = code === 'ENOSPC' || code === 'EDQUOT'
  const hint = full
    ? `no room for a lock file: ${path} (${code}); free some space or inodes`
    : `cannot use the lock folder: ${path} (${code ?? 'unknown failure'}); it must be there, and writable to every server`
  return new UploadError(full ? 'storage_full' : 'storage_failed', { hint }, { cause: error })
}

/** Removes a file. False if there was none. */
export function unlinkIfThere(path: string): boolean {
  try {
    unlinkSync(path)
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw storageError(error, path)
  }
}

/** The text of a small file; null if there is none. */
export function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isMissing(error)) return null
    throw storageError(error, path)
  }
}

/** Names in a folder; null if there is no such folder. */
export function listIfThere(path: string): string[] | null {
  try {
    return readdirSync(path)
  } catch (error) {
    if (isMissing(error)) return null
    throw storageError(error, path)
  }
}

/** What is known of a file or folder; null if there is none. */
export function statIfThere(path: string): Stats | null {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null
  } catch (error) {
    if (isMissing(error)) return null
    throw storageError(error, path)
  }
}

/** Removes a folder. False if there is something in it; true also if it was gone. */
export function removeIfEmpty(path: string): boolean {
  try {
    rmdirSync(path)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false
    if (!isMissing(error)) throw storageError(error, path)
  }
  return true
}

/**
 * Has an NFS client ask its server what became of a folder, which it does when a folder is opened. Otherwise it may show
 * us for half a minute files that others have removed or replaced. Costs next to nothing on a local disk.
 */
export function refresh(path: string): void {
  try {
    closeSync(openSync(path, 'r'))
  } catch (error) {
    if (!isMissing(error)) throw storageError(error, path)
  }
}

/** Makes a folder, and those above it. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true })
  } catch (error) {
    throw storageError(error, path)
  }
}
