import type { UploadId } from '../../core/upload.ts'
import { parseRecord, printRecord, type UploadRecord } from '../record.ts'
import { failure } from './failure.ts'
import { type Disk, NEW, readSmall, recordPath, remove, using, writeAll } from './files.ts'

/** More than this is no record, whatever its name says. */
const LARGEST = 16 * 1024 * 1024

/** A record and when its file last changed. */
export interface FoundRecord {
  readonly record: UploadRecord
  readonly changedAt: Date
}

/**
 * Reads the record of an upload. Null if there is none.
 * @throws UploadError as `parseRecord`, and `storage_busy`, `storage_failed`
 */
export async function readRecord(disk: Disk, id: UploadId): Promise<FoundRecord | null> {
  const found = await readSmall(disk, recordPath(disk, id), LARGEST)
  // An empty one is what a loss of power leaves of a record that was not synced: the upload was not promised yet.
  if (found === null || found.stats.size === 0) return null
  const { text, stats } = found
  // tusd writes a record when it creates the upload, and again when the length is declared. A copy is younger than its text.
  const createdAt = stats.birthtimeMs > 0 && stats.birthtimeMs < stats.mtimeMs ? stats.birthtime : stats.mtime
  return { record: parseRecord(text, id, createdAt), changedAt: stats.mtime }
}

/**
 * Puts a record in place of an older one, or of none: whoever reads it, and whenever the process dies, finds all of the old or
 * all of the new. With `sync` also when the power fails; its name is durable once the folder is synced.
 */
export async function writeRecord(disk: Disk, record: UploadRecord, sync: boolean): Promise<void> {
  const path = recordPath(disk, record.id)
  const calls = disk.gaits.quick()
  const temporary = disk.temporary(path)
  try {
    const file = await calls.open(temporary, NEW, disk.filePerms)
    await using(calls, file, temporary, async () => {
      await writeAll(calls, file, [Buffer.from(printRecord(record))], 0)
      if (sync) await calls.sync(file)
    })
    await calls.rename(temporary, path)
  } catch (error) {
    await remove(calls, temporary).catch(() => false)
    throw failure(error, `write ${path}`)
  }
}
