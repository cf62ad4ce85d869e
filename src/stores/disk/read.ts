import { constants } from 'node:fs'
import { UploadError } from '../../core/errors.ts'
import type { Bytes } from '../../core/store.ts'
import type { Calls } from './calls.ts'
import { failure } from './failure.ts'
import { closeQuietly, type Disk } from './files.ts'
import { SMALL } from './writer.ts'

/** Bytes read at once. Two buffers of this size serve a whole download. */
const PIECE = 256 * 1024

/**
 * Bytes `start` (included) to `end` (excluded) of a file. While the consumer is busy with one buffer, the other is filled.
 * @throws UploadError `storage_failed` if the file ends before
 */
export async function* readFile(disk: Disk, path: string, start: number, end: number): Bytes {
  if (start >= end) return
  const calls = end - start <= SMALL ? disk.gaits.quick() : disk.gaits.pooled
  const file = await openToRead(calls, path)
  const size = Math.min(PIECE, end - start)
  const buffers = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(end - start > size ? size : 0)] as const
  let ahead: Promise<Uint8Array> = Promise.resolve(buffers[0])
  let turn: 0 | 1 = 0

  function fetch(position: number): Promise<Uint8Array> {
    const piece = buffers[turn].subarray(0, Math.min(size, end - position))
    turn = turn === 0 ? 1 : 0
    const filled = fill(calls, file, path, piece, position)
    // If nobody comes to see this failure, it has done no harm.
    filled.catch(() => undefined)
    return filled
  }

  try {
    ahead = fetch(start)
    for (let position = start; position < end; ) {
      const piece = await ahead
      position += piece.length
      // The buffer behind the last piece is free now that its consumer asks for more.
      if (position < end) ahead = fetch(position)
      yield [piece]
    }
  } finally {
    // A descriptor closed under a running read may by then belong to another file.
    await ahead.catch(() => undefined)
    await closeQuietly(calls, file)
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
