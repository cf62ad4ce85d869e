import { createHash } from 'node:crypto'
import type { Agent } from 'node:http'
import type { Content } from './content.ts'
import { type Answer, type BodyPlan, type Exchange, exchange } from './exchange.ts'
import { eager, type Pace, slices } from './pace.ts'

const VERSION = { 'Tus-Resumable': '1.0.0' }
const OCTETS = { 'Content-Type': 'application/offset+octet-stream' }

/** A stretch of an upload that one request sends: from `from` up to, not including, `to`. */
export interface Stretch {
  readonly content: Content
  readonly from: number
  readonly to: number
  readonly pace?: Pace
  /** Default: with Content-Length. */
  readonly chunked?: boolean
  readonly checksum?: ChecksumPlan
  /** Sends this instead of the plain slices; the request still announces `to - from` bytes. */
  readonly pieces?: (signal: AbortSignal) => AsyncIterable<Buffer>
}

export interface ChecksumPlan {
  readonly algorithm: string
  /** Sent behind the body. */
  readonly trailer?: boolean
  /** That of other bytes. */
  readonly wrong?: boolean
  /** Sent as it is, in Base64: for bodies that never end, so that theirs need not be computed. */
  readonly digest?: string
}

export interface CreatePlan {
  /** null: deferred. Leave it out for a final upload. */
  readonly length?: number | null
  readonly concat?: 'partial' | readonly string[]
  /** Put into the metadata, so that an upload whose answer was lost can be told by it. */
  readonly key: string
  readonly first?: Stretch
  readonly agent?: Agent
}

/** POST: creates an upload below `origin`. */
export function create(origin: string, plan: CreatePlan): Exchange {
  const { length, concat, first } = plan
  const headers = {
    ...VERSION,
    'Upload-Metadata': `key ${Buffer.from(plan.key).toString('base64')}`,
    ...(length === null ? { 'Upload-Defer-Length': '1' } : {}),
    ...(typeof length === 'number' ? { 'Upload-Length': String(length) } : {}),
    ...(concat === undefined ? {} : { 'Upload-Concat': concat === 'partial' ? concat : `final;${concat.join(' ')}` }),
    ...(first ? { ...OCTETS, ...checksumHeader(first) } : {}),
  }
  return exchange({
    method: 'POST',
    url: `${origin}/files/`,
    headers,
    ...(first ? { body: bodyOf(first) } : {}),
    ...(plan.agent ? { agent: plan.agent } : {}),
  })
}

export interface AppendPlan extends Stretch {
  /** Declares the length. */
  readonly length?: number
  /** What the request says, if that is not `from`. */
  readonly offset?: number
  readonly agent?: Agent
}

/** PATCH: adds a stretch. */
export function append(origin: string, path: string, plan: AppendPlan): Exchange {
  return exchange({
    method: 'PATCH',
    url: origin + path,
    headers: {
      ...VERSION,
      ...OCTETS,
      'Upload-Offset': String(plan.offset ?? plan.from),
      ...(plan.length === undefined ? {} : { 'Upload-Length': String(plan.length) }),
      ...checksumHeader(plan),
    },
    body: bodyOf(plan),
    ...(plan.agent ? { agent: plan.agent } : {}),
  })
}

/** HEAD, DELETE or GET. */
export function ask(method: 'HEAD' | 'DELETE' | 'GET', origin: string, path: string, agent?: Agent): Exchange {
  return exchange({ method, url: origin + path, headers: VERSION, ...(agent ? { agent } : {}) })
}

/** The path of the upload that a POST created. */
export function locationOf(answer: Answer): string {
  const location = answer.headers.location
  if (location === undefined) throw new Error(`a ${answer.status} without Location`)
  return new URL(location, 'http://127.0.0.1').pathname
}

/** Upload-Offset; null if the answer has none. */
export function offsetOf(answer: Answer): number | null {
  return numberOf(answer, 'upload-offset')
}

/** Upload-Length; null if the answer has none. */
export function lengthOf(answer: Answer): number | null {
  return numberOf(answer, 'upload-length')
}

/** The `key` that an upload was created with; null if it has none. */
export function keyOf(answer: Answer): string | null {
  const metadata = answer.headers['upload-metadata']
  const value = typeof metadata === 'string' ? /(?:^|,)key ([^,]*)/.exec(metadata)?.[1] : undefined
  return value === undefined ? null : Buffer.from(value, 'base64').toString()
}

function numberOf(answer: Answer, name: string): number | null {
  const value = answer.headers[name]
  if (value === undefined) return null
  if (typeof value !== 'string' || !/^\d+$/.test(value)) throw new Error(`${name}: ${String(value)} is no number`)
  return Number(value)
}

function checksumHeader(stretch: Stretch): Record<string, string> {
  if (!stretch.checksum || stretch.checksum.trailer) return {}
  return { 'Upload-Checksum': digestOf(stretch) }
}

function bodyOf(stretch: Stretch): BodyPlan {
  const { content, from, to, checksum } = stretch
  const pieces = stretch.pieces ?? ((signal: AbortSignal) => slices(content, from, to, stretch.pace ?? eager, signal))
  if (checksum?.trailer) return { length: null, pieces, trailers: { 'Upload-Checksum': digestOf(stretch) } }
  return { length: stretch.chunked ? null : to - from, pieces }
}

function digestOf({ content, from, to, checksum }: Stretch): string {
  const algorithm = checksum?.algorithm ?? 'sha1'
  if (checksum?.digest !== undefined) return `${algorithm} ${checksum.digest}`
  const covered = checksum?.wrong ? content.bytes(from, to + 1) : content.bytes(from, to)
  return `${algorithm} ${createHash(algorithm).update(covered).digest('base64')}`
}
