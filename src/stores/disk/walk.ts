import { opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { isUploadId, type UploadId } from '../../core/upload.ts'
import { failure, isMissing } from './failure.ts'
import { type Disk, dataPath, look, recordPath } from './files.ts'

/** The name of a record: `abc.info`. */
const RECORD = /^(?<id>.+)\.info$/
/** The name of a record that is being written, or was when the process died: `abc.info.4f1c09ab2.tmp`. */
const TEMPORARY = /^(?<id>.+)\.info\.[0-9a-z]+\.tmp$/

/** What a file is to the upload that its name belongs to. */
export interface Belonging {
  readonly id: UploadId
  readonly as: 'bytes' | 'record' | 'temporary'
}

/** What a file is, by its name below the root; null if it is no business of ours. */
export function belonging(name: string): Belonging | null {
  if (isUploadId(name)) return { id: name, as: 'bytes' }
  const temporary = TEMPORARY.exec(name)?.groups?.['id'] ?? ''
  if (isUploadId(temporary)) return { id: temporary, as: 'temporary' }
  const record = RECORD.exec(name)?.groups?.['id'] ?? ''
  return isUploadId(record) ? { id: record, as: 'record' } : null
}

/**
 * All files of ours, in the order in which the file system has them. Memory does not grow with their number. Passes over
 * folders that no upload can be in. What comes and goes meanwhile may be missed.
 */
export async function* walk(disk: Disk, below = ''): AsyncGenerator<Belonging> {
  const folder = join(disk.root, below)
  try {
    for await (const entry of await opendir(folder, { bufferSize: 256 })) {
      const name = `${below}${entry.name}`
      if (entry.isDirectory()) {
        if (isUploadId(name)) yield* walk(disk, `${name}/`)
      } else {
        const found = belonging(name)
        if (found !== null) yield found
      }
    }
  } catch (error) {
    if (!isMissing(error)) throw failure(error, `list ${folder}`)
  }
}

/** Every id of which there is a file, once, unless files come and go meanwhile. */
export async function* list(disk: Disk): AsyncGenerator<UploadId> {
  const named = new Set<UploadId>()
  for await (const { id, as } of walk(disk)) {
    // The bytes speak for the upload; the record only where they are missing, a temporary file only where both are.
    if (as !== 'bytes' && (await isThere(disk, dataPath(disk, id)))) continue
    if (as === 'temporary') {
      if (named.has(id) || (await isThere(disk, recordPath(disk, id)))) continue
      named.add(id)
    }
    yield id
  }
}

async function isThere(disk: Disk, path: string): Promise<boolean> {
  const stats = await look(disk, path)
  return stats !== null && !stats.isDirectory()
}
