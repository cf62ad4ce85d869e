import { UploadError } from '../core/errors.ts'
import {
  type Concat,
  type Digests,
  isUploadId,
  type Metadata,
  type NewUpload,
  type Upload,
  type UploadId,
} from '../core/upload.ts'

/**
 * What the record of an upload says: tusd's `.info` JSON, so that either server can go on with the uploads of the other,
 * and one member of our own, `Tusker`, that tusd ignores and drops whenever it rewrites a record.
 */
export interface UploadRecord extends NewUpload {
  /** Sealed by `finish`. Null if the record does not say, because tusd wrote it: then the bytes decide. */
  readonly complete: boolean | null
  /** Bytes when the record was written. Kept up to date by nobody; says how many there must be if `complete` is true. */
  readonly offset: number
  /** Bytes that count, while others behind them wait for their checksum; null when all bytes count. */
  readonly trusted: number | null
  /** Of a complete upload; null if none were asked for. */
  readonly digests: Digests | null
  /** How the bytes are cut where they are kept in parts; null where they are not, or the record does not say. */
  readonly parts: RecordedParts | null
  /** Where the bytes are, from the folder of the store on, if a hook chose a place; null for the usual one. */
  readonly path: string | null
  /** Where the bytes are, as far as the writer knew. */
  readonly storage: Readonly<Record<string, string>>
}

/** Parts of known sizes: after the first `from` parts, which hold `at` bytes and may be of any sizes. */
export interface RecordedParts {
  /** Bytes of each of them but the last. */
  readonly size: number
  /** After so many parts the size doubles; 0 for never. */
  readonly stride: number
  readonly from: number
  readonly at: number
}

/** What the store knows of an upload beyond its record. */
export interface Facts {
  /** Contiguous bytes that count. */
  readonly offset: number
  readonly modifiedAt: Date
  readonly storage: Readonly<Record<string, string>>
}

/** What most uploads do not have. To spread nothing costs V8 nothing worth mentioning; members that are undefined would be allowed nowhere. */
function rare({ owner, maxSize }: Pick<NewUpload, 'owner' | 'maxSize'>): Pick<NewUpload, 'owner' | 'maxSize'> | null {
  if (owner === undefined && maxSize === undefined) return null
  return { ...(owner !== undefined && { owner }), ...(maxSize !== undefined && { maxSize }) }
}

/** The record of an upload that has just been created. Member by member: V8 takes 20 us to add some to a spread. */
export function newRecord(upload: NewUpload, storage: Readonly<Record<string, string>>): UploadRecord {
  const record: UploadRecord = {
    id: upload.id,
    length: upload.length,
    metadata: upload.metadata,
    concat: upload.concat,
    completion: upload.completion,
    echo: upload.echo,
    createdAt: upload.createdAt,
    expiresAt: upload.expiresAt,
    complete: false,
    offset: 0,
    trusted: null,
    digests: null,
    parts: null,
    path: null,
    storage,
  }
  const more = rare(upload)
  return more === null ? record : { ...record, ...more }
}

/** The upload that a record and the bytes found with it make. */
export function uploadOf(record: UploadRecord, facts: Facts): Upload {
  const upload: Upload = {
    id: record.id,
    length: record.length,
    metadata: record.metadata,
    concat: record.concat,
    completion: record.completion,
    echo: record.echo,
    createdAt: record.createdAt,
    expiresAt: record.expiresAt,
    offset: facts.offset,
    complete: record.complete ?? facts.offset === record.length,
    modifiedAt: facts.modifiedAt,
    ...(record.digests !== null && { digests: record.digests }),
    storage: facts.storage,
  }
  const more = rare(record)
  return more === null ? upload : { ...upload, ...more }
}

/** The text of a record. A bare metadata key (null) reads as an empty value in tusd. */
export function printRecord(record: UploadRecord): string {
  const { concat, metadata } = record
  const keys = [...metadata.keys()]
  const bare = keys.filter((key) => metadata.get(key) === null)
  // JavaScript moves keys that look like integers to the front of an object, when writing and when reading.
  const ordered = !keys.some((key) => /^\d+$/.test(key))
  return JSON.stringify({
    ID: record.id,
    Size: record.length ?? 0,
    SizeIsDeferred: record.length === null,
    Offset: record.offset,
    // fromEntries defines properties, so that `__proto__` is a key like any other.
    MetaData: Object.fromEntries(keys.map((key) => [key, metadata.get(key) ?? ''])),
    IsPartial: concat?.role === 'partial',
    IsFinal: concat?.role === 'final',
    PartialUploads: concat?.role === 'final' ? concat.parts : null,
    Storage: record.storage,
    // Members that are undefined are left out.
    Tusker: {
      complete: record.complete ?? false,
      completion: record.completion,
      // By hand: JSON.stringify takes 2 us longer to call a method of a date.
      createdAt: record.createdAt.toISOString(),
      expiresAt: record.expiresAt?.toISOString() ?? null,
      echo: record.echo,
      order: ordered ? undefined : keys,
      bare: bare.length > 0 ? bare : undefined,
      trusted: record.trusted ?? undefined,
      digests: record.digests ?? undefined,
      parts: record.parts ?? undefined,
      path: record.path ?? undefined,
      owner: record.owner,
      maxSize: record.maxSize,
    },
  })
}

/**
 * Reads a record, ours or tusd's. Members that it does not know are passed over; those it knows must be of the right type.
 * @param id the name under which it was found
 * @param createdAt when it was created as files tell; used if the record does not say
 * @throws UploadError `upload_not_found` if the record is that of another upload (a file system that ignores case finds
 * `a` for `A`, but the lock of one does not keep out the other); `storage_failed` if it cannot be used.
 */
export function parseRecord(text: string, id: UploadId, createdAt: Date): UploadRecord {
  const info = reader(parseJson(text, id), id, '')
  const found = info.text('ID', id)
  if (found !== id)
    throw new UploadError('upload_not_found', { hint: `the record of ${id} says that it is of ${found}` })
  const ours = info.has('Tusker') ? info.inside('Tusker') : null
  return {
    id,
    length: info.flag('SizeIsDeferred', false) ? null : info.size('Size'),
    metadata: metadataOf(info, ours),
    concat: concatOf(info),
    completion: ours === null ? 'at_length' : ours.oneOf('completion', ['at_length', 'declared']),
    echo: ours === null ? {} : ours.texts('echo'),
    createdAt: ours?.date('createdAt') ?? createdAt,
    expiresAt: ours?.date('expiresAt') ?? null,
    complete: ours === null ? null : ours.flag('complete', false),
    offset: info.has('Offset') ? info.size('Offset') : 0,
    trusted: ours?.has('trusted') ? ours.size('trusted') : null,
    digests: ours?.has('digests') ? ours.texts('digests') : null,
    parts: ours?.has('parts') ? partsOf(ours.inside('parts')) : null,
    path: ours?.has('path') ? ours.text('path', '') : null,
    storage: info.texts('Storage'),
    ...(ours?.has('owner') && { owner: ours.text('owner', '') }),
    ...(ours?.has('maxSize') && { maxSize: ours.size('maxSize') }),
  }
}

function partsOf(parts: Reader): RecordedParts {
  const size = parts.size('size')
  if (size === 0) throw parts.broken('the parts have no size')
  return { size, stride: parts.size('stride'), from: parts.size('from'), at: parts.size('at') }
}

function metadataOf(info: Reader, ours: Reader | null): Metadata {
  const values = Object.entries(info.texts('MetaData'))
  const order = ours?.list('order') ?? []
  const bare = ours?.list('bare') ?? []
  if (order.length === 0 && bare.length === 0) return new Map(values)
  // Whoever edits the values by hand need not know of our member: it adds nothing and hides nothing.
  const found = new Map(values)
  const keys = new Set([...order.filter((key) => found.has(key)), ...found.keys()])
  return new Map(
    [...keys].map((key) => {
      const value = found.get(key) ?? ''
      return [key, value === '' && bare.includes(key) ? null : value]
    }),
  )
}

function concatOf(info: Reader): Concat | null {
  const partial = info.flag('IsPartial', false)
  const final = info.flag('IsFinal', false)
  if (partial && final) throw info.broken('IsPartial and IsFinal exclude each other')
  if (partial) return { role: 'partial' }
  if (!final) return null
  const names = info.list('PartialUploads')
  const parts = names.filter(isUploadId)
  if (parts.length === 0 || parts.length < names.length) throw info.broken('PartialUploads does not name uploads')
  return { role: 'final', parts }
}

function parseJson(text: string, id: UploadId): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw broken(id, text === '' ? 'it is empty' : 'it is not JSON', error)
  }
}

/** Takes members out of a JSON object and insists on their types. One that is null counts as absent. */
interface Reader {
  has(name: string): boolean
  inside(name: string): Reader
  flag(name: string, otherwise: boolean): boolean
  size(name: string): number
  text(name: string, otherwise: string): string
  oneOf<T extends string>(name: string, words: readonly T[]): T
  /** Null if absent; lists and objects are empty then. */
  date(name: string): Date | null
  list(name: string): readonly string[]
  texts(name: string): Readonly<Record<string, string>>
  broken(why: string): UploadError
}

function reader(value: unknown, id: UploadId, path: string): Reader {
  if (!isObject(value)) throw broken(id, `${path || 'it'} is not an object`)
  const wrong = (name: string, wanted: string) => broken(id, `${path}${name} is not ${wanted}`)
  const absent = (name: string) => value[name] === undefined || value[name] === null
  return {
    has: (name) => !absent(name),
    inside: (name) => reader(value[name], id, `${path}${name}.`),
    flag(name, otherwise) {
      const member = absent(name) ? otherwise : value[name]
      if (typeof member !== 'boolean') throw wrong(name, 'true or false')
      return member
    },
    size(name) {
      const member = value[name]
      if (typeof member !== 'number' || !Number.isSafeInteger(member) || member < 0)
        throw wrong(name, 'a size in bytes')
      return member
    },
    text(name, otherwise) {
      const member = absent(name) ? otherwise : value[name]
      if (typeof member !== 'string') throw wrong(name, 'text')
      return member === '' ? otherwise : member
    },
    oneOf(name, words) {
      const word = words.find((word) => word === value[name])
      if (word === undefined) throw wrong(name, `one of ${words.join(', ')}`)
      return word
    },
    date(name) {
      if (absent(name)) return null
      const date = typeof value[name] === 'string' ? new Date(value[name]) : null
      if (date === null || Number.isNaN(date.getTime())) throw wrong(name, 'a date')
      return date
    },
    list(name) {
      const member = absent(name) ? [] : value[name]
      if (!Array.isArray(member) || !member.every(isText)) throw wrong(name, 'a list of texts')
      return member
    },
    texts(name) {
      const member = absent(name) ? {} : value[name]
      if (!isObject(member) || !isTexts(member)) throw wrong(name, 'an object of texts')
      return member
    },
    broken: (why) => broken(id, why),
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isTexts(value: Readonly<Record<string, unknown>>): value is Readonly<Record<string, string>> {
  return Object.values(value).every(isText)
}

function broken(id: UploadId, why: string, cause?: unknown): UploadError {
  const hint = `the record of upload ${id} cannot be used: ${why}; restore it, or remove the files of the upload`
  return new UploadError('storage_failed', { hint }, { cause })
}
