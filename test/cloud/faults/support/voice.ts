import { type Answer, type BodyPlan, type Exchange, exchange } from '../../../heavy/support/exchange.ts'

/** A stretch of an upload that one request sends. */
export interface Stretch {
  readonly from: number
  readonly to: number
  readonly body: BodyPlan
  /** Upload-Checksum, for who knows that. */
  readonly checksum?: string
}

export interface Creation {
  readonly key: string
  /** null: not told yet. */
  readonly length: number | null
  /** A piece of a concatenation. */
  readonly partial?: boolean
  readonly first?: Stretch
  /** Whether `first` is all of it. */
  readonly whole?: boolean
}

export interface Append extends Stretch {
  /** Declares this length. */
  readonly length?: number
  /** Nothing comes after it. */
  readonly last: boolean
}

/** Where an upload stands, as the server tells it. Null is what it does not tell. */
export interface Standing {
  readonly offset: number | null
  readonly length: number | null
  readonly complete: boolean
}

/** A protocol, as a client speaks it. */
export interface Voice {
  readonly name: 'tus' | 'draft'
  /** Whether a length that was not told at first must be told before the end. */
  readonly needsLength: boolean
  readonly checksums: boolean
  create(origin: string, creation: Creation): Exchange
  append(origin: string, path: string, append: Append): Exchange
  head(origin: string, path: string): Exchange
  remove(origin: string, path: string): Exchange
  standing(answer: Answer): Standing
}

const TUS = { 'Tus-Resumable': '1.0.0' }
const OCTETS = { 'Content-Type': 'application/offset+octet-stream' }

export const tus: Voice = {
  name: 'tus',
  needsLength: true,
  checksums: true,
  create: (origin, { key, length, partial, first }) =>
    exchange({
      method: 'POST',
      url: `${origin}/files/`,
      headers: {
        ...TUS,
        'X-Key': key,
        ...(length === null ? { 'Upload-Defer-Length': '1' } : { 'Upload-Length': String(length) }),
        ...(partial && { 'Upload-Concat': 'partial' }),
        ...(first && OCTETS),
        ...(first?.checksum && { 'Upload-Checksum': first.checksum }),
      },
      ...(first && { body: first.body }),
    }),
  append: (origin, path, { from, body, checksum, length }) =>
    exchange({
      method: 'PATCH',
      url: origin + path,
      headers: {
        ...TUS,
        ...OCTETS,
        'Upload-Offset': String(from),
        ...(checksum && { 'Upload-Checksum': checksum }),
        ...(length !== undefined && { 'Upload-Length': String(length) }),
      },
      body,
    }),
  head: (origin, path) => exchange({ method: 'HEAD', url: origin + path, headers: TUS }),
  remove: (origin, path) => exchange({ method: 'DELETE', url: origin + path, headers: TUS }),
  standing(answer) {
    const [offset, length] = [numberIn(answer, 'upload-offset'), numberIn(answer, 'upload-length')]
    return { offset, length, complete: offset !== null && offset === length }
  },
}

/** A concatenation of partial uploads. */
export function createFinal(origin: string, key: string, parts: readonly string[]): Exchange {
  const headers = { ...TUS, 'X-Key': key, 'Upload-Concat': `final;${parts.join(' ')}` }
  return exchange({ method: 'POST', url: `${origin}/files/`, headers })
}

const DRAFT = { 'Upload-Draft-Interop-Version': '8' }

export const draft: Voice = {
  name: 'draft',
  needsLength: false,
  checksums: false,
  create: (origin, { key, length, first, whole }) =>
    exchange({
      method: 'POST',
      url: `${origin}/files/`,
      headers: {
        ...DRAFT,
        'X-Key': key,
        'Upload-Complete': whole ? '?1' : '?0',
        ...(length !== null && { 'Upload-Length': String(length) }),
      },
      ...(first && { body: first.body }),
    }),
  append: (origin, path, { from, body, length, last }) =>
    exchange({
      method: 'PATCH',
      url: origin + path,
      headers: {
        ...DRAFT,
        'Content-Type': 'application/partial-upload',
        'Upload-Offset': String(from),
        'Upload-Complete': last ? '?1' : '?0',
        ...(length !== undefined && { 'Upload-Length': String(length) }),
      },
      body,
    }),
  head: (origin, path) => exchange({ method: 'HEAD', url: origin + path, headers: DRAFT }),
  remove: (origin, path) => exchange({ method: 'DELETE', url: origin + path, headers: DRAFT }),
  standing(answer) {
    const complete = answer.headers['upload-complete'] === '?1'
    return { offset: numberIn(answer, 'upload-offset'), length: numberIn(answer, 'upload-length'), complete }
  },
}

function numberIn(answer: Answer, name: string): number | null {
  const value = answer.headers[name]
  if (value === undefined) return null
  if (typeof value !== 'string' || !/^\d+$/.test(value)) throw new Error(`${name}: ${String(value)} is no number`)
  return Number(value)
}
