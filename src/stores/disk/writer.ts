import { constants } from 'node:fs'
import { UploadError } from '../../core/errors.ts'
import type { Batch } from '../../core/store.ts'
import { failure } from './failure.ts'
import { closeQuietly, type Disk, using, writeAll } from './files.ts'

/** Batches up to this many bytes are written by a call that blocks; it takes less time than the way to the pool. */
export const SMALL = 64 * 1024

/** The bytes of an upload, open to be added to. Whoever opens it closes it. */
export interface Writer {
  /** Where the next batch goes. */
  readonly position: number
  /** Throws `storage_full`, `storage_busy`, `storage_failed`; what was written before counts. */
  write(batch: Batch): Promise<void>
  /** Brings what was written to the disk. If that fails, none of what this writer wrote counts. */
  sync(): Promise<void>
  /** Throws as `write` does: NFS writes, and finds no space, only then. None of what this writer wrote counts then. */
  close(): Promise<void>
  /** Closes after an error. Safe to repeat, and after `close`. */
  abandon(): Promise<void>
}

/**
 * Opens the bytes of an upload to add to them. They are written at explicit positions, never merely at the end: so bytes
 * of a holder that lost its lock without knowing go where the same bytes belong anyway.
 * @throws UploadError `offset_mismatch` if the file has grown since it was looked at, `upload_not_found` if it is gone
 */
export async function openWriter(disk: Disk, path: string, offset: number): Promise<Writer> {
  const calls = disk.gaits.quick()
  const file = await openToWrite(disk, path)
  let isOpen = true
  try {
    const { size } = await calls.stat(file)
    if (size > offset) throw new UploadError('offset_mismatch', { offset: size })
    if (size < offset) {
      const hint = `${path} shrank from ${offset} to ${size} bytes while it was in use; who else writes there?`
      throw new UploadError('storage_failed', { hint })
    }
  } catch (error) {
    await closeQuietly(calls, file)
    throw failure(error, `look at ${path}`)
  }
  // A plain member: V8 makes an object from a literal with a getter ten times as slowly.
  const writer: Writer & { position: number } = {
    position: offset,
    async write(batch) {
      const { quick, pooled } = disk.gaits
      try {
        writer.position = await writeAll(sizeOf(batch) <= SMALL ? quick() : pooled, file, batch, writer.position)
      } catch (error) {
        throw failure(error, `write to ${path}`)
      }
    },
    async sync() {
      try {
        await disk.gaits.pooled.syncData(file)
        disk.doubts.synced(path, writer.position)
      } catch (error) {
        await distrust(disk, path, offset)
        throw failure(error, `sync ${path}`)
      }
    },
    async close() {
      // Whatever comes of it, the descriptor is gone, and may by now belong to another file.
      isOpen = false
      try {
        await disk.gaits.quick().close(file)
      } catch (error) {
        // NFS syncs when a file is closed.
        await distrust(disk, path, offset)
        throw failure(error, `close ${path}`)
      }
    },
    async abandon() {
      if (!isOpen) return
      isOpen = false
      await closeQuietly(disk.gaits.quick(), file)
    },
  }
  return writer
}

/** Drops the bytes behind `size`, if there are any. After that all bytes of the file are as good as they are counted. */
export async function cutBack(disk: Disk, path: string, size: number): Promise<void> {
  const file = await openToWrite(disk, path)
  const { pooled } = disk.gaits
  try {
    await using(pooled, file, path, async () => {
      if ((await pooled.stat(file)).size <= size) return
      await pooled.truncate(file, size)
      if (disk.durability === 'none') return
      await pooled.syncData(file).catch((error: unknown) => {
        disk.doubts.raise(path, knownSynced(disk, size))
        throw error
      })
    })
  } catch (error) {
    throw failure(error, `cut back ${path}`)
  }
  disk.doubts.settle(path)
}

/**
 * Brings the bytes of an upload to the disk, whoever wrote them. If that fails, `kept` of them count, at most: those that are
 * known to have been synced before.
 */
export async function syncBytes(disk: Disk, path: string, kept: number): Promise<void> {
  const file = await openToWrite(disk, path)
  try {
    await using(disk.gaits.quick(), file, path, () => disk.gaits.pooled.syncData(file))
  } catch (error) {
    await distrust(disk, path, kept)
    throw failure(
      error,
      `sync ${path}; bytes that may be lost with it count no more, and their client sends them again`,
    )
  }
}

/** How many of the first `size` bytes, which count, are known to have been synced: they are when every request syncs. */
export function knownSynced(disk: Disk, size: number): number {
  return disk.durability === 'always' ? size : 0
}

/** After a failed sync only the first `known` bytes count. Never throws: if the file cannot be cut back now, it is later. */
async function distrust(disk: Disk, path: string, known: number): Promise<void> {
  const { pooled } = disk.gaits
  disk.doubts.raise(path, known)
  try {
    const file = await pooled.open(path, constants.O_WRONLY)
    await using(pooled, file, path, async () => {
      if ((await pooled.stat(file)).size > known) await pooled.truncate(file, known)
    })
    disk.doubts.settle(path)
  } catch {
    // The disk is beyond help. The error that the caller throws says so.
  }
}

async function openToWrite(disk: Disk, path: string): Promise<number> {
  try {
    return await disk.gaits.quick().open(path, constants.O_WRONLY)
  } catch (error) {
    throw failure(error, `open ${path}`)
  }
}

export function sizeOf(batch: Batch): number {
  let size = 0
  for (const chunk of batch) size += chunk.length
  return size
}
