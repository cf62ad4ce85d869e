// @ts-check
// What is sent: bytes that are cheap to make and different at every place, so that a lost, doubled or moved piece is found.
import { createCipheriv } from 'node:crypto'

const MIB = 1 << 20
const POOL = 32 * MIB
/** Bytes of one piece. */
export const PIECE = MIB

/** Noise, the same in every process. */
const pool = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16)).update(Buffer.alloc(POOL))

/**
 * The content of the upload `seed` from `position`: at most `most` bytes, and fewer where a piece ends. A view of prepared bytes;
 * pieces begin anywhere in them, so that neighbours differ, and uploads do.
 * @param {number} seed
 * @param {number} position
 * @param {number} most
 */
export function contentAt(seed, position, most) {
  const index = Math.floor(position / PIECE)
  const start = ((seed * 7919 + index * 1_299_709) % (POOL - PIECE)) + (position % PIECE)
  return pool.subarray(start, start + Math.min(most, PIECE - (position % PIECE)))
}

/**
 * The content of the upload `seed` from one position to another, in views.
 * @param {number} seed
 * @param {number} from
 * @param {number} to
 */
export function* contentOf(seed, from, to) {
  for (let position = from; position < to; ) {
    const piece = contentAt(seed, position, to - position)
    yield piece
    position += piece.length
  }
}

/**
 * Whether the bytes are those of the upload `seed` from `position`.
 * @param {Buffer} bytes
 * @param {number} seed
 * @param {number} position
 */
export function isContent(bytes, seed, position) {
  let done = 0
  for (const piece of contentOf(seed, position, position + bytes.length)) {
    if (bytes.compare(piece, 0, piece.length, done, done + piece.length) !== 0) return false
    done += piece.length
  }
  return true
}
