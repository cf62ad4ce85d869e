import type { Stats } from 'node:fs'
import { opendir } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import type { Store } from '../../core/store.ts'
import type { UploadId } from '../../core/upload.ts'
import { failure, isMissing } from './failure.ts'
import { type Disk, dataPath, look, recordPath, remove, removeEmptyFolders } from './files.ts'
import { candidates } from './locate.ts'
import { lacksBytes } from './open.ts'
import { readRecord } from './records.ts'
import { belonging, walk } from './walk.ts'

/** How Tusker, and tusd, name uploads when nobody else does. */
const GENERATED = /^[0-9a-f]{32}$/

/** Folders whose temporary files are remembered between two calls. */
const REMEMBERED = 100

interface Temporary {
  readonly id: UploadId
  readonly path: string
}

/**
 * Removes what crashes leave behind.
 *
 * Bytes without a record go only if there are none, as when the process died during a creation, or if their name is one that
 * Tusker generates, as when the power failed before the record was on the disk. Other files in the folder are an operator's
 * own, or had their record taken away by a hook, and stay. So do files in which another record says its bytes to be, and uploads
 * whose record cannot be read.
 *
 * A file is as old as the last change to its content or its name, so that what is being restored from a backup is new.
 */
export function tidier(disk: Disk): Store['tidy'] {
  /**
   * Looking through a folder for each upload in it would take forever. What was found in one at a time T is good for all
   * files that are older than T.
   */
  const temporaries = new Map<string, { readonly at: number; readonly temporaries: readonly Temporary[] }>()
  let elsewhere: { readonly at: number; readonly paths: ReadonlySet<string> } | null = null

  async function temporariesOf(id: UploadId, before: Date): Promise<readonly string[]> {
    const folder = dirname(recordPath(disk, id))
    let found = temporaries.get(folder)
    if (found === undefined || found.at < before.getTime()) {
      found = { at: Date.now(), temporaries: await listTemporaries(disk, folder) }
      const [oldest] = temporaries.keys()
      if (temporaries.size >= REMEMBERED && oldest !== undefined) temporaries.delete(oldest)
      temporaries.set(folder, found)
    }
    return found.temporaries.filter((found) => found.id === id).map((found) => found.path)
  }

  /** Whether a record of another upload says that its bytes are in this file. */
  async function isTaken(path: string, before: Date): Promise<boolean> {
    if (elsewhere === null || elsewhere.at < before.getTime()) {
      elsewhere = { at: Date.now(), paths: await listElsewhere(disk) }
    }
    return elsewhere.paths.has(path)
  }

  return async (id: UploadId, before: Date): Promise<boolean> => {
    const doomed: string[] = []
    const path = dataPath(disk, id)
    const bytes = await lookForFile(disk, path)
    const record = await lookForFile(disk, recordPath(disk, id))
    if (record !== null && record.size > 0) {
      if (isOlder(record, before) && (await lacksBytes(disk, id))) doomed.push(recordPath(disk, id))
    } else {
      const ours = bytes !== null && (bytes.size === 0 || GENERATED.test(id))
      if (ours && isOlder(bytes, before) && !(await isTaken(path, before))) doomed.push(path)
      // An empty record is what a loss of power leaves of one that was not synced.
      if (record !== null && isOlder(record, before) && (bytes === null || doomed.length > 0)) {
        doomed.push(recordPath(disk, id))
      }
    }
    for (const temporary of await temporariesOf(id, before)) {
      const stats = await lookForFile(disk, temporary)
      if (stats !== null && isOlder(stats, before)) doomed.push(temporary)
    }
    let removed = false
    for (const file of doomed) removed = (await remove(disk.gaits.quick(), file)) || removed
    if (removed) await removeEmptyFolders(disk, path)
    return removed
  }
}

async function lookForFile(disk: Disk, path: string): Promise<Stats | null> {
  const stats = await look(disk, path)
  return stats?.isFile() ? stats : null
}

function isOlder(stats: Stats, before: Date): boolean {
  return Math.max(stats.mtimeMs, stats.ctimeMs) < before.getTime()
}

async function listTemporaries(disk: Disk, folder: string): Promise<readonly Temporary[]> {
  const below = folder === disk.root ? '' : `${relative(disk.root, folder).replaceAll(sep, '/')}/`
  const temporaries: Temporary[] = []
  try {
    for await (const entry of await opendir(folder, { bufferSize: 256 })) {
      const found = belonging(`${below}${entry.name}`)
      if (found?.as === 'temporary') temporaries.push({ id: found.id, path: join(folder, entry.name) })
    }
  } catch (error) {
    if (!isMissing(error)) throw failure(error, `list ${folder}`)
  }
  return temporaries
}

/** The files in which records say bytes to be that are not in the usual place. */
async function listElsewhere(disk: Disk): Promise<ReadonlySet<string>> {
  const paths = new Set<string>()
  for await (const { id, as } of walk(disk)) {
    const found = as === 'record' ? await readRecord(disk, id).catch(() => null) : null
    if (found === null) continue
    for (const path of candidates(disk, found.record)) if (path !== dataPath(disk, id)) paths.add(path)
  }
  return paths
}
