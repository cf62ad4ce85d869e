import { UploadError } from '../../core/errors.ts'
import type { NewUpload } from '../../core/upload.ts'
import { newRecord } from '../record.ts'
import { failure } from './failure.ts'
import { objectHeaders } from './headers.ts'
import { chosenPlace, joinId, recordPlace, tailPlace } from './layout.ts'
import { planParts } from './plan.ts'
import { writeNewRecord } from './records.ts'
import type { Service } from './service.ts'
import type { Standing } from './standing.ts'

/**
 * Begins a multipart upload, whose id becomes a part of that of the upload, and records it. A crash in between leaves a multipart
 * upload without a record, which the sweep finds.
 */
export async function create(service: Service, upload: NewUpload): Promise<Standing> {
  const { creating } = service
  const objectId = upload.id
  if (objectId.includes('+')) {
    const hint = 'in S3 an id cannot have a +, which stands in front of the id of the multipart upload'
    throw new UploadError('hook_failed', { hint })
  }
  if (creating.has(objectId)) throw new UploadError('upload_exists')
  creating.add(objectId)
  try {
    return await begin(service, upload)
  } finally {
    creating.delete(objectId)
  }
}

async function begin(service: Service, upload: NewUpload): Promise<Standing> {
  const { settings, api } = service
  const { id: objectId } = upload
  const place = chosenPlace(settings, upload)
  const parts = planParts(upload.length, settings)
  const headers = objectHeaders(settings, place, upload)
  const { multipart, checksummed } = await api.createUpload(place, headers).catch((error: unknown) => {
    throw failure(error, 'begin the multipart upload', place)
  })
  const id = joinId(objectId, multipart)
  const storage = {
    Type: 's3store',
    Bucket: place.bucket,
    Key: place.key,
    ...(id === objectId && { MultipartUpload: multipart }),
  }
  const record = { ...newRecord({ ...upload, id }, storage), parts }
  try {
    const recordTag = await writeNewRecord(service, recordPlace(settings, objectId), record)
    return {
      objectId,
      place,
      tailPlace: tailPlace(settings, objectId),
      record,
      recordTag,
      multipart,
      checksummed,
      parts: [],
      strays: [],
      tail: null,
      assembled: false,
      size: 0,
      modifiedAt: new Date(),
    }
  } catch (error) {
    // If this fails as well, the sweep finds it; the first failure is the one to tell.
    await api.abort(place, multipart).catch(() => undefined)
    throw error
  }
}
