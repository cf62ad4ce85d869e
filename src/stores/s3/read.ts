import { UploadError } from '../../core/errors.ts'
import type { Bytes } from '../../core/store.ts'
import type { ByteRange } from '../../core/upload.ts'
import { failure, isMissing } from './failure.ts'
import { assemble } from './finish.ts'
import type { Service } from './service.ts'
import { offsetOf, type Standing } from './standing.ts'

/**
 * The bytes of an upload. Parts cannot be read before they are an object, so that of an upload whose bytes are all there is made
 * now; it is not complete by that.
 */
export async function* read(service: Service, standing: Standing, range?: ByteRange): Bytes {
  const size = offsetOf(standing)
  const { length } = standing.record
  if (!standing.assembled) {
    if (length === null || size !== length) throw new UploadError('upload_incomplete')
    await assemble(service, standing)
  }
  if (size === 0) return
  const left = new AbortController()
  try {
    const { start, end } = range ?? { start: 0, end: size - 1 }
    for await (const chunk of service.api.bytes(standing.place, { start, end }, null, left.signal)) {
      if (chunk.length > 0) yield [chunk]
    }
  } catch (error) {
    if (isMissing(error)) {
      const hint = `the object s3://${standing.place.bucket}/${standing.place.key} was removed or moved`
      throw new UploadError('upload_gone', { hint }, { cause: error })
    }
    throw failure(error, 'read', standing.place)
  } finally {
    left.abort()
  }
}
