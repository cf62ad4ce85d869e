import { UploadError } from '../../core/errors.ts'
import type { Upload, UploadId } from '../../core/upload.ts'
import { CHECKSUM_ALGORITHMS } from '../../engine/checksum.ts'
import type { CreateCommand, Engine } from '../../engine/commands.ts'
import { digestsOf } from '../../engine/whole.ts'
import { callerOf, type Protocol, patched, type Reply, type UploadRequest } from '../exchange.ts'
import { printDigests } from '../ietf/fields.ts'
import {
  parseChecksum,
  parseConcat,
  parseLength,
  parseMetadata,
  parseNewLength,
  parseOffset,
  printConcat,
  printExpiry,
  printMetadata,
  requireOffsetStream,
  VERSION,
} from './headers.ts'

export interface TusOptions {
  readonly engine: Engine
  /** Bytes; Infinity for no limit. */
  readonly maxSize: number
  /** Whether unfinished uploads expire. */
  readonly expires: boolean
  readonly termination: boolean
  readonly concatenation: boolean
  /** Fields that GET would send of a complete upload, so that HEAD agrees with it; none where downloads are off. */
  readonly represent: (upload: Upload) => Readonly<Record<string, string>>
}

/** tus 1.0.0 with all its extensions: headers to commands, outcomes to headers. */
export function createTus(options: TusOptions): Protocol {
  const { engine } = options
  const verbs: Readonly<Record<string, (request: UploadRequest, id: UploadId) => Promise<Reply>>> = {
    HEAD: (request, id) => head(options, request, id),
    PATCH: (request, id) => patch(engine, request, id),
    ...(options.termination && { DELETE: (request, id) => remove(engine, request, id) }),
  }
  return {
    name: 'tus',
    completion: 'at_length',
    claims: (request) => request.header('tus-resumable') !== null,
    stamp: { 'Tus-Resumable': VERSION },
    async answer(request) {
      const { target, method } = request
      const verb = target.kind === 'base' ? undefined : verbs[method]
      const creates = target.kind === 'base' && method === 'POST'
      if (target.kind === 'unknown' && verb === undefined) throw new UploadError('not_found')
      if (!creates && verb === undefined) throw new UploadError('method_not_allowed')
      requireVersion(request)
      if (creates) return post(options, request)
      if (target.kind !== 'upload' || verb === undefined) throw new UploadError('upload_not_found')
      return verb(request, target.id)
    },
    refuse,
    discovery: (request) => discovery(options, request),
  }
}

/** A request of another version, or none, has no effect (tus 1.0.0, Headers / Tus-Resumable). */
function requireVersion(request: UploadRequest): void {
  if (request.header('tus-resumable') === VERSION) return
  throw new UploadError('unsupported_version', { headers: { 'Tus-Version': VERSION } })
}

async function post(options: TusOptions, request: UploadRequest): Promise<Reply> {
  const command = parseCreation(options, request)
  const { upload, reply } = await options.engine.create(command, callerOf(request, 'at_length'))
  const headers: Fields = { Location: request.urlOf(upload.id) }
  addOffset(headers, upload)
  addExpiry(headers, upload)
  return patched({ status: 201, headers, body: null }, reply)
}

function parseCreation({ concatenation }: TusOptions, request: UploadRequest): CreateCommand {
  const metadataText = request.header('upload-metadata')
  const concatText = request.header('upload-concat')
  if (concatText !== null && !concatenation) throw new UploadError('not_implemented')
  const concat = parseConcat(concatText, request)
  const isFinal = concat?.role === 'final'
  if (isFinal) requireBareFinal(request)
  const hasContent = bringsContent(request)
  if (hasContent) requireOffsetStream(request)
  return {
    length: isFinal ? null : parseNewLength(request),
    metadata: parseMetadata(metadataText),
    concat,
    completion: 'at_length',
    echo: {
      ...(metadataText !== null && { metadata: metadataText }),
      ...(concatText !== null && { concat: concatText }),
    },
    content: hasContent ? { body: request.body, checksum: parseChecksum(request) } : null,
  }
}

/**
 * Whether bytes come with a creation. One that announces neither length nor type brings none, as far as anybody can tell: over HTTP/2
 * many clients say only behind the header that there is no body. Should bytes come after all, Upload-Offset tells that none were taken.
 */
function bringsContent(request: UploadRequest): boolean {
  const { length } = request.body
  return length === null ? request.header('content-type') !== null : length !== 0
}

/** The length of a final upload is the sum of its parts, and its bytes are theirs (tus 1.0.0, Concatenation). */
function requireBareFinal(request: UploadRequest): void {
  if (request.header('upload-length') !== null || request.header('upload-defer-length') !== null) {
    throw new UploadError('invalid_concat', { message: 'a final upload takes no Upload-Length' })
  }
  if (request.body.length !== 0) {
    throw new UploadError('invalid_concat', { message: 'a final upload takes no content' })
  }
}

async function patch(engine: Engine, request: UploadRequest, id: UploadId): Promise<Reply> {
  requireOffsetStream(request)
  const command = {
    id,
    offset: parseOffset(request),
    length: parseLength(request),
    content: { body: request.body, checksum: parseChecksum(request) },
  }
  const { upload, reply } = await engine.append(command, callerOf(request, 'at_length'))
  const headers: Fields = { 'Upload-Offset': String(upload.offset) }
  addExpiry(headers, upload)
  return patched({ status: 204, headers, body: null }, reply)
}

async function head({ engine, represent }: TusOptions, request: UploadRequest, id: UploadId): Promise<Reply> {
  const upload = await engine.stat(id, callerOf(request, 'at_length'))
  const headers: Fields = upload.complete ? Object.assign({}, represent(upload)) : {}
  addOffset(headers, upload)
  addLength(headers, upload)
  addWords(headers, upload, request)
  addExpiry(headers, upload)
  addDigest(headers, upload)
  headers['Cache-Control'] = 'no-store'
  return { status: 200, headers, body: null }
}

/** The digest of a complete upload in the form of RFC 9530, if the server records one. */
function addDigest(headers: Fields, upload: Upload): void {
  const digests = digestsOf(upload)
  if (digests.length > 0) headers['Repr-Digest'] = printDigests(digests)
}

/** Fields of a reply in the making. Added one by one: to spread objects into a literal takes V8 many times as long. */
type Fields = Record<string, string>

/** A final upload that is not joined yet has no offset (tus 1.0.0, Concatenation). */
function addOffset(headers: Fields, upload: Upload): void {
  if (!isWaiting(upload)) headers['Upload-Offset'] = String(upload.offset)
}

function addLength(headers: Fields, upload: Upload): void {
  if (upload.length !== null) headers['Upload-Length'] = String(upload.length)
  else if (!isWaiting(upload)) headers['Upload-Defer-Length'] = '1'
}

function isWaiting({ concat, complete }: Upload): boolean {
  return concat?.role === 'final' && !complete
}

/** Metadata and concatenation as the client wrote them, or written anew if that is not known. */
function addWords(headers: Fields, { echo, metadata, concat }: Upload, request: UploadRequest): void {
  const metadataText = echo['metadata'] ?? printMetadata(metadata)
  if (metadataText !== '') headers['Upload-Metadata'] = metadataText
  if (concat !== null) headers['Upload-Concat'] = echo['concat'] ?? printConcat(concat, request)
}

function addExpiry(headers: Fields, upload: Upload): void {
  const expires = printExpiry(upload)
  if (expires !== null) headers['Upload-Expires'] = expires
}

async function remove(engine: Engine, request: UploadRequest, id: UploadId): Promise<Reply> {
  const reply = await engine.terminate(id, callerOf(request, 'at_length'))
  return patched({ status: 204, headers: {}, body: null }, reply)
}

/** Plain text, `ERR_CODE: sentence`, as clients of tusd know it. */
function refuse(error: UploadError, request: UploadRequest): Reply {
  const { body, headers, retryAfter } = error.details
  return {
    status: error.status,
    headers: {
      'Content-Type': 'text/plain; charset=utf-8',
      ...(request.method === 'HEAD' && { 'Cache-Control': 'no-store' }),
      ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
      ...headers,
    },
    body: body ?? `${error.text}\n`,
  }
}

function discovery(options: TusOptions, request: UploadRequest): Record<string, string> {
  return {
    'Tus-Version': VERSION,
    'Tus-Extension': tusExtensions(options, request.body.trailer !== undefined).join(','),
    'Tus-Checksum-Algorithm': CHECKSUM_ALGORITHMS.join(','),
    ...(Number.isFinite(options.maxSize) && { 'Tus-Max-Size': String(options.maxSize) }),
  }
}

/** The extensions that are on. `trailers`: whether the door can read them, which Fetch cannot. */
export function tusExtensions(
  { expires, termination, concatenation }: Omit<TusOptions, 'engine' | 'represent' | 'maxSize'>,
  trailers: boolean,
): readonly string[] {
  return [
    'creation',
    'creation-with-upload',
    'creation-defer-length',
    ...(expires ? ['expiration'] : []),
    'checksum',
    ...(trailers ? ['checksum-trailer'] : []),
    ...(termination ? ['termination'] : []),
    ...(concatenation ? ['concatenation', 'concatenation-unfinished'] : []),
  ]
}
