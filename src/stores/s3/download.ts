import { Readable } from 'node:stream'
import { GetObjectCommand } from '@aws-sdk/client-s3'
import type { ByteRange } from '../../core/upload.ts'
import type { Call } from './calls.ts'
import { isPassing } from './failure.ts'
import type { Place } from './layout.ts'
import type { S3Settings } from './options.ts'

/** In the words of RFC 9110, section 14.1.2. */
export function printRange({ start, end }: ByteRange): string {
  return `bytes=${start}-${end}`
}

/**
 * The bytes of an object, beginning with the first call. A connection that breaks is taken up again where it broke; one that
 * brings nothing although somebody waits for it counts as broken.
 * @param etag the object must still be this one; null or empty for any
 */
export async function* download(
  settings: S3Settings,
  call: Call,
  place: Place,
  range: ByteRange,
  etag: string | null,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let position = range.start
  for (let failures = 0; position <= range.end; ) {
    const options = { operation: 'GetObject', place, signal } as const
    const rest = { start: position, end: range.end }
    const input = {
      Bucket: place.bucket,
      Key: place.key,
      Range: printRange(rest),
      ...(etag !== null && etag !== '' && { IfMatch: etag }),
    }
    const { Body } = await call(options, (attempt) =>
      settings.client.send(new GetObjectCommand(input), { abortSignal: attempt.signal }),
    )
    if (!(Body instanceof Readable)) throw new TypeError('the answer to GetObject has no body')
    try {
      for await (const chunk of watched(Body, settings.timeout, signal)) {
        position += chunk.length
        failures = 0
        yield chunk
      }
      if (position <= range.end) throw new Error('the body ended early')
    } catch (error) {
      if (signal.aborted || ++failures >= settings.attempts || !isPassing(error)) throw error
    }
  }
}

/** The chunks of a stream, which is destroyed in the end, when `signal` says so, and when a wanted chunk does not come. */
async function* watched(body: Readable, timeout: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const cut = () => void body.destroy(new DOMException('the download is not wanted any more', 'AbortError'))
  const late = () => void body.destroy(new DOMException(`no bytes for ${timeout} ms`, 'TimeoutError'))
  signal.addEventListener('abort', cut)
  let timer = setTimeout(late, timeout)
  try {
    for await (const chunk of body) {
      clearTimeout(timer)
      yield chunk
      timer = setTimeout(late, timeout)
    }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', cut)
    body.destroy()
  }
}
