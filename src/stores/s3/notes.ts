import { UploadError } from '../../core/errors.ts'
import { isNoteName, type Notes } from '../../core/notes.ts'
import { failure } from './failure.ts'
import type { Place } from './layout.ts'
import { lookInto, type Service } from './service.ts'

/** Put before the names of notes, behind the prefix of records. No id begins with a dot, and tusd does not look there. */
const FOLDER = '.tusker/'

const HEADERS = { ContentType: 'application/json' }

/** Notes as objects of their own: `<metadataObjectPrefix>.tusker/<name>`. */
export function s3Notes(service: Service): Notes {
  const { settings, api } = service
  const prefix = `${settings.metadataObjectPrefix}${FOLDER}`
  const placeOf = (name: string): Place => {
    if (!isNoteName(name)) throw new UploadError('internal', { hint: `${name} is not the name of a note` })
    return { bucket: settings.bucket, key: `${prefix}${name}` }
  }
  const attempt = async <T>(what: string, name: string, work: (place: Place) => Promise<T>): Promise<T> => {
    const place = placeOf(name)
    return work(place).catch((error: unknown) => {
      throw failure(error, what, place)
    })
  }
  return {
    async put(name, text) {
      await attempt('write a note', name, (place) => api.put(place, text, HEADERS, undefined))
    },
    get: (name) => attempt('read a note', name, async (place) => (await lookInto(service, place))?.text ?? null),
    remove: (name) => attempt('remove a note', name, (place) => api.remove(place)),
    async *list(folder) {
      const place = placeOf(folder)
      try {
        for await (const key of api.keys(`${place.key}/`)) {
          const name = key.slice(prefix.length)
          if (isNoteName(name)) yield name
        }
      } catch (error) {
        throw failure(error, 'list the notes', place)
      }
    },
  }
}
