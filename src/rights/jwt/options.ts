import type { KeyObject } from 'node:crypto'
import { OPERATIONS } from './claims.ts'

/** How bearer tokens are checked, and what their claims mean. Exactly one of `secret`, `jwksUrl` and `key` is needed. */
export interface JwtRightsOptions {
  /**
   * Shared secret of at least 32 bytes, a text counting as UTF-8: HS256, HS384 and HS512. Each of several is tried, so that one can
   * be replaced by another while tokens of both are about.
   */
  readonly secret?: string | Uint8Array | readonly (string | Uint8Array)[]
  /** Where the public keys of the issuer are, as a JSON Web Key Set. Fetched when a token comes; asymmetric algorithms only. */
  readonly jwksUrl?: string | URL
  /** Public key of the issuer, in PEM or as node:crypto has it; asymmetric algorithms only. */
  readonly key?: string | KeyObject
  /** Who must have issued a token (`iss`); one of several. Default: not looked at. */
  readonly issuer?: string | readonly string[]
  /** Whom a token must be for (`aud`); one of several. Default: not looked at. */
  readonly audience?: string | readonly string[]
  /** Signature algorithms that are accepted. Default: all that go with the key. */
  readonly algorithms?: readonly string[]
  /** By how many seconds clocks may differ. Default: 0. */
  readonly clockTolerance?: number
  /** Other names for the claims. */
  readonly claims?: ClaimNames
  /** Whether a token may also come as `access_token` in the query of the URL (RFC 6750, section 2.3). Default: false. */
  readonly acceptQuery?: boolean
  /**
   * Whether the token with these claims does not count any more. Asked on every request, and once more before completion, so it should
   * be quick. Throwing refuses the request with 500.
   */
  readonly revoked?: (claims: Claims) => boolean | Promise<boolean>
}

/** What a token says, verified. */
export type Claims = Readonly<Record<string, unknown>>

/** Names of claims. A dot leads into a claim that is an object, unless there is a claim of that very name. */
export interface ClaimNames {
  /** Whose the uploads are: a text, or a whole number, which counts as its digits. Default: `sub`. */
  readonly owner?: string
  /** Most bytes of an upload. Default: `tusker_max_size`. */
  readonly maxSize?: string
  /** Unfinished uploads of the owner. Default: `tusker_max_uploads`. */
  readonly maxUploads?: string
  /** Bytes of the owner's unfinished uploads. Default: `tusker_max_bytes`. */
  readonly maxBytes?: string
  /** Creations of the owner in a minute. Default: `tusker_creations_per_minute`. */
  readonly creationsPerMinute?: string
  /** What may be done: a list, or words between spaces. Without it, everything. Default: `tusker_operations`. */
  readonly operations?: string
  /** The one upload that it is for: its id. Default: `tusker_upload`. */
  readonly upload?: string
  /** `true` lifts every restriction. Default: `tusker_admin`. */
  readonly admin?: string
}

export const CLAIM_NAMES = {
  owner: 'sub',
  maxSize: 'tusker_max_size',
  maxUploads: 'tusker_max_uploads',
  maxBytes: 'tusker_max_bytes',
  creationsPerMinute: 'tusker_creations_per_minute',
  operations: 'tusker_operations',
  upload: 'tusker_upload',
  admin: 'tusker_admin',
} as const satisfies Required<ClaimNames>

const KNOWN: ReadonlySet<string> = new Set([
  ...['secret', 'jwksUrl', 'key', 'issuer', 'audience', 'algorithms', 'clockTolerance', 'claims', 'acceptQuery'],
  'revoked',
])

/** Shortest secret, in bytes: as long as the hash of HS256 (RFC 7518, section 3.2). */
const LEAST_SECRET = 32

/**
 * Finds what is wrong with everything but keys and algorithms.
 * @throws TypeError that names the option
 */
export function checkOptions(options: JwtRightsOptions): void {
  for (const name of Object.keys(options)) if (!KNOWN.has(name)) throw new TypeError(`${name} is not an option`)
  const sources = (['secret', 'jwksUrl', 'key'] as const).filter((name) => options[name] !== undefined)
  if (sources.length !== 1) {
    const given = sources.length === 0 ? 'none is given' : `given are ${sources.join(' and ')}`
    throw new TypeError(`exactly one of secret, jwksUrl and key is needed, but ${given}`)
  }
  checkWords('issuer', options.issuer)
  checkWords('audience', options.audience)
  const { clockTolerance = 0, acceptQuery = false, revoked, claims = {} } = options
  if (!(Number.isFinite(clockTolerance) && clockTolerance >= 0)) {
    throw new TypeError('clockTolerance must be a number of seconds, 0 or more')
  }
  if (typeof acceptQuery !== 'boolean') throw new TypeError('acceptQuery must be true or false')
  if (revoked !== undefined && typeof revoked !== 'function') throw new TypeError('revoked must be a function')
  for (const [name, claim] of Object.entries(claims)) {
    if (!Object.hasOwn(CLAIM_NAMES, name)) throw new TypeError(`claims.${name} is not an option`)
    if (!isText(claim)) throw new TypeError(`claims.${name} must be the name of a claim`)
  }
}

/** A text or a list of texts, none of them empty. Throws a `TypeError` that names the option. */
export function checkWords(name: string, value: unknown): void {
  if (value === undefined || isText(value)) return
  if (Array.isArray(value) && value.length > 0 && value.every(isText)) return
  throw new TypeError(`${name} must be a text or a list of texts, none of them empty`)
}

/** Names of operations. Throws a `TypeError` that names the option. */
export function checkOperations(name: string, value: unknown): void {
  const known: readonly unknown[] = OPERATIONS
  if (Array.isArray(value) && value.length > 0 && value.every((one) => known.includes(one))) return
  throw new TypeError(`${name} must be a list of ${OPERATIONS.join(', ')}`)
}

/** The bytes of a secret. Throws a `TypeError` that names the option, and tells nothing of the secret. */
export function secretBytes(name: string, secret: unknown): Uint8Array {
  if (typeof secret !== 'string' && !(secret instanceof Uint8Array)) {
    throw new TypeError(`${name} must be a text or a Uint8Array, or a list of them`)
  }
  // A copy: what its owner does to the array afterwards has no effect
  const bytes = typeof secret === 'string' ? new TextEncoder().encode(secret) : Uint8Array.from(secret)
  if (bytes.length >= LEAST_SECRET) return bytes
  throw new TypeError(`${name} must have at least ${LEAST_SECRET} bytes, but has ${bytes.length}`)
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
