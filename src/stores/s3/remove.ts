import type { UploadId } from '../../core/upload.ts'
import { failure, isForbidden, isUnknown } from './failure.ts'
import { type Place, recordPlace, usualPlace } from './layout.ts'
import type { Service } from './service.ts'
import type { Standing } from './standing.ts'

/**
 * Removes all there is of an upload. The record goes last: as long as it is there, an upload that was removed in part is known
 * to be gone, and is found again.
 */
export async function remove(service: Service, standing: Standing): Promise<void> {
  const { settings, api } = service
  const { objectId, place, tailPlace, multipart, assembled } = standing
  try {
    await Promise.all([
      api.remove(tailPlace),
      multipart !== '' && !assembled ? api.abort(place, multipart) : undefined,
      // Where a hook chose the key, there may be an object that was there before.
      assembled || isUsual(service, objectId, place) ? api.remove(place) : undefined,
    ])
    await abortOthers(service, place)
    await api.remove(recordPlace(settings, objectId))
  } catch (error) {
    throw failure(error, 'remove the upload', place)
  }
}

function isUsual({ settings }: Service, objectId: UploadId, place: Place): boolean {
  const { bucket, key } = usualPlace(settings, objectId)
  return bucket === place.bucket && key === place.key
}

/**
 * Aborts every multipart upload of this key that was begun before: a creation whose answer was lost left one behind, and an
 * abort that overtakes a part may have to be repeated. Returns how many.
 */
export async function abortOthers(
  service: Service,
  place: Place,
  spare: string | null = null,
  before = new Date(8.64e15),
): Promise<number> {
  let aborted = 0
  try {
    for await (const { key, uploadId, begunAt } of service.api.uploads(place.bucket, place.key)) {
      if (key !== place.key || uploadId === spare || begunAt >= before) continue
      await service.api.abort(place, uploadId)
      aborted++
    }
  } catch (error) {
    // Credentials that may not list them leave that to a lifecycle rule of the bucket.
    if (!isForbidden(error) && !isUnknown(error)) throw error
  }
  return aborted
}
