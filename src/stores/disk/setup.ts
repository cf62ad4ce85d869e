import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { access, mkdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { UploadError } from '../../core/errors.ts'
import { gaits } from './calls.ts'
import { createDoubts } from './doubts.ts'
import { codeOf } from './failure.ts'
import type { Disk, Durability } from './files.ts'
import { type PaceOptions, pace } from './pace.ts'
import { folderSync } from './sync.ts'

export interface DiskStoreOptions {
  /** The folder for bytes and records. Created by `start` if it does not exist. */
  readonly directory: string
  /** What survives a loss of power; see `diskStore`. Default: `finish`. */
  readonly durability?: Durability
  /** Permissions of new files, less the umask. Default: 0o664. */
  readonly filePerms?: number
  /** Permissions of new folders, less the umask. Default: 0o775. */
  readonly dirPerms?: number
  /** When calls to the file system may block. The defaults suit local and network disks. */
  readonly pace?: PaceOptions
}

/** What the parts of a store share, defaults filled in. Touches nothing. */
export function diskOf(options: DiskStoreOptions): Disk {
  const run = randomBytes(5).toString('hex')
  let serial = 0
  return {
    prefix: join(options.directory, '-').slice(0, -1),
    root: resolve(options.directory),
    filePerms: options.filePerms ?? 0o664,
    dirPerms: options.dirPerms ?? 0o775,
    durability: options.durability ?? 'finish',
    gaits: gaits(pace(options.pace)),
    doubts: createDoubts(),
    reads: { large: 0 },
    syncFolder: folderSync(),
    temporary: (path) => `${path}.${run}${(serial++).toString(36)}.tmp`,
  }
}

/**
 * Makes the folder if need be.
 * @throws UploadError `storage_failed`, with the reason for the operator, if uploads cannot be kept in it
 */
export async function start(disk: Disk): Promise<void> {
  const refuse = (why: string, cause?: unknown) => {
    const hint = `uploads cannot be stored in ${disk.root}: ${why}`
    return new UploadError('storage_failed', { hint }, { cause })
  }
  try {
    const made = await makeFolders(disk.root, disk.dirPerms)
    if (!(await stat(disk.root)).isDirectory()) throw refuse('there is a file in the way')
    await access(disk.root, constants.R_OK | constants.W_OK | constants.X_OK)
    // Also if it existed: names that a process left unsynced when it died will be believed from now on.
    if (disk.durability !== 'none') await syncMade(disk, made)
  } catch (error) {
    if (error instanceof UploadError) throw error
    const code = codeOf(error)
    if (code === 'EEXIST' || code === 'ENOTDIR') throw refuse('there is a file in the way', error)
    if (code === 'ENOENT') throw refuse('no folder can be made there (ENOENT)', error)
    throw refuse(`the folder must be readable and writable (${code})`, error)
  }
}

/** Syncs the root, and if folders were made on the way to it, from the `outermost` on, all in which their names are. */
async function syncMade(disk: Disk, outermost: string | null): Promise<void> {
  await disk.syncFolder(disk.root)
  if (outermost === null) return
  for (let folder = disk.root; folder.length >= outermost.length; folder = dirname(folder)) {
    await disk.syncFolder(dirname(folder))
  }
}

/**
 * Makes a folder and those above it. Returns the outermost that it made; null if all were there. Step by step: Node's own
 * recursion never ends where a file system answers ENOENT to whatever shall be made in it, as /proc does.
 */
async function makeFolders(folder: string, mode: number): Promise<string | null> {
  const above = dirname(folder)
  try {
    return await makeFolder(folder, mode)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || above === folder) throw error
  }
  const outermost = await makeFolders(above, mode)
  const made = await makeFolder(folder, mode)
  return outermost ?? made
}

/** Returns it, or null if there is something of that name already. */
async function makeFolder(folder: string, mode: number): Promise<string | null> {
  try {
    await mkdir(folder, { mode })
    return folder
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return null
    throw error
  }
}
