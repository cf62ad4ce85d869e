import { UploadError } from '../../core/errors.ts'
import type { Upload, UploadId } from '../../core/upload.ts'
import type { Engine, Outcome } from '../../engine/commands.ts'
import { digestsOf } from '../../engine/whole.ts'
import { callerOf, type Protocol, patched, type Reply, type State, type UploadRequest } from '../exchange.ts'
import { contentChecksum, parseInteger, printDigests } from './fields.ts'
import { narrate } from './interim.ts'
import { isMarked, NEWEST, type Rules, type Speech, speechOf } from './interop.ts'
import { announcedLimits, type Limits, uploadLimits } from './limits.ts'
import { mediaTypeOf } from './metadata.ts'
import { isPlain, plainCreation } from './plain.ts'
import { refuse } from './problem.ts'
import { completenessField, creationOf, declarationOf, saidOf } from './requests.ts'

export interface IetfOptions {
  readonly engine: Engine
  readonly limits: Limits
  readonly termination: boolean
  /** Whether a request that says nothing of resumption is stored as a whole. */
  readonly plain: boolean
}

/** Methods whose content may become an upload (section Upload Creation). */
const CREATING: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

/** Resumable Uploads for HTTP (draft-ietf-httpbis-resumable-upload) in all its versions: fields to commands, and back. */
export function createIetf(options: IetfOptions): Protocol {
  const { limits } = options
  const verbs: Readonly<Record<string, (request: UploadRequest, id: UploadId) => Promise<Reply>>> = {
    HEAD: (request, id) => head(options, request, id),
    PATCH: (request, id) => append(options, request, id),
    ...(options.termination && { DELETE: (request, id) => remove(options, request, id) }),
  }
  return {
    name: 'ietf',
    completion: 'declared',
    claims: (request) => isMarked(request) || (options.plain && isPlain(request)),
    stamp: {},
    async answer(request) {
      const { target, method } = request
      if (target.kind === 'base' && CREATING.has(method)) return create(options, request)
      if (target.kind === 'unknown') throw new UploadError('not_found')
      const verb = verbs[method]
      if (target.kind === 'base' || verb === undefined) throw new UploadError('method_not_allowed')
      return verb(request, target.id)
    },
    state: (request, id) => state(options, request, id),
    refuse: (error, request) => refuse(error, request, limits),
    discovery: () => ({
      'Upload-Limit': announcedLimits(limits, NEWEST.lifetime ?? 'max-age'),
      // Asked for by -10 only, and forbidden by none.
      ...(NEWEST.mediaType !== null && { 'Accept-Patch': NEWEST.mediaType }),
    }),
  }
}

async function create(options: IetfOptions, request: UploadRequest): Promise<Reply> {
  const { engine, limits } = options
  const speech = speechOf(request)
  const said = saidOf(request, speech.rules)
  if (said === null) return createPlain(options, request)
  const creation = creationOf(request, speech.rules, said, limits)
  const resumable = creation.declaration?.resumable ?? false
  const narrator = narrate(request, speech, limits)
  try {
    const witness = resumable ? narrator.witness : {}
    const outcome = await engine.create({ ...creation, witness }, callerOf(request, 'declared'))
    return created(options, request, speech.rules, outcome, 201)
  } finally {
    narrator.end()
  }
}

/** A request without a word on resumption is stored as a whole or refused (section Upgrading To Resumable Uploads). */
async function createPlain({ engine, plain, limits }: IetfOptions, request: UploadRequest): Promise<Reply> {
  if (!plain || !isPlain(request)) {
    throw new UploadError('invalid_request', { message: 'a missing or invalid Upload-Complete: no upload was begun' })
  }
  const outcome = await engine.create(plainCreation(request, limits), callerOf(request, 'declared'))
  const headers = { Location: request.urlOf(outcome.upload.id), ...digestField(outcome) }
  return patched({ status: 201, headers, body: null }, outcome.reply)
}

async function append(options: IetfOptions, request: UploadRequest, id: UploadId): Promise<Reply> {
  const { engine, limits } = options
  const speech = speechOf(request)
  const { rules } = speech
  requireMediaType(request, rules)
  const offset = parseInteger(request.header('upload-offset'))
  if (offset === null) throw new UploadError('invalid_offset')
  const last = saidOf(request, rules) ?? silence(rules)
  const command = {
    id,
    offset,
    length: rules.readsLength ? parseInteger(request.header('upload-length')) : null,
    content: { body: request.body, checksum: contentChecksum(request) },
    declaration: declarationOf(rules, last, limits),
  }
  const narrator = narrate(request, speech, limits)
  try {
    const { saved } = narrator.witness
    const witness = saved === undefined ? {} : { saved }
    const outcome = await engine.append({ ...command, witness }, callerOf(request, 'declared'))
    return created(options, request, rules, outcome, rules.appended)
  } finally {
    narrator.end()
  }
}

function requireMediaType(request: UploadRequest, { mediaType }: Rules): void {
  if (mediaType === null || mediaTypeOf(request.header('content-type')) === mediaType) return
  throw new UploadError('invalid_content_type', { message: `Content-Type must be ${mediaType}` })
}

/** What an append means that does not say whether it is the last. */
function silence({ silenceCompletes, completeness }: Rules): true {
  if (silenceCompletes) return true
  throw new UploadError('invalid_request', { message: `missing or invalid ${completeness.name}` })
}

/**
 * The answer to bytes that were stored. The last ones get what the target has to say of the whole, whether they came with the
 * first request or a later one: it exists now, and where. Upload-Offset is there for clients of versions up to 6.
 */
function created(
  options: IetfOptions,
  request: UploadRequest,
  rules: Rules,
  outcome: Outcome,
  onTheWay: number,
): Reply {
  const { upload, reply } = outcome
  const named = upload.complete || request.target.kind === 'base'
  const headers = {
    ...(named && { Location: request.urlOf(upload.id) }),
    'Upload-Offset': String(upload.offset),
    ...completenessField(rules, upload.complete),
    ...limitField(options, rules, upload),
    ...digestField(outcome),
  }
  return patched({ status: upload.complete ? 201 : onTheWay, headers, body: null }, reply)
}

function digestField({ digests }: Pick<Outcome, 'digests'>): Record<string, string> {
  return digests.length === 0 ? {} : { 'Repr-Digest': printDigests(digests) }
}

function limitField({ limits }: IetfOptions, { lifetime }: Rules, upload: Upload): Record<string, string> {
  return lifetime === null ? {} : { 'Upload-Limit': uploadLimits(limits, lifetime, upload) }
}

async function head(options: IetfOptions, request: UploadRequest, id: UploadId): Promise<Reply> {
  const { headers } = await state(options, request, id)
  return { status: 204, headers, body: null }
}

/** Where an upload stands, for HEAD and GET alike (section Offset Retrieval). */
async function state(options: IetfOptions, request: UploadRequest, id: UploadId): Promise<State> {
  const { rules }: Speech = speechOf(request)
  requireBare(request, rules)
  const upload = await options.engine.stat(id, callerOf(request, 'declared'))
  const { complete, offset, length, echo } = upload
  const headers = {
    'Upload-Offset': String(offset),
    ...completenessField(rules, complete),
    ...(rules.tellsLength && length !== null && { 'Upload-Length': String(length) }),
    ...limitField(options, rules, upload),
    ...digestField({ digests: digestsOf(upload) }),
    'Cache-Control': 'no-store',
  }
  const encoding = request.method === 'GET' && complete ? echo['content-encoding'] : undefined
  return { complete, headers: { ...headers, ...(encoding !== undefined && { 'Content-Encoding': encoding }) } }
}

function requireBare(request: UploadRequest, { forbidden }: Rules): void {
  const wrong = forbidden.find((name) => request.header(name) !== null)
  if (wrong !== undefined)
    throw new UploadError('invalid_request', { message: `${wrong} has no place in this request` })
}

async function remove({ engine }: IetfOptions, request: UploadRequest, id: UploadId): Promise<Reply> {
  requireBare(request, speechOf(request).rules)
  const reply = await engine.terminate(id, callerOf(request, 'declared'))
  return patched({ status: 204, headers: {}, body: null }, reply)
}
