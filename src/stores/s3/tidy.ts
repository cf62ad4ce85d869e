import { UploadError } from '../../core/errors.ts'
import type { UploadId } from '../../core/upload.ts'
import { failure } from './failure.ts'
import { type Place, recordedPlace, recordPlace, splitId, tailPlace, usualPlace } from './layout.ts'
import { abortOthers } from './remove.ts'
import { look, lookInto, type Service } from './service.ts'
import { find, type Standing } from './standing.ts'

/**
 * Removes what is older than `before` and belongs to nothing: tails and multipart uploads without a record, records whose multipart
 * upload was aborted, and what a creation, a removal or a completion left behind beside a sound upload.
 */
export async function tidy(service: Service, id: UploadId, before: Date): Promise<boolean> {
  const { settings } = service
  const { objectId } = splitId(id)
  const place = recordPlace(settings, objectId)
  try {
    const found = await lookInto(service, place)
    if (found === null) return await tidyWithoutRecord(service, objectId, usualPlace(settings, objectId), before)
    const standing = await findOrGone(service, id)
    if (standing !== null) return await tidyBeside(service, standing, before)
    if (found.head.modifiedAt >= before) return false
    // The record cannot be opened any more, but says where the bytes were.
    const storage = /"Bucket"\s*:\s*"([^"\\]*)".*?"Key"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(found.text)
    const named = { Bucket: storage?.[1] ?? '', Key: storage?.[2] ?? '' }
    await tidyWithoutRecord(service, objectId, recordedPlace(settings, objectId, named), before)
    await service.api.remove(place)
    return true
  } catch (error) {
    throw failure(error, 'tidy up', place)
  }
}

async function tidyWithoutRecord(service: Service, objectId: UploadId, place: Place, before: Date): Promise<boolean> {
  const aborted = await abortOthers(service, place, null, before)
  return (await dropTail(service, objectId, before)) || aborted > 0
}

async function tidyBeside(service: Service, standing: Standing, before: Date): Promise<boolean> {
  const { record, multipart, place, objectId } = standing
  const isComplete = record.complete === true
  const aborted = await abortOthers(service, place, isComplete ? null : multipart, before)
  return (isComplete && (await dropTail(service, objectId, before))) || aborted > 0
}

async function dropTail(service: Service, objectId: UploadId, before: Date): Promise<boolean> {
  const place = tailPlace(service.settings, objectId)
  const tail = await look(service, place)
  if (tail === null || tail.modifiedAt >= before) return false
  await service.api.remove(place)
  return true
}

/** Null if the upload cannot be opened any more. */
async function findOrGone(service: Service, id: UploadId): Promise<Standing | null> {
  return find(service, id).catch((error: unknown) => {
    if (error instanceof UploadError && (error.code === 'upload_gone' || error.code === 'upload_not_found')) return null
    throw error
  })
}
