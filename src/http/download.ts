import { hash } from 'node:crypto'
import { create as createDisposition } from 'content-disposition'
import { UploadError } from '../core/errors.ts'
import type { ByteRange, Metadata, Upload } from '../core/upload.ts'
import type { Readable } from '../engine/commands.ts'
import type { Reply, UploadRequest } from '../protocols/exchange.ts'

type Fields = Readonly<Record<string, string>>

/**
 * `private`: the next one to ask may not be allowed to read it. `no-cache`: it may be kept, but the server is asked each time
 * (a 304 is cheap), for an upload can be terminated. `no-transform`: a proxy that compresses would break ranges.
 */
const CACHE = 'private, no-cache, no-transform'

/**
 * The way to the bytes: the link opens to whoever has it, for a while, so nobody may keep it, nor tell it to the next site by
 * Referer.
 */
const LINKED = { 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' }

/**
 * Should a browser show an upload as a document of our origin after all, it runs no script, sends no form and loads
 * nothing else. What is allowed is what the browser's own viewers of pictures, sound and films are made of; with an opaque
 * origin (no allow-same-origin) Chromium would refuse to play the very file that was opened.
 */
const POLICY =
  "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox allow-same-origin"

/** Shown in place, because browsers have no way to run them. Not PDF: its viewers do much more than to show. */
const INLINE: ReadonlySet<string> = new Set([
  ...['text/plain', 'application/ogg'],
  ...['image/png', 'image/apng', 'image/jpeg', 'image/gif', 'image/bmp', 'image/webp', 'image/avif'],
  ...['audio/mpeg', 'audio/mp4', 'audio/aac', 'audio/flac', 'audio/ogg', 'audio/webm'],
  ...['audio/wav', 'audio/wave', 'audio/x-wav', 'audio/x-pn-wav'],
  ...['video/mp4', 'video/webm', 'video/ogg'],
])

/**
 * Types that a page can make a browser run, style with or take for a document. An attachment is not opened, but it may still
 * be the `src` of a script, and then an upload would speak for our origin; so these lose their type.
 */
const ACTIVE = /script|html|css|wasm|flash|[/+](?:xml|xsl)|^(?:multipart|message)\//

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const MEDIA_TYPE = new RegExp(`^(${TOKEN}/${TOKEN})(?:[ \\t]*;[ \\t]*${TOKEN}=(?:${TOKEN}|"[ !#-[\\]-~]*"))*$`)

/** Longest media type in characters, longest file name in bytes: as file systems have it. */
const MAX_TYPE = 255
const MAX_NAME = 255

/** `bytes=0-9`, `bytes=10-`, `bytes=-5`. */
const RANGE = /^bytes=[ \t]*(?:(\d+)-(\d*)|-(\d+))[ \t]*$/i

/** The three forms of a date (RFC 9110, section 5.6.7); the last one means GMT without saying so. */
const DATES = [
  /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/,
  /^[A-Z][a-z]{5,8}, \d\d-[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d GMT$/,
]
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/

/**
 * Answers GET, or HEAD, of a complete upload: 200, 206 or 304 (RFC 9110, sections 13 and 14). The bytes are read when the
 * door sends them. A request for several ranges gets the whole, as section 14.2 allows: nobody needs a multipart reader.
 *
 * If the store hands out links, GET is answered by 307 to one: which range it wants, the client says there again. A condition about our ETag is
 * still answered here; one about the ETag that the link has does not match, and the client is sent on.
 * @throws UploadError `range_not_satisfiable`, `precondition_failed`
 */
export async function download(readable: Readable, request: UploadRequest, isHead: boolean): Promise<Reply> {
  const { upload } = readable
  const marks = marksOf(upload)
  const headers = { ...representation(upload), 'Cache-Control': CACHE }
  if (judge(request, marks) === 'unmodified') {
    const { etag, modified } = marks
    return { status: 304, headers: { ETag: etag, 'Last-Modified': modified, 'Cache-Control': CACHE }, body: null }
  }
  const { type, disposition } = contentOf(upload.metadata)
  const link = isHead ? null : await readable.link?.({ contentType: type, contentDisposition: disposition })
  if (typeof link === 'string') return { status: 307, headers: { Location: link, ...LINKED }, body: '' }
  const length = upload.offset
  const range = isHead ? null : rangeOf(request, length, marks)
  if (range === null) return { status: 200, headers, body: isHead || length === 0 ? null : readable.read() }
  const { start, end } = range
  const part = { 'Content-Length': `${end - start + 1}`, 'Content-Range': `bytes ${start}-${end}/${length}` }
  return { status: 206, headers: { ...headers, ...part }, body: readable.read(range) }
}

/** Fields that say what GET of a complete upload would send, for HEAD. How to cache the answer is not among them. */
export function representation(upload: Upload): Fields {
  const { etag, modified } = marksOf(upload)
  const { type, disposition } = contentOf(upload.metadata)
  return {
    'Content-Type': type,
    'Content-Disposition': disposition,
    'Content-Length': `${upload.offset}`,
    ETag: etag,
    'Last-Modified': modified,
    'Accept-Ranges': 'bytes',
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': POLICY,
  }
}

interface Marks {
  readonly etag: string
  readonly modified: string
}

/**
 * A complete upload never changes, so its ETag need not look at the bytes. The time tells it from another one that was
 * given the same id after this one was removed. Hashed, to say nothing about when or what.
 */
function marksOf(upload: Upload): Marks {
  const identity = `${upload.id}\n${upload.offset}\n${upload.createdAt.getTime()}`
  // RFC 9110, section 8.8.2.1: never later than now, even if the clock of the store is ahead.
  const modified = new Date(Math.min(upload.modifiedAt.getTime(), Date.now()))
  return { etag: `"${hash('sha256', identity, 'base64url').slice(0, 22)}"`, modified: modified.toUTCString() }
}

/** The conditions of a request, in the order of RFC 9110, section 13.2.2. */
function judge(request: UploadRequest, { etag, modified }: Marks): 'modified' | 'unmodified' {
  const match = request.header('if-match')
  const unmodifiedSince = parseDate(request.header('if-unmodified-since'))
  const changed = unmodifiedSince !== null && Date.parse(modified) > unmodifiedSince
  if (match === null ? changed : !names(match, etag, 'strong')) {
    throw new UploadError('precondition_failed')
  }
  const noneMatch = request.header('if-none-match')
  if (noneMatch !== null) return names(noneMatch, etag, 'weak') ? 'unmodified' : 'modified'
  const since = parseDate(request.header('if-modified-since'))
  return since !== null && Date.parse(modified) <= since ? 'unmodified' : 'modified'
}

/** Whether a list of entity tags has ours (RFC 9110, section 8.8.3.2). */
function names(list: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  if (list.trim() === '*') return true
  for (const [tag] of list.matchAll(/(?:W\/)?"[^"]*"/g)) {
    if (tag === etag || (comparison === 'weak' && tag === `W/${etag}`)) return true
  }
  return false
}

/** Milliseconds since 1970; null if there is no valid date, which is then ignored (RFC 9110, section 13.1.3). */
function parseDate(text: string | null): number | null {
  if (text === null) return null
  const zoned = ASCTIME.test(text) ? `${text} GMT` : DATES.some((form) => form.test(text)) ? text : ''
  const time = Date.parse(zoned)
  return Number.isNaN(time) ? null : time
}

/** The one range that is asked for; null for the whole: none, several, or not understood. */
function rangeOf(request: UploadRequest, length: number, marks: Marks): ByteRange | null {
  const match = RANGE.exec(request.header('range') ?? '')
  if (match === null || !unchanged(request.header('if-range'), marks)) return null
  const [, first = '', last = '', suffix = ''] = match
  if (last !== '' && Number(last) < Number(first)) return null
  const start = suffix === '' ? Number(first) : length - Math.min(Number(suffix), length)
  if (start >= length) {
    throw new UploadError('range_not_satisfiable', { headers: { 'Content-Range': `bytes */${length}` } })
  }
  return { start, end: last === '' ? length - 1 : Math.min(Number(last), length - 1) }
}

/** If-Range: an ETag that is the same and strong, or exactly our date (RFC 9110, section 13.1.5). */
function unchanged(condition: string | null, { etag, modified }: Marks): boolean {
  return condition === null || condition === etag || parseDate(condition) === Date.parse(modified)
}

/** Metadata is the client's word (T-041): what of it goes into fields is checked, rebuilt or left out. */
function contentOf(metadata: Metadata): { readonly type: string; readonly disposition: string } {
  const stated = typeOf(metadata.get('filetype')) ?? typeOf(metadata.get('type'))
  const type = stated === null || ACTIVE.test(stated.essence) ? null : stated
  const name = nameOf(metadata.get('filename') ?? metadata.get('name') ?? '')
  const disposition = type !== null && INLINE.has(type.essence) ? 'inline' : 'attachment'
  return {
    type: type?.text ?? 'application/octet-stream',
    // Without a name there is nothing to encode.
    disposition: name === '' ? disposition : createDisposition(name, { type: disposition }),
  }
}

function typeOf(text: string | null | undefined): { readonly text: string; readonly essence: string } | null {
  if (text === null || text === undefined || text.length > MAX_TYPE) return null
  const essence = MEDIA_TYPE.exec(text)?.[1]
  return essence === undefined ? null : { text, essence: essence.toLowerCase() }
}

/** The last part of a path, without what could mislead people or programs, short enough for every file system. */
function nameOf(path: string): string {
  const last = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
  const ending = /\.[A-Za-z0-9]{1,16}$/.exec(last.slice(-20))?.[0] ?? ''
  let room = MAX_NAME - ending.length
  let stem = ''
  for (const sign of last.slice(0, last.length - ending.length)) {
    // Controls, halves of a pair (they cannot be encoded), and marks that turn the reading direction around.
    const safe = /[\p{Cc}\p{Cs}\p{Bidi_Control}]/u.test(sign) ? '_' : sign
    room -= Buffer.byteLength(safe)
    if (room < 0) break
    stem += safe
  }
  const name = (stem + ending).trim()
  return /^\.*$/.test(name) ? '' : name
}
