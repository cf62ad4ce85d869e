import { randomBytes } from 'node:crypto'
import { parseUploadId, type UploadId } from '../core/upload.ts'

/** Bytes of one id: 128 random bits, so that nobody can guess the URL of an upload. */
const SIZE = 16

/** Ids drawn at once: a call for random bytes takes 5 us, however few they are. */
const DRAW = 256

/** Makes ids for new uploads. Each of the random bytes goes into one id. */
export function idSource(): () => UploadId {
  let drawn = Buffer.alloc(0)
  let used = 0
  return () => {
    if (used === drawn.length) {
      drawn = randomBytes(SIZE * DRAW)
      used = 0
    }
    const start = used
    used += SIZE
    return parseUploadId(drawn.toString('hex', start, used))
  }
}
