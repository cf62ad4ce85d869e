import { UploadError } from '../../core/errors.ts'
import type { Bytes, StoredUpload } from '../../core/store.ts'
import type { ByteRange, Digests, Upload } from '../../core/upload.ts'
import { type UploadRecord, uploadOf } from '../record.ts'
import { appendChecked } from './checked.ts'
import { type Disk, dataPath, recordPath, remove, removeEmptyFolders, storageOf, syncNames } from './files.ts'
import { readFile } from './read.ts'
import { writeRecord } from './records.ts'
import { cutBack, knownSynced, openWriter, syncBytes, type Writer } from './writer.ts'

/** What the files of an upload say. */
export interface Found {
  readonly record: UploadRecord
  /** Where the bytes are. */
  readonly path: string
  /** How many there are, including those that do not count. */
  readonly size: number
  readonly modifiedAt: Date
}

/** The removal of a file that is larger takes a while. */
const LARGE = 1024 * 1024

/** One upload on disk. */
export class DiskUpload implements StoredUpload {
  readonly #disk: Disk
  readonly #path: string
  readonly #recordPath: string
  #record: UploadRecord
  #upload: Upload

  /**
   * @throws UploadError `storage_failed` if the bytes are more than the upload may have, or another number than when it was
   * finished: to count them would tell a false offset.
   */
  constructor(disk: Disk, found: Found) {
    this.#disk = disk
    this.#path = found.path
    this.#recordPath = recordPath(disk, found.record.id)
    const storage = currentStorage(disk, found)
    this.#record = { ...found.record, storage }
    this.#upload = uploadOf(this.#record, { offset: countedBytes(disk, found), modifiedAt: found.modifiedAt, storage })
    checkSize(found, this.#upload)
  }

  get upload(): Upload {
    return this.#upload
  }

  async append(bytes: Bytes, saved?: (offset: number) => void): Promise<Upload> {
    let writer: Writer | null = null
    // With a durability of `always` bytes count once they are synced, which is at the end.
    const tell = this.#disk.durability === 'always' ? undefined : saved
    try {
      for await (const batch of bytes) {
        writer ??= await this.begin()
        await writer.write(batch)
        tell?.(writer.position)
      }
      return writer === null ? this.#upload : await this.end(writer)
    } catch (error) {
      await writer?.abandon()
      throw error
    }
  }

  appendChecked(bytes: Bytes, verdict: () => boolean): Promise<Upload> {
    return appendChecked(this, bytes, verdict)
  }

  setLength(length: number): Promise<Upload> {
    return this.#rewrite({ length })
  }

  async finish(digests?: Digests): Promise<Upload> {
    const durable = this.#disk.durability !== 'none'
    if (!this.#upload.complete) await this.#dropUnchecked()
    const sealed = this.#record.complete === true
    const { offset } = this.#upload
    if (durable) await syncBytes(this.#disk, this.#path, sealed ? offset : knownSynced(this.#disk, offset))
    if (!sealed) await this.#rewrite({ complete: true, trusted: null, digests: digests ?? null }, false)
    // Also for one that is complete already: the process may have died between the record and this.
    if (durable) await this.#syncNames().catch((error: unknown) => this.#unseal(sealed, error))
    return this.#upload
  }

  async remove(): Promise<void> {
    const { gaits, durability, doubts } = this.#disk
    // The bytes first: a record without bytes is no upload, but bytes without a record might be somebody's.
    await remove(this.#upload.offset > LARGE ? gaits.pooled : gaits.quick(), this.#path)
    doubts.forget(this.#path)
    await remove(gaits.quick(), this.#recordPath)
    await removeEmptyFolders(this.#disk, this.#path)
    await removeEmptyFolders(this.#disk, this.#recordPath)
    if (durability === 'always') await this.#syncNames()
  }

  read(range?: ByteRange): Bytes {
    return readFile(
      this.#disk,
      this.#path,
      range?.start ?? 0,
      range === undefined ? this.#upload.offset : range.end + 1,
    )
  }

  /** Opens the bytes to add some, with nothing behind those that count. */
  async begin(): Promise<Writer> {
    this.#refuseIfComplete()
    await this.#dropUnchecked()
    // A record of tusd's leaves it to the bytes whether the upload is complete. They do not tell any more if we add the last
    // of them and die before it is finished.
    if (this.#record.trusted !== null || this.#record.complete === null) await this.#rewrite({ trusted: null })
    return openWriter(this.#disk, this.#path, this.#upload.offset)
  }

  /** As {@link begin}, but what is added does not count, whatever happens, until {@link end}. */
  async beginUnchecked(): Promise<Writer> {
    this.#refuseIfComplete()
    await this.#dropUnchecked()
    const { offset } = this.#upload
    if (this.#record.trusted !== offset) await this.#rewrite({ trusted: offset }, this.#disk.durability !== 'none')
    return openWriter(this.#disk, this.#path, offset)
  }

  /** Closes the bytes and counts them. */
  async end(writer: Writer): Promise<Upload> {
    if (this.#disk.durability === 'always') await writer.sync()
    await writer.close()
    if (this.#record.trusted !== null) await this.#rewrite({ trusted: null, offset: writer.position })
    this.#upload = { ...this.#upload, offset: writer.position, modifiedAt: new Date() }
    return this.#upload
  }

  /** Closes the bytes and drops those that were added, after {@link beginUnchecked}. */
  async undo(writer: Writer): Promise<Upload> {
    await writer.abandon()
    await this.#dropUnchecked()
    return this.#rewrite({ trusted: null })
  }

  /** What could not be finished must not look so to the next request. */
  async #unseal(sealed: boolean, cause: unknown): Promise<never> {
    if (!sealed) await this.#rewrite({ complete: false }, false).catch(() => undefined)
    throw cause
  }

  /** Bytes that wait for their checksum, or were in a sync that failed. */
  async #dropUnchecked(): Promise<void> {
    const doubtful = this.#disk.doubts.limit(this.#path) < Number.POSITIVE_INFINITY
    if (doubtful || this.#record.trusted !== null) await cutBack(this.#disk, this.#path, this.#upload.offset)
  }

  #refuseIfComplete(): void {
    if (!this.#upload.complete) return
    throw new UploadError('length_exceeded', { hint: `upload ${this.#upload.id} is finished and takes no bytes` })
  }

  async #rewrite(changes: Partial<UploadRecord>, syncNames = this.#disk.durability === 'always'): Promise<Upload> {
    const { offset, storage } = this.#upload
    const record = { ...this.#record, complete: this.#record.complete ?? false, offset, ...changes }
    // The text is synced before it takes the place of a good one. No loss of power then leaves neither.
    await writeRecord(this.#disk, record, this.#disk.durability !== 'none')
    if (syncNames) await this.#syncNames()
    this.#record = record
    this.#upload = uploadOf(record, { offset, modifiedAt: new Date(), storage })
    return this.#upload
  }

  #syncNames(): Promise<void> {
    return syncNames(this.#disk, [this.#path, this.#recordPath])
  }
}

/** What the record says of the storage, put right where the folder has moved since. Members that others added stay. */
function currentStorage(disk: Disk, { record, path }: Found): Readonly<Record<string, string>> {
  const { id, storage } = record
  const usual = storageOf(disk, id)
  const Path = path === dataPath(disk, id) ? usual.Path : record.path === null ? (storage['Path'] ?? path) : path
  // As it was, nearly always.
  if (storage['Path'] === Path && storage['InfoPath'] === usual.InfoPath) return storage
  return { ...storage, ...usual, Path }
}

/** The bytes of an upload that count. A finished one has been checked in whole. */
function countedBytes({ doubts }: Disk, { record, path, size }: Found): number {
  if (record.complete === true) return size
  return Math.min(size, record.trusted ?? Number.POSITIVE_INFINITY, doubts.limit(path))
}

function checkSize({ record, path, size }: Found, upload: Upload): void {
  const tooLong = upload.length !== null && upload.offset > upload.length
  const changed = record.complete === true && size !== record.offset
  if (!tooLong && !changed) return
  const wanted = changed ? `${record.offset} when the upload was finished` : `at most ${upload.length}`
  const hint = `${path} has ${size} bytes, not ${wanted}; restore it, or remove it and the record beside it`
  throw new UploadError('storage_failed', { hint })
}
