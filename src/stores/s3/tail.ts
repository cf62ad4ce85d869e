import { UploadError } from '../../core/errors.ts'
import type { Content, Head } from './api.ts'
import { joined } from './content.ts'
import { failure } from './failure.ts'
import type { Place } from './layout.ts'
import { look, replace, type Service } from './service.ts'

/** Says on a tail where in the upload it begins. tusd knows nothing of it: there a tail always begins behind all parts. */
const OFFSET = 'tusker-offset'

/** Bytes behind the last whole part, as they are stored in the `.part` object. */
export interface Tail {
  /** Where in the upload they begin; null if the object does not say, because tusd wrote it. */
  readonly start: number | null
  readonly size: number
  readonly etag: string
}

/** What the `.part` object of an upload is. */
export async function findTail(service: Service, place: Place): Promise<{ tail: Tail; head: Head } | null> {
  const head = await look(service, place)
  return head === null ? null : { tail: tailOf(head), head }
}

function tailOf({ size, etag, metadata }: Head): Tail {
  const start = metadata[OFFSET]
  return { start: start !== undefined && /^\d{1,16}$/.test(start) ? Number(start) : null, size, etag }
}

/** The bytes of a tail, as part of something larger. */
export function tailContent(service: Service, place: Place, { size, etag }: Tail): Content {
  return {
    size,
    open: (signal) => service.api.bytes(place, { start: 0, end: size - 1 }, etag, signal),
  }
}

/**
 * Puts a new tail in the place of the one that is there, in one step. It is never deleted while the upload is under way: a
 * deletion that was given up and arrives late would take the next tail with it. One that is of no use any more is replaced
 * by an empty one, which tusd does not count either.
 * @param was what is there now; null for nothing
 * @param kept whether `content` goes on behind what is there
 */
export async function putTail(
  service: Service,
  place: Place,
  start: number,
  content: Content,
  was: Tail | null,
  kept: boolean,
  signal?: AbortSignal,
): Promise<Tail> {
  const whole = kept && was !== null && was.size > 0 ? joined([tailContent(service, place, was), content]) : content
  const headers = { Metadata: { [OFFSET]: String(start) } }
  try {
    const etag = await replace(service, place, whole, { etag: was?.etag ?? null }, headers, signal)
    if (etag !== null) return { start, size: whole.size, etag }
    return await arrived(service, place, start, whole.size)
  } catch (error) {
    // The old one cannot be read any more: it was replaced, by an attempt of ours or by somebody else.
    const found = await findTail(service, place).catch(() => null)
    if (found !== null && isIt(found.tail, start, whole.size) && found.tail.etag !== was?.etag) return found.tail
    throw failure(error, 'keep the last bytes', place)
  }
}

/** The tail that an attempt of ours left whose answer was lost. */
async function arrived(service: Service, place: Place, start: number, size: number): Promise<Tail> {
  const found = await findTail(service, place)
  if (found !== null && isIt(found.tail, start, size)) return found.tail
  // Somebody else wrote it since the upload was opened: it stands somewhere else now.
  throw new UploadError('offset_mismatch', { hint: `somebody else wrote to s3://${place.bucket}/${place.key}` })
}

function isIt(tail: Tail, start: number, size: number): boolean {
  return tail.start === start && tail.size === size
}
