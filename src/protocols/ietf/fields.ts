import {
  type BareItem,
  type Dictionary,
  type Parameters,
  ParseError,
  parseDictionary,
  parseItem,
  serializeDictionary,
  serializeItem,
} from 'structured-headers'
import { UploadError } from '../../core/errors.ts'
import type { Checksum, ExpectedDigest } from '../../engine/commands.ts'
import type { UploadRequest } from '../exchange.ts'

/** Largest integer of a structured field (RFC 9651, section 3.3.1). */
export const LARGEST_INTEGER = 999_999_999_999_999

/** A non-negative integer; anything else is as good as absent. Parameters are passed over. */
export function parseInteger(text: string | null): number | null {
  const value = text === null ? null : bareItem(text)
  // 1.0 is a decimal, which the parser does not tell from an integer.
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || /^[^;]*\./.test(text ?? '')) return null
  return Math.abs(value)
}

/** `?0` or `?1`; anything else is as good as absent. */
export function parseBoolean(text: string | null): boolean | null {
  const value = text === null ? null : bareItem(text)
  return typeof value === 'boolean' ? value : null
}

function bareItem(text: string): BareItem | null {
  return parsed(() => parseItem(text)[0])
}

function parsed<T>(parse: () => T): T | null {
  try {
    return parse()
  } catch (error) {
    if (error instanceof ParseError) return null
    throw error
  }
}

/** `?0` or `?1`. */
export function printBoolean(value: boolean): string {
  return serializeItem(value)
}

/** A dictionary of integers. */
export function printIntegers(members: Readonly<Record<string, number>>): string {
  return serializeDictionary(new Map(Object.entries(members).map(([name, value]) => [name, [value, noParameters()]])))
}

/** The algorithms of RFC 9530 that are not deprecated, by the names that the engine has for them; the stronger first. */
const ALGORITHMS: ReadonlyMap<string, string> = new Map([
  ['sha-512', 'sha512'],
  ['sha-256', 'sha256'],
])

/**
 * The digests of a field in the form of Content-Digest or Repr-Digest, the strongest first. Algorithms that are unknown are
 * passed over (RFC 9530, section 2). Throws `invalid_checksum` for what is no such field: whoever asks for a check must
 * not believe that there was one.
 */
export function parseDigests(text: string | null): readonly ExpectedDigest[] {
  if (text === null) return []
  const members = parsed(() => parseDictionary(text))
  if (members === null) throw invalidDigest()
  return [...ALGORITHMS].flatMap(([name, algorithm]) => {
    const value = bareMember(members, name)
    if (value === undefined) return []
    if (!(value instanceof ArrayBuffer)) throw invalidDigest()
    return [{ algorithm, digest: new Uint8Array(value) }]
  })
}

function invalidDigest(): UploadError {
  return new UploadError('invalid_checksum', { message: 'a digest is no dictionary of byte sequences' })
}

function bareMember(members: Dictionary, name: string): BareItem | undefined {
  const member = members.get(name)
  return member === undefined || Array.isArray(member[0]) ? undefined : member[0]
}

/** The algorithm that Want-Repr-Digest prefers among those that we know; null if it wants none of them, or is malformed. */
export function parseWanted(text: string | null): string | null {
  const members = text === null ? null : parsed(() => parseDictionary(text))
  if (members === null) return null
  let best: { readonly algorithm: string; readonly weight: number } | null = null
  for (const [name, algorithm] of ALGORITHMS) {
    const weight = bareMember(members, name)
    if (typeof weight !== 'number' || weight <= 0 || (best !== null && weight <= best.weight)) continue
    best = { algorithm, weight }
  }
  return best?.algorithm ?? null
}

/** A field in the form of Repr-Digest. */
export function printDigests(digests: readonly ExpectedDigest[]): string {
  const members = digests.flatMap(({ algorithm, digest }) => {
    const name = [...ALGORITHMS].find(([, ours]) => ours === algorithm)?.[0]
    return name === undefined ? [] : ([[name, [new Uint8Array(digest), noParameters()]]] as const)
  })
  return serializeDictionary(new Map(members.map(([name, [value, parameters]]) => [name, [value, parameters]])))
}

function noParameters(): Parameters {
  return new Map()
}

/** What the content of a request must hash to: its strongest Content-Digest. Throws `invalid_checksum`. */
export function contentChecksum(request: UploadRequest): Checksum | null {
  const [expected] = parseDigests(request.header('content-digest'))
  return expected === undefined ? null : { expected, trailer: () => expected }
}
