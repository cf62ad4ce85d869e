import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import type { OPERATIONS } from './claims.ts'
import { CLAIM_NAMES, checkOperations, isText, secretBytes } from './options.ts'
import { PARAMETER } from './presented.ts'

/** What a signed URL allows, and for how long. */
export interface SignOptions {
  /** The secret of `jwtRights`, or one of them: at least 32 bytes. */
  readonly secret: string | Uint8Array
  /** Whose the uploads will be. Default: `link:` and a random word, so that the bearers of other links do not reach them. */
  readonly owner?: string
  /** Life in milliseconds, from now. Default: an hour. Not together with `expiresAt`. */
  readonly expiresIn?: number
  /** When it ends; rounded up to a second. */
  readonly expiresAt?: Date
  /** Most bytes of an upload. */
  readonly maxSize?: number
  /** Unfinished uploads at a time. */
  readonly maxUploads?: number
  /** Bytes of unfinished uploads. */
  readonly maxBytes?: number
  /** What may be done. Default: everything. */
  readonly operations?: readonly (typeof OPERATIONS)[number][]
  /** Id of the only upload that it is for: a link to download, or to carry on. */
  readonly upload?: string
  /** `iss` of the token, where `jwtRights` asks for it. */
  readonly issuer?: string
  /** `aud` of the token, where `jwtRights` asks for it. */
  readonly audience?: string
}

const HOUR = 3_600_000

/**
 * Adds a token to the URL at which uploads are created, or to that of an upload: whoever has the URL, has what it allows. For servers
 * with `jwtRights({ secret, acceptQuery: true })`, which add it to the URLs of the uploads that are created by it.
 * @throws TypeError that names the option that is wrong
 */
export async function signUploadUrl(url: string | URL, options: SignOptions): Promise<string> {
  const signed = absolute(url)
  const secret = secretBytes('secret', options.secret)
  const { owner = `link:${randomUUID()}`, upload, operations, issuer, audience } = options
  for (const [name, value] of Object.entries({ owner, upload, issuer, audience })) checkText(name, value)
  if (operations !== undefined) checkOperations('operations', operations)
  const expiry = expiryOf(options)
  const token = new SignJWT({
    [CLAIM_NAMES.owner]: owner,
    ...limitsOf(options),
    ...(operations !== undefined && { [CLAIM_NAMES.operations]: operations }),
    ...(upload !== undefined && { [CLAIM_NAMES.upload]: upload }),
    ...(issuer !== undefined && { iss: issuer }),
    ...(audience !== undefined && { aud: audience }),
  })
  token.setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).setIssuedAt().setExpirationTime(expiry)
  signed.searchParams.set(PARAMETER, await token.sign(secret))
  return signed.href
}

/** Seconds since 1970. */
function expiryOf({ expiresIn, expiresAt }: SignOptions): number {
  if (expiresIn !== undefined && expiresAt !== undefined) {
    throw new TypeError('only one of expiresIn and expiresAt can be given')
  }
  if (expiresIn !== undefined && !(Number.isFinite(expiresIn) && expiresIn > 0)) {
    throw new TypeError('expiresIn must be a number of milliseconds above 0')
  }
  if (expiresAt !== undefined && !(expiresAt instanceof Date && expiresAt.getTime() > Date.now())) {
    throw new TypeError('expiresAt must be a date that is still to come')
  }
  return Math.ceil((expiresAt?.getTime() ?? Date.now() + (expiresIn ?? HOUR)) / 1000)
}

function limitsOf(options: SignOptions): Record<string, number> {
  const limits: Record<string, number> = {}
  for (const name of ['maxSize', 'maxUploads', 'maxBytes'] as const) {
    const value = options[name]
    if (value === undefined) continue
    if (!(Number.isSafeInteger(value) && value > 0)) throw new TypeError(`${name} must be a whole number above 0`)
    limits[CLAIM_NAMES[name]] = value
  }
  return limits
}

function checkText(name: string, value: unknown): void {
  if (value !== undefined && !isText(value)) throw new TypeError(`${name} must be a text, and not an empty one`)
}

function absolute(url: string | URL): URL {
  const text = String(url)
  const parsed = URL.canParse(text) ? new URL(text) : null
  if (parsed !== null && /^https?:$/.test(parsed.protocol)) return parsed
  throw new TypeError('url must be an absolute URL of http or https')
}
