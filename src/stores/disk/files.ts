import { constants, type Stats } from 'node:fs'
import { dirname, sep } from 'node:path'
import { UploadError } from '../../core/errors.ts'
import type { UploadId } from '../../core/upload.ts'
import type { Calls, Gaits } from './calls.ts'
import type { Doubts } from './doubts.ts'
import { codeOf, failure, isMissing } from './failure.ts'

/** When bytes, records and names are brought from the memory of the machine to its disk. */
export type Durability = 'none' | 'finish' | 'always'

/** What the parts of one disk store share. */
export interface Disk {
  /** What precedes an id in the paths of records: the folder as it was named to us, as tusd writes it. */
  readonly prefix: string
  /** The folder, absolute. Nothing outside is ever read or written. */
  readonly root: string
  readonly filePerms: number
  readonly dirPerms: number
  readonly durability: Durability
  readonly gaits: Gaits
  /** By paths of bytes. */
  readonly doubts: Doubts
  /** How many reads with large pieces are under way. */
  readonly reads: { large: number }
  /** Brings the names in one folder to the disk. */
  readonly syncFolder: (folder: string) => Promise<void>
  /** A name for a temporary file beside `path`, different each time and in each process; never the name of an upload. */
  readonly temporary: (path: string) => string
}

/** Where the bytes of an upload are, unless its record says otherwise. */
export function dataPath(disk: Disk, id: UploadId): string {
  return `${disk.root}${sep}${id}`
}

export function recordPath(disk: Disk, id: UploadId): string {
  return `${dataPath(disk, id)}.info`
}

/** Where the bytes are, as records and hooks tell it. */
export function storageOf(disk: Disk, id: UploadId) {
  const named = `${disk.prefix}${id}`
  return { Type: 'filestore', Path: named, InfoPath: `${named}.info` }
}

/** For writing, and only if the name is free. */
export const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL

/**
 * Creates an empty file that did not exist, and the folders above it. Leaves no file behind if it throws.
 * @throws UploadError `upload_exists` if the name is taken, or needs a folder where there is a file.
 */
export async function claim(disk: Disk, path: string): Promise<void> {
  const calls = disk.gaits.quick()
  const file = await openNew(disk, calls, path)
  try {
    await using(calls, file, path, async () => {
      if (disk.durability === 'always') await calls.sync(file)
    })
  } catch (error) {
    await remove(calls, path).catch(() => false)
    throw failure(error, `create ${path}`)
  }
}

async function openNew(disk: Disk, calls: Calls, path: string): Promise<number> {
  // The removal of the last upload of a folder may take the folder away between our two steps: hence more than one try.
  for (let tries = 5; ; tries--) {
    try {
      return await calls.open(path, NEW, disk.filePerms)
    } catch (error) {
      const code = codeOf(error)
      if (code === 'EEXIST' || code === 'ENOTDIR' || code === 'EISDIR') throw new UploadError('upload_exists')
      if (code !== 'ENOENT') throw failure(error, `create ${path}`)
      if (tries === 0) {
        throw new UploadError('storage_failed', { hint: `something keeps removing ${dirname(path)}` }, { cause: error })
      }
    }
    await makeFolder(disk, calls, dirname(path))
  }
}

/** Makes the folder of a file, and those above it. Throws `upload_exists` if there is a file in the way. */
export async function makeFolderOf(disk: Disk, path: string): Promise<void> {
  await makeFolder(disk, disk.gaits.quick(), dirname(path))
}

async function makeFolder(disk: Disk, calls: Calls, folder: string): Promise<void> {
  try {
    await calls.mkdir(folder, disk.dirPerms)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST' || code === 'ENOTDIR') throw new UploadError('upload_exists')
    if (code !== 'ENOENT') throw failure(error, `create the folder ${folder}`)
  }
}

/** Writes all chunks at `position`, however many calls that takes. Returns where it ended. */
export async function writeAll(
  calls: Calls,
  file: number,
  chunks: readonly Uint8Array[],
  position: number,
): Promise<number> {
  let rest = chunks
  let at = position
  while (rest.length > 0) {
    const count = await calls.write(file, rest, at)
    if (count === 0) throw new Error('a write to a file took nothing')
    at += count
    rest = without(rest, count)
  }
  return at
}

/** What is left of chunks of which the first `count` bytes have been written. */
function without(chunks: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let skip = count
  for (const [index, chunk] of chunks.entries()) {
    if (skip < chunk.length) return [chunk.subarray(skip), ...chunks.slice(index + 1)]
    skip -= chunk.length
  }
  return []
}

/** Facts of a name, for housekeeping; null if it does not exist. Sizes that matter come from open files. */
export async function look(disk: Disk, path: string): Promise<Stats | null> {
  try {
    return await disk.gaits.quick().look(path)
  } catch (error) {
    throw failure(error, `look at ${path}`)
  }
}

/**
 * Reads all of a small file. Null if there is none, or something else than a file.
 * @throws UploadError `storage_busy`, `storage_failed`, the latter also if it is larger than `most` bytes
 */
export async function readSmall(
  disk: Disk,
  path: string,
  most: number,
): Promise<{ readonly text: string; readonly stats: Stats } | null> {
  const calls = disk.gaits.quick()
  let file: number
  try {
    file = await calls.open(path, constants.O_RDONLY)
  } catch (error) {
    if (isMissing(error)) return null
    throw failure(error, `open ${path}`)
  }
  try {
    return await using(calls, file, path, async () => {
      const stats = await calls.stat(file)
      if (!stats.isFile()) return null
      if (stats.size > most) throw new UploadError('storage_failed', { hint: `${path} is too large for what it is` })
      const buffer = Buffer.allocUnsafe(stats.size)
      let filled = 0
      for (let count = -1; filled < buffer.length && count !== 0; filled += count) {
        count = await calls.read(file, buffer.subarray(filled), filled)
      }
      return { text: buffer.toString('utf8', 0, filled), stats }
    })
  } catch (error) {
    throw failure(error, `read ${path}`)
  }
}

/** Removes a file. Returns false if there was none. */
export async function remove(calls: Calls, path: string): Promise<boolean> {
  try {
    await calls.unlink(path)
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw failure(error, `remove ${path}`)
  }
}

/** The folders from that of `path` up to the root, both included: those whose names an upload there depends on. */
export function foldersOf(disk: Disk, path: string): readonly string[] {
  const folders = []
  for (let folder = dirname(path); folder.length > disk.root.length; folder = dirname(folder)) folders.push(folder)
  return [...folders, disk.root]
}

/** Removes the folders above `path` that are empty, up to the root but never that. */
export async function removeEmptyFolders(disk: Disk, path: string): Promise<void> {
  const calls = disk.gaits.quick()
  for (const folder of foldersOf(disk, path).slice(0, -1)) {
    try {
      await calls.rmdir(folder)
    } catch (error) {
      // Not empty is the rule. Whatever else the reason: an empty folder does no harm.
      if (!isMissing(error)) return
    }
  }
}

/** Brings the names of files, and of all folders on the way to them, to the disk. */
export async function syncNames(disk: Disk, paths: readonly string[]): Promise<void> {
  const folders = new Set(paths.flatMap((path) => foldersOf(disk, path)))
  try {
    await Promise.all([...folders].map(disk.syncFolder))
  } catch (error) {
    throw failure(error, `sync the folders of ${paths.join(' and ')}`)
  }
}

/**
 * Works with an open file and closes it in the end. A failing close is a failure: NFS writes, and runs out of space, then.
 */
export async function using<T>(calls: Calls, file: number, path: string, work: () => Promise<T>): Promise<T> {
  let result: T
  try {
    result = await work()
  } catch (error) {
    await closeQuietly(calls, file)
    throw error
  }
  try {
    await calls.close(file)
  } catch (error) {
    throw failure(error, `close ${path}`)
  }
  return result
}

/** Closes a file after an error that tells more than a second one could. */
export async function closeQuietly(calls: Calls, file: number): Promise<void> {
  try {
    await calls.close(file)
  } catch {}
}
