import { isUploadId, type UploadId } from '../../core/upload.ts'
import { failure, isForbidden, isUnknown } from './failure.ts'
import { ownerOf, recordPlace, usualPlace } from './layout.ts'
import { look, lookInto, type Service } from './service.ts'

/** Names come in order, but those of one upload not one behind the other: so many are remembered. */
const REMEMBERED = 10_000

/**
 * The short id of every upload of which there is a record, a tail or a multipart upload. An object without a record is none: it
 * may be anybody's.
 */
export async function* list(service: Service): AsyncGenerator<UploadId> {
  const begun = await begunUploads(service)
  const seen = recent<UploadId>()
  for await (const { objectId } of kept(service)) {
    if (seen.has(objectId)) continue
    seen.add(objectId)
    begun.delete(objectId)
    yield await listedId(service, objectId)
  }
  yield* begun
}

/**
 * As `list`, without uploads of which there are an object, a record, and nothing else. One that stands elsewhere than its id says
 * is listed, as its record would have to be read.
 */
export async function* unfinished(service: Service): AsyncGenerator<UploadId> {
  const { settings } = service
  const begun = await begunUploads(service)
  const [objects, seen] = [recent<string>(), recent<UploadId>()]
  const together = settings.objectPrefix === settings.metadataObjectPrefix
  for await (const { objectId, kind } of kept(service, (key) => objects.add(key))) {
    if (seen.has(objectId)) continue
    const place = usualPlace(settings, objectId)
    const isSound = kind === 'record' && !begun.has(objectId)
    if (isSound && (together ? objects.has(place.key) : (await look(service, place)) !== null)) continue
    seen.add(objectId)
    begun.delete(objectId)
    yield await listedId(service, objectId)
  }
  yield* begun
}

type Kept = NonNullable<ReturnType<typeof ownerOf>>

/** Records and tails. */
async function* kept({ settings, api }: Service, other: (key: string) => void = () => undefined): AsyncGenerator<Kept> {
  try {
    for await (const key of api.keys(settings.metadataObjectPrefix)) {
      const owner = ownerOf(settings, key)
      if (owner === null) other(key)
      else yield owner
    }
  } catch (error) {
    throw failure(error, 'list the records', { bucket: settings.bucket, key: settings.metadataObjectPrefix })
  }
}

/** A set that forgets the oldest. */
function recent<T>(): { has(value: T): boolean; add(value: T): void } {
  const values = new Set<T>()
  return {
    has: (value) => values.has(value),
    add(value) {
      values.add(value)
      if (values.size <= REMEMBERED) return
      const [oldest] = values
      if (oldest !== undefined) values.delete(oldest)
    },
  }
}

/** Object ids of multipart uploads under way, where they are in their usual place. */
async function begunUploads({ settings, api }: Service): Promise<Set<UploadId>> {
  const { bucket, objectPrefix } = settings
  const found = new Set<UploadId>()
  try {
    for await (const { key } of api.uploads(bucket, objectPrefix)) {
      const name = key.slice(objectPrefix.length)
      if (isUploadId(name) && !name.includes('+')) found.add(name)
    }
  } catch (error) {
    if (!isForbidden(error) && !isUnknown(error)) {
      throw failure(error, 'list the multipart uploads', { bucket, key: objectPrefix })
    }
  }
  return found
}

/** tusd takes ids with a `+` from its hooks. The short form of one would be read as a long one. */
async function listedId(service: Service, objectId: UploadId): Promise<UploadId> {
  if (!objectId.includes('+')) return objectId
  const found = await lookInto(service, recordPlace(service.settings, objectId))
  const id = /"ID"\s*:\s*"([^"\\]+)"/.exec(found?.text ?? '')?.[1]
  return id !== undefined && isUploadId(id) ? id : objectId
}
