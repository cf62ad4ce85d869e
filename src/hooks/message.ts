import { UploadError } from '../core/errors.ts'
import type { Moment, ReplyPatch, RequestInfo } from '../core/hooks.ts'
import { publicFields, publicUri } from '../core/secrets.ts'
import type { NewUpload, Upload } from '../core/upload.ts'
import type { HookAnswer, HookCall } from './remote.ts'

/**
 * The messages of hooks in other programs, in tusd's JSON; fields of our own stand beside tusd's: in the event `ID`, `Time` and
 * `Attempt`, in the upload `Owner`, `MaxSize`, `ExpiresAt` and `Digests`, each if there is one.
 */
export function printCall({ moment, upload, request, occasion }: HookCall): string {
  return JSON.stringify({
    Type: wireName(moment),
    Event: {
      ID: occasion.id,
      Time: occasion.at.toISOString(),
      Attempt: occasion.attempt,
      Upload: uploadOf(moment, upload),
      HTTPRequest: {
        Method: request.method,
        URI: publicUri(request.uri),
        RemoteAddr: remoteAddress(request),
        Header: Object.fromEntries(
          Object.entries(publicFields(request.headers?.() ?? {})).map(([name, value]) => [
            canonicalName(name),
            [value],
          ]),
        ),
      },
    },
  })
}

/** `preCreate` is `pre-create` on the wire. */
export function wireName(moment: Moment): string {
  return moment.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** A header name as Go writes it: `Upload-Length`. */
export function canonicalName(name: string): string {
  return name.toLowerCase().replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase())
}

/** With the port, as in Go, if it is known. */
export function remoteAddress({ remoteAddress: address, remotePort }: RequestInfo): string {
  if (address === null) return ''
  if (remotePort === undefined || remotePort === null) return address
  return address.includes(':') ? `[${address}]:${remotePort}` : `${address}:${remotePort}`
}

function uploadOf(moment: Moment, upload: NewUpload | Upload) {
  const { length, metadata, concat, owner, maxSize, expiresAt, storage } = upload
  const digests = 'digests' in upload ? upload.digests : undefined
  return {
    // It has no name yet that could be relied on.
    ID: moment === 'preCreate' ? '' : upload.id,
    Size: length ?? 0,
    SizeIsDeferred: length === null,
    Offset: 'offset' in upload ? upload.offset : 0,
    MetaData: Object.fromEntries([...metadata].map(([key, value]) => [key, value ?? ''])),
    IsPartial: concat?.role === 'partial',
    IsFinal: concat?.role === 'final',
    PartialUploads: concat?.role === 'final' ? concat.parts : null,
    Storage: storage ?? null,
    // Members that are undefined are left out.
    Owner: owner,
    MaxSize: maxSize,
    ExpiresAt: expiresAt?.toISOString(),
    Digests: digests,
  }
}

/**
 * Reads an answer in tusd's JSON: names in any case, unknown ones passed over, null as if absent. Ours, in `ChangeFileInfo`:
 * `MaxSize`, `ExpiresAt` (a time, or `never`), `Owner`.
 * @param shown what a log may see of a text that is not JSON
 * @throws UploadError `hook_failed`, with a hint that names what is wrong
 */
export function parseAnswer(text: string, shown: (text: string) => string = excerpt): HookAnswer {
  const answer = members(parseJson(text, shown), 'the answer')
  const reply = answer.object('HTTPResponse')
  const changes = answer.object('ChangeFileInfo')
  return {
    ...flag('rejectUpload', answer.flag('RejectUpload')),
    ...flag('rejectTermination', answer.flag('RejectTermination')),
    ...flag('stopUpload', answer.flag('StopUpload')),
    ...(reply !== null && { reply: replyOf(reply) }),
    ...(changes !== null && { changes: changesOf(changes) }),
  }
}

function flag<Name extends string>(name: Name, value: boolean): { readonly [Key in Name]?: boolean } {
  // The one member that was asked for.
  return (value ? { [name]: true } : {}) as { readonly [Key in Name]?: boolean }
}

function replyOf(reply: Members): ReplyPatch {
  const status = reply.integer('StatusCode') ?? 0
  const body = reply.text('Body') ?? ''
  const headers = reply.texts('Header')
  return {
    ...(status !== 0 && { status }),
    ...(body !== '' && { body }),
    ...(headers !== null && { headers }),
  }
}

function changesOf(changes: Members): NonNullable<HookAnswer['changes']> {
  const id = changes.text('ID') ?? ''
  const metadata = changes.texts('MetaData')
  const storage = changes.texts('Storage')
  const maxSize = changes.integer('MaxSize')
  const owner = changes.text('Owner') ?? ''
  const expiresAt = expiryOf(changes)
  return {
    ...(id !== '' && { id }),
    // An empty object empties the metadata, as in tusd.
    ...(metadata !== null && { metadata: new Map(Object.entries(metadata)) }),
    ...(storage !== null && Object.keys(storage).length > 0 && { storage }),
    ...(maxSize !== null && { maxSize }),
    ...(owner !== '' && { owner }),
    ...(expiresAt !== undefined && { expiresAt }),
  }
}

/** Undefined if nothing is said of it. */
function expiryOf(changes: Members): Date | null | undefined {
  const text = changes.text('ExpiresAt') ?? ''
  if (text === '') return undefined
  if (text === 'never') return null
  const time = parseTime(text)
  if (time === null) throw changes.wrong('ExpiresAt', "a time, such as 2026-12-31T00:00:00Z, or 'never'")
  return time
}

/** RFC 3339, section 5.6. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i

/** A time as RFC 3339 writes it, or null. `Date` alone takes much more: to it `day 5` is the first of May 2001. */
export function parseTime(text: string): Date | null {
  const time = new Date(TIME.test(text) ? text : Number.NaN)
  return Number.isNaN(time.getTime()) ? null : time
}

function parseJson(text: string, shown: (text: string) => string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new UploadError('hook_failed', { hint: `the hook answered what is not JSON: ${shown(text)}` }, { cause })
  }
}

/** The beginning of what a hook said, fit for one line of a log. */
export function excerpt(text: string): string {
  const line = text.slice(0, 200).replaceAll(/\s+/g, ' ').trim()
  return JSON.stringify(text.length > 200 ? `${line}...` : line)
}

/** Takes members out of an object by their names in any case, and insists on their types. */
interface Members {
  flag(name: string): boolean
  integer(name: string): number | null
  text(name: string): string | null
  texts(name: string): Readonly<Record<string, string>> | null
  object(name: string): Members | null
  wrong(name: string, wanted: string): UploadError
}

function members(value: unknown, path: string): Members {
  // Go reads the JSON text null as nothing.
  const given = value === null ? {} : value
  if (!isObject(given)) throw new UploadError('hook_failed', { hint: `${path} of the hook is not an object` })
  const found = new Map(Object.entries(given).map(([name, member]) => [name.toLowerCase(), member]))
  const at = (name: string): unknown => found.get(name.toLowerCase()) ?? null
  const wrong = (name: string, wanted: string): UploadError =>
    new UploadError('hook_failed', { hint: `${name} in ${path} of the hook is not ${wanted}` })
  return {
    flag(name) {
      const member = at(name) ?? false
      if (typeof member !== 'boolean') throw wrong(name, 'true or false')
      return member
    },
    integer(name) {
      const member = at(name)
      if (member === null) return null
      if (typeof member !== 'number' || !Number.isSafeInteger(member)) throw wrong(name, 'a whole number')
      return member
    },
    text(name) {
      const member = at(name)
      if (member !== null && typeof member !== 'string') throw wrong(name, 'a text')
      return member
    },
    texts(name) {
      const member = at(name)
      if (member === null) return null
      if (!isObject(member)) throw wrong(name, 'an object of texts')
      // In a map of Go's a null is an empty text.
      const texts = Object.fromEntries(Object.entries(member).map(([key, value]) => [key, value ?? '']))
      if (!isTexts(texts)) throw wrong(name, 'an object of texts')
      return texts
    },
    object(name) {
      const member = at(name)
      if (member === null) return null
      if (!isObject(member)) throw wrong(name, 'an object')
      return members(member, name)
    },
    wrong,
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTexts(value: Readonly<Record<string, unknown>>): value is Readonly<Record<string, string>> {
  return Object.values(value).every((member) => typeof member === 'string')
}
