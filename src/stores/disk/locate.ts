import { constants, type Stats } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path'
import { UploadError } from '../../core/errors.ts'
import type { NewUpload, UploadId } from '../../core/upload.ts'
import type { UploadRecord } from '../record.ts'
import { codeOf, failure, isMissing } from './failure.ts'
import { closeQuietly, type Disk, dataPath, look } from './files.ts'

/** Files that are no upload's bytes, whatever a record says. */
const OURS = /\.(info|tmp|lock|stop|unchecked)$/i

/**
 * The files in which a record may say the bytes to be, likeliest first. tusd records a path (a hook of it may choose any):
 * absolute, or relative to the folder in which tusd was started, which we do not know; so ours, and the root, are tried. A folder
 * of uploads may also have been moved since: then the usual place counts.
 *
 * A relative path comes after the usual place, because it may happen to name another upload's bytes.
 */
export function candidates(disk: Disk, record: Pick<UploadRecord, 'id' | 'storage' | 'path'>): readonly string[] {
  const usual = dataPath(disk, record.id)
  // Our own word counts alone: it says what is meant wherever the folder has moved to.
  if (record.path !== null) {
    const chosen = resolve(disk.root, record.path)
    return mayHold(disk, chosen) ? [chosen] : []
  }
  const path = record.storage['Path'] ?? ''
  if (path === '' || path === `${disk.prefix}${record.id}` || resolve(path) === usual) return [usual]
  const named = [resolve(path), resolve(disk.root, path)].filter((name) => name !== usual && mayHold(disk, name))
  return [...new Set(isAbsolute(path) ? [...named, usual] : [usual, ...named])]
}

/**
 * Whether a record says that the bytes are in a place where we do not look. In the folder from which this one was moved or
 * copied does not count.
 */
export function leadsOutside(disk: Disk, record: Pick<UploadRecord, 'id' | 'storage' | 'path'>): boolean {
  if (record.path !== null) return candidates(disk, record).length === 0
  const path = record.storage['Path'] ?? ''
  if (path === '' || path === record.id || path.endsWith(`/${record.id}`)) return false
  return candidates(disk, record).length === 1
}

/** Whether a name, taken literally, lies inside the root and is not that of another kind of file. */
function mayHold(disk: Disk, path: string): boolean {
  return isBelow(disk.root, path) && !OURS.test(path)
}

function isBelow(root: string, path: string): boolean {
  const way = relative(root, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

/** A file that is open for reading. Whoever has it closes it. */
export interface Opened {
  readonly path: string
  readonly file: number
  readonly stats: Stats
}

/**
 * Opens the bytes of an upload to read them. Null if there are none.
 * @param usual what {@link openUsual} found in the usual place; stays the caller's
 * @throws UploadError `storage_busy`, `storage_failed`
 */
export async function openData(
  disk: Disk,
  record: Pick<UploadRecord, 'id' | 'storage' | 'path'>,
  usual: Opened | null,
): Promise<Opened | null> {
  for (const path of candidates(disk, record)) {
    if (path === dataPath(disk, record.id)) {
      if (usual !== null) return usual
    } else if (await isInside(disk, path)) {
      // What another server's record says may be a guess; what ours says is not.
      if (record.path === null && (await look(disk, `${path}.info`)) !== null) continue
      const opened = await openIfFile(disk, path)
      if (opened !== null) return opened
    }
  }
  return null
}

/** A link says nothing of bytes that the upload has been sent. A pipe must not keep whoever opens it. (None on Windows.) */
const THE_FILE_ITSELF = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

/**
 * Opens the file in the usual place to read it. Null if there is none, or something else than a file.
 * @throws UploadError `storage_busy`, `storage_failed`, the latter also if it is a symbolic link
 */
export async function openUsual(disk: Disk, id: UploadId): Promise<Opened | null> {
  const path = dataPath(disk, id)
  try {
    return await openIfFile(disk, path, THE_FILE_ITSELF)
  } catch (error) {
    if (!(error instanceof UploadError) || codeOf(error.cause) !== 'ELOOP') throw error
    const hint = `${path} is a symbolic link; put the bytes of the upload themselves there, or remove it`
    throw new UploadError('storage_failed', { hint }, { cause: error.cause })
  }
}

/** Opens a file to read it. Null if there is none, or something else than a file. Throws as {@link openUsual}. */
async function openIfFile(disk: Disk, path: string, flags = 0): Promise<Opened | null> {
  const calls = disk.gaits.quick()
  let file: number | null = null
  try {
    file = await calls.open(path, constants.O_RDONLY | flags)
    const stats = await calls.stat(file)
    if (stats.isFile()) return { path, file, stats }
  } catch (error) {
    if (file !== null) await closeQuietly(calls, file)
    else if (isMissing(error)) return null
    throw failure(error, `open ${path}`)
  }
  await closeQuietly(calls, file)
  return null
}

/** Closes what was opened, once even if both are the same. */
export async function closeOpened(disk: Disk, one: Opened | null, other: Opened | null): Promise<void> {
  if (one !== null) await closeQuietly(disk.gaits.quick(), one.file)
  if (other !== null && other !== one) await closeQuietly(disk.gaits.quick(), other.file)
}

/**
 * The place that a hook chose for the bytes of a new upload, from the root on; null if it chose none.
 * @throws UploadError `hook_failed` if it is none that this store may use, `upload_exists` if it is that of another upload
 */
export async function chosenPath(disk: Disk, { storage }: Pick<NewUpload, 'storage'>): Promise<string | null> {
  if (storage === undefined) return null
  const unknown = Object.keys(storage).filter((name) => name !== 'Type' && name !== 'Path')
  if (unknown.length > 0) throw refused(`it cannot choose ${unknown.join(', ')}; it can choose Path`)
  if ((storage['Type'] ?? 'filestore') !== 'filestore') throw refused('the store is of the type filestore')
  const { Path: text = '' } = storage
  if (text === '') return null
  const path = resolve(disk.root, text)
  const way = relative(disk.root, path).split(sep)
  if (!isBelow(disk.root, path) || text.includes('\0')) throw refused('the path leads out of the folder of uploads')
  if (way.some((segment) => segment.startsWith('.'))) throw refused('no part of the path may begin with a dot')
  if (OURS.test(path)) throw refused('the path ends like one of a record or of a lock')
  if (text.endsWith('/')) throw refused('the path is that of a folder')
  await requireInside(disk, dirname(path))
  if ((await look(disk, `${path}.info`)) !== null) throw new UploadError('upload_exists')
  return way.join('/')
}

function refused(why: string): UploadError {
  return new UploadError('hook_failed', { hint: `the hook preCreate chose where to store an upload: ${why}` })
}

/** Links on the way may lead outside. What does not exist yet is made later, and is no link. */
async function requireInside(disk: Disk, folder: string): Promise<void> {
  try {
    const [root, real] = await Promise.all([realpath(disk.root), realpath(folder)])
    if (real === root || isBelow(root, real)) return
  } catch (error) {
    if (isMissing(error) && folder.length > disk.root.length) return requireInside(disk, dirname(folder))
    throw failure(error, `resolve ${folder}`)
  }
  throw refused('a link on the path leads out of the folder of uploads')
}

/** Whether an unusual place, links resolved, is inside the root, and there. */
async function isInside(disk: Disk, path: string): Promise<boolean> {
  try {
    const [root, real] = await Promise.all([realpath(disk.root), realpath(path)])
    return isBelow(root, real) && !OURS.test(real)
  } catch (error) {
    if (isMissing(error)) return false
    throw failure(error, `resolve ${path}`)
  }
}
