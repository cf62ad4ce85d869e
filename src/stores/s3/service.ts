import type { UploadId } from '../../core/upload.ts'
import { type Api, type Condition, type Content, createApi, type Head } from './api.ts'
import { isConflict, isForbidden, isMissing, isUnknown } from './failure.ts'
import type { ObjectHeaders } from './headers.ts'
import type { Place } from './layout.ts'
import { createMemory, type Memory } from './memory.ts'
import type { S3Settings } from './options.ts'

/** What the parts of a store share. */
export interface Service {
  readonly settings: S3Settings
  readonly api: Api
  readonly memory: Memory
  /** Parts that are being sent. */
  flying: number
  /** Whether the service is asked to write under conditions. Until it says that it does not know them. */
  conditional: boolean
  /** Whether ETags in conditions are to be written without quotes, against RFC 9110. */
  bareETags: boolean
  /** Whether it answers 403 for what is missing, because the credentials may not list the bucket. */
  hidesMissing: boolean
  /** Object ids that are being created, for services that do not know conditions. */
  readonly creating: Set<UploadId>
}

export function createService(settings: S3Settings): Service {
  const service: Service = {
    settings,
    api: createApi(settings),
    memory: createMemory(settings.maxBufferedBytes),
    flying: 0,
    conditional: settings.conditionalWrites,
    bareETags: false,
    hidesMissing: false,
    creating: new Set(),
  }
  settings.observer.attach?.(() => ({ buffered: service.memory.used, parts: service.flying }))
  return service
}

/** Describes an object; null if there is none, as far as the service tells. */
export async function look(service: Service, place: Place): Promise<Head | null> {
  return hidden(service, service.api.head(place))
}

/** Reads a small object; null if there is none, as far as the service tells. */
export async function lookInto(service: Service, place: Place): ReturnType<Api['text']> {
  return hidden(service, service.api.text(place))
}

async function hidden<T>(service: Service, work: Promise<T | null>): Promise<T | null> {
  return work.catch((error: unknown) => {
    if (service.hidesMissing && isForbidden(error)) return null
    throw error
  })
}

/**
 * Writes an object if it is as `was` says. Where the service knows conditions, a request that was given up and arrives late
 * after all changes nothing. Returns the new ETag; null if the object is not as it was, which may be the work of an earlier
 * attempt whose answer was lost.
 */
export async function replace(
  service: Service,
  place: Place,
  content: Content | string,
  was: Condition,
  headers: ObjectHeaders = {},
  signal?: AbortSignal,
): Promise<string | null> {
  const again = () => replace(service, place, content, was, headers, signal)
  // A service that tells no ETag cannot be asked for one.
  const condition = service.conditional && was?.etag !== '' ? was : undefined
  const etag = condition?.etag ?? null
  // Looking first does not keep out what arrives in between, but the lock does; it finds what came before.
  if (condition === undefined && was !== undefined && !(await isStill(service, place, was.etag))) return null
  const { bareETags } = service
  try {
    const asked = etag !== null && bareETags ? { etag: etag.replaceAll('"', '') } : condition
    return await service.api.put(place, content, headers, asked, signal)
  } catch (error) {
    if (condition === undefined) throw error
    if (isUnknown(error)) {
      service.conditional = false
      return again()
    }
    // An object that was to be as it was and is gone.
    if (!isConflict(error) && !isMissing(error)) throw error
    if (etag === null || (await look(service, place))?.etag !== etag) return null
    // It is as it was: the service reads the condition in another way. Ceph compares the quotes, too.
    // What it was asked with counts, not what another call has found out meanwhile.
    if (bareETags) service.conditional = false
    service.bareETags = true
    return again()
  }
}

async function isStill(service: Service, place: Place, etag: string | null): Promise<boolean> {
  if (etag === '') return true
  const head = await look(service, place)
  return head === null ? etag === null : head.etag === etag
}
