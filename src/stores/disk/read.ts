import { constants } from 'node:fs'
import { UploadError } from '../../core/errors.ts'
import type { Batch } from '../../core/store.ts'
import type { Calls } from './calls.ts'
import { failure } from './failure.ts'
import { closeQuietly, type Disk } from './files.ts'
import { SMALL } from './writer.ts'

const MiB = 1024 * 1024
/** Bytes read at once. Two buffers of this size serve a whole download: there may be many, to clients that take their time. */
const PIECE = MiB / 4
/** The same for who takes a MiB within {@link QUICK}: the way to the thread pool and back costs more than the reading of a small piece. */
const LARGE_PIECE = 2 * MiB
/** In milliseconds. */
const QUICK = 250
/** Reads at once that have large pieces: 32 MiB in all. */
export const LARGE_READS = 8

/**
 * Bytes `start` (included) to `end` (excluded) of a file. While the consumer is busy with one buffer, the other is filled.
 * @throws UploadError `storage_failed` if the file ends before
 */
export async function* readFile(disk: Disk, path: string, start: number, end: number): AsyncGenerator<Batch, void> {
  if (start >= end) return
  const calls = end - start <= SMALL ? disk.gaits.quick() : disk.gaits.pooled
  const file = await openToRead(calls, path)
  const size = Math.min(PIECE, end - start)
  let buffers = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(end - start > size ? size : 0)] as const
  let ahead: Promise<Uint8Array> = Promise.resolve(buffers[0])
  let turn: 0 | 1 = 0
  let isLarge = false
  let milestone = start + MiB
  let since = performance.now()

  function fetch(position: number): Promise<Uint8Array> {
    const buffer = buffers[turn]
    const piece = buffer.subarray(0, Math.min(buffer.length, end - position))
    turn = turn === 0 ? 1 : 0
    const filled = fill(calls, file, path, piece, position)
    // If nobody comes to see this failure, it has done no harm.
    filled.catch(() => undefined)
    return filled
  }

  /** Goes on in large pieces if the consumer is quick. */
  function grow(position: number): void {
    if (isLarge || position < milestone) return
    const now = performance.now()
    if (now - since < QUICK && end - position >= 2 * LARGE_PIECE && disk.reads.large < LARGE_READS) {
      isLarge = true
      disk.reads.large += 1
      buffers = [Buffer.allocUnsafeSlow(LARGE_PIECE), Buffer.allocUnsafeSlow(LARGE_PIECE)]
    }
    milestone = position + MiB
    since = now
  }

  try {
    ahead = fetch(start)
    for (let position = start; position < end; ) {
      const piece = await ahead
      position += piece.length
      grow(position)
      // The buffer behind the last piece is free now that its consumer asks for more.
      if (position < end) ahead = fetch(position)
      yield [piece]
    }
  } finally {
    // A descriptor closed under a running read may by then belong to another file.
    await ahead.catch(() => undefined)
    await closeQuietly(calls, file)
    if (isLarge) disk.reads.large -= 1
  }
}

async function openToRead(calls: Calls, path: string): Promise<number> {
  try {
    return await calls.open(path, constants.O_RDONLY)
  } catch (error) {
    throw failure(error, `open ${path}`)
  }
}

async function fill(calls: Calls, file: number, path: string, piece: Uint8Array, position: number) {
  let filled = 0
  while (filled < piece.length) {
    const count = await readSome(calls, file, path, piece.subarray(filled), position + filled)
    if (count === 0) {
      const hint = `${path} ends at byte ${position + filled}, before the bytes that its record promises; was it cut off?`
      throw new UploadError('storage_failed', { hint })
    }
    filled += count
  }
  return piece
}

async function readSome(calls: Calls, file: number, path: string, into: Uint8Array, position: number): Promise<number> {
  try {
    return await calls.read(file, into, position)
  } catch (error) {
    throw failure(error, `read ${path}`)
  }
}
