import { resolve } from 'node:path'
import { UploadError } from '../../core/errors.ts'
import type { StoredUpload } from '../../core/store.ts'
import type { NewUpload, UploadId } from '../../core/upload.ts'
import { newRecord } from '../record.ts'
import { failure } from './failure.ts'
import {
  claim,
  type Disk,
  dataPath,
  look,
  makeFolderOf,
  recordPath,
  remove,
  removeEmptyFolders,
  storageOf,
  syncNames,
} from './files.ts'
import { chosenPath, closeOpened, leadsOutside, type Opened, openData, openUsual } from './locate.ts'
import { readRecord, writeRecord } from './records.ts'
import { DiskUpload } from './upload.ts'

/** Creates an upload. Leaves nothing behind if it throws. */
export async function create(disk: Disk, upload: NewUpload): Promise<StoredUpload> {
  const { id } = upload
  const chosen = await chosenPath(disk, upload)
  const path = chosen === null ? dataPath(disk, id) : resolve(disk.root, chosen)
  const storage = storageOf(disk, id)
  const usual = newRecord(upload, storage)
  const record = chosen === null ? usual : { ...usual, path: chosen, storage: { ...storage, Path: path } }
  const always = disk.durability === 'always'
  const created: string[] = []
  try {
    // The bytes first: the file is created only if it is not there, so that one of two creations fails.
    await claim(disk, path)
    created.push(path)
    if (await hasBytesElsewhere(disk, id, chosen !== null)) throw new UploadError('upload_exists')
    // The folder of the record is made with the bytes, unless they are elsewhere.
    if (chosen !== null) await makeFolderOf(disk, recordPath(disk, id))
    await writeRecord(disk, record, always)
    created.push(recordPath(disk, id))
    if (always) await syncNames(disk, created)
  } catch (error) {
    for (const file of created) await remove(disk.gaits.quick(), file).catch(() => false)
    for (const file of [path, recordPath(disk, id)]) await removeEmptyFolders(disk, file)
    throw error
  }
  return new DiskUpload(disk, { record, path, size: 0, modifiedAt: new Date() })
}

/** Whether there is a record already that is not what a crash left, but of an upload with its bytes in an unusual place. */
async function hasBytesElsewhere(disk: Disk, id: UploadId, weAreElsewhere: boolean): Promise<boolean> {
  // Its usual place must stay free, or be ours: whoever has it has the name.
  if (weAreElsewhere && (await look(disk, dataPath(disk, id))) !== null) return true

  const stats = await look(disk, recordPath(disk, id))
  if (stats === null || stats.size === 0) return false
  const found = await readRecord(disk, id).catch((error: unknown) => {
    const hint = `${recordPath(disk, id)} is in the way of a new upload; look at it, and remove it if nobody needs it`
    throw new UploadError('upload_exists', { hint }, { cause: error })
  })
  if (found === null) return false
  if (leadsOutside(disk, found.record)) return true
  const bytes = await openData(disk, found.record, weAreElsewhere ? await openUsual(disk, id) : null)
  await closeOpened(disk, bytes, null)
  return bytes !== null
}

/** Opens an upload. Changes nothing, and needs no lock if the upload turns out to be complete. */
export async function open(disk: Disk, id: UploadId): Promise<StoredUpload> {
  // The size before the record: a record of tusd's leaves it to the size whether the upload is complete. If the record is
  // still tusd's after that, nobody had yet begun to add bytes that might not count.
  const usual = await openUsual(disk, id)
  let bytes: Opened | null = null
  try {
    const found = await readRecord(disk, id)
    if (found === null) throw new UploadError('upload_not_found')
    bytes = await openData(disk, found.record, usual)
    if (bytes === null) throw new UploadError('upload_not_found')
    const { path, stats } = bytes
    const modifiedAt = stats.mtime > found.changedAt ? stats.mtime : found.changedAt
    const opened = new DiskUpload(disk, { record: found.record, path, size: stats.size, modifiedAt })
    if (disk.durability === 'always' && !opened.upload.complete) await syncFound(disk, id, bytes, opened.upload.offset)
    return opened
  } finally {
    await closeOpened(disk, usual, bytes)
  }
}

/** A process that died may have written what is here, and told nobody. A client is told now, so it must be durable. */
async function syncFound(disk: Disk, id: UploadId, { file, path }: Opened, size: number): Promise<void> {
  try {
    await disk.gaits.pooled.syncData(file)
    disk.doubts.synced(path, size)
  } catch (error) {
    // The next sync would succeed, whatever was lost.
    disk.doubts.raise(path)
    throw failure(error, `sync ${path}`)
  }
  await syncNames(disk, [path, recordPath(disk, id)])
}

/** Whether there is a record that can be read, but no bytes where it says, nor in the usual place. Not known is no. */
export async function lacksBytes(disk: Disk, id: UploadId): Promise<boolean> {
  const found = await readRecord(disk, id).catch(() => null)
  if (found === null || leadsOutside(disk, found.record)) return false
  const usual = await openUsual(disk, id)
  const bytes = await openData(disk, found.record, usual)
  await closeOpened(disk, usual, bytes)
  return bytes === null
}
