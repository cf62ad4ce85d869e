import { UploadError } from '../../core/errors.ts'
import { printRecord, type UploadRecord } from '../record.ts'
import { failure } from './failure.ts'
import { type Place, recordPlace } from './layout.ts'
import { lookInto, replace, type Service } from './service.ts'
import type { Standing } from './standing.ts'

const HEADERS = { ContentType: 'application/json' }

/**
 * Writes the record of a new upload. Returns its ETag.
 * @throws UploadError `upload_exists` if there is a record already
 */
export async function writeNewRecord(service: Service, place: Place, record: UploadRecord): Promise<string> {
  const text = printRecord(record)
  try {
    const etag = await replace(service, place, text, { etag: null }, HEADERS)
    return etag ?? (await arrived(service, place, text)) ?? exists()
  } catch (error) {
    throw failure(error, 'write the record', place)
  }
}

/** Replaces the record of an upload in one step. */
export async function writeRecord(service: Service, standing: Standing, record: UploadRecord): Promise<void> {
  const place = recordPlace(service.settings, standing.objectId)
  const text = printRecord(record)
  try {
    const etag = await replace(service, place, text, { etag: standing.recordTag }, HEADERS)
    standing.recordTag = etag ?? (await arrived(service, place, text)) ?? changed(place)
    standing.record = record
  } catch (error) {
    throw failure(error, 'write the record', place)
  }
}

/** The ETag of a record that an attempt wrote whose answer was lost; null if it is somebody else's. */
async function arrived(service: Service, place: Place, text: string): Promise<string | null> {
  const found = await lookInto(service, place)
  return found?.text === text ? found.head.etag : null
}

function exists(): never {
  throw new UploadError('upload_exists')
}

/** Somebody wrote it who cannot hold the lock that we hold. */
function changed({ bucket, key }: Place): never {
  throw new UploadError('lock_lost', { hint: `somebody else wrote to s3://${bucket}/${key}` })
}
