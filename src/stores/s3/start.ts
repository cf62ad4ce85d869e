import { randomUUID } from 'node:crypto'
import { UploadError } from '../../core/errors.ts'
import { failure, isForbidden } from './failure.ts'
import type { Service } from './service.ts'

/**
 * Finds out whether the bucket is there and may be used.
 * @throws UploadError `storage_failed`, with the reason for the operator
 */
export async function start(service: Service): Promise<void> {
  const { settings, api } = service
  const place = { bucket: settings.bucket, key: settings.objectPrefix }
  try {
    await api.headBucket()
  } catch (error) {
    // Credentials may be good for all that is needed, and not for this: then missing objects answer 403 as well.
    if (!isForbidden(error)) throw unusable(error, service)
    await check(service).catch((cause: unknown) => {
      throw unusable(cause instanceof UploadError ? cause.cause : cause, service)
    })
    const probe = { ...place, key: `${settings.metadataObjectPrefix}${probeName()}` }
    service.hidesMissing = await api.head(probe).then(() => false, isForbidden)
  }
}

function unusable(error: unknown, { settings }: Service): UploadError {
  const found = failure(error, 'use the bucket', { bucket: settings.bucket, key: settings.objectPrefix })
  if (error instanceof Error && error.name === 'NotFound') {
    const hint = `there is no bucket ${settings.bucket}; create it, or correct its name, the region or the endpoint`
    return new UploadError('storage_failed', { hint }, { cause: error })
  }
  return found
}

/** Writes something that is no upload, and removes it again. */
export async function check({ settings, api }: Service): Promise<void> {
  const place = { bucket: settings.bucket, key: `${settings.metadataObjectPrefix}${probeName()}` }
  try {
    await api.put(place, 'Tusker can write here', {}, undefined)
    await api.remove(place)
  } catch (error) {
    throw failure(error, 'write', place)
  }
}

function probeName(): string {
  return `.tusker-${randomUUID()}.tmp`
}
