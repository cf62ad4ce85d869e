import { createPublicKey, KeyObject } from 'node:crypto'
import { createRemoteJWKSet, type JWTVerifyGetKey } from 'jose'
import { checkWords, type JwtRightsOptions, secretBytes } from './options.ts'

/** What signatures are checked by. One kind only: a public key must never pass for a secret. */
export interface Keys {
  /** Any of them. */
  readonly keys: readonly (Uint8Array | KeyObject | JWTVerifyGetKey)[]
  /** Whether they come by the network, which may fail. */
  readonly remote: boolean
  readonly algorithms: readonly string[]
}

const HMAC = ['HS256', 'HS384', 'HS512']
const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const EDWARDS = ['EdDSA', 'Ed25519']
/** By the names that node:crypto has for the curves. */
const CURVES: Readonly<Record<string, readonly string[]>> = {
  prime256v1: ['ES256'],
  secp384r1: ['ES384'],
  secp521r1: ['ES512'],
}
const ASYMMETRIC = [...RSA, ...Object.values(CURVES).flat(), ...EDWARDS]

/** Fewest bits of an RSA key (RFC 7518, section 3.3). */
const LEAST_MODULUS = 2048

/**
 * The keys that the options name. Nothing is fetched yet.
 * @throws TypeError that names the option
 */
export function keysOf({ secret, jwksUrl, key, algorithms }: JwtRightsOptions): Keys {
  if (secret !== undefined) {
    const secrets: readonly unknown[] = isList(secret) ? secret : [secret]
    if (secrets.length === 0) throw new TypeError('secret must not be an empty list')
    const keys = secrets.map((one, at) => secretBytes(isList(secret) ? `secret[${at}]` : 'secret', one))
    return { keys, remote: false, algorithms: chosen(algorithms, HMAC, 'a secret') }
  }
  if (jwksUrl !== undefined) {
    return {
      keys: [createRemoteJWKSet(urlOf(jwksUrl))],
      remote: true,
      algorithms: chosen(algorithms, ASYMMETRIC, 'jwksUrl'),
    }
  }
  const publicKey = publicKeyOf(key)
  return { keys: [publicKey], remote: false, algorithms: chosen(algorithms, algorithmsOf(publicKey), 'this key') }
}

function chosen(wanted: unknown, possible: readonly string[], what: string): readonly string[] {
  if (wanted === undefined) return possible
  checkWords('algorithms', wanted)
  const list: readonly unknown[] = Array.isArray(wanted) ? wanted : []
  const taken = possible.filter((algorithm) => list.includes(algorithm))
  if (taken.length > 0 && list.every((algorithm) => possible.some((one) => one === algorithm))) return taken
  throw new TypeError(`algorithms must be a list of some of those that go with ${what}: ${possible.join(', ')}`)
}

function urlOf(jwksUrl: unknown): URL {
  const text = String(jwksUrl)
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && /^https?:$/.test(url.protocol)) return url
  throw new TypeError('jwksUrl must be an absolute URL of http or https')
}

function publicKeyOf(key: unknown): KeyObject {
  const wanted = 'key must be a public key, in PEM or as a KeyObject'
  if (key instanceof KeyObject && key.type === 'public') return key
  // Of a private key Node would make the public one; but it has no business here
  if (typeof key !== 'string' || /PRIVATE KEY-----/.test(key)) throw new TypeError(wanted)
  try {
    return createPublicKey(key)
  } catch (cause) {
    throw new TypeError(wanted, { cause })
  }
}

function algorithmsOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): readonly string[] {
  const { modulusLength = 0, namedCurve = '' } = asymmetricKeyDetails ?? {}
  if (asymmetricKeyType === 'ed25519') return EDWARDS
  if (asymmetricKeyType === 'ec' && Object.hasOwn(CURVES, namedCurve)) return CURVES[namedCurve] ?? []
  // Web Cryptography, by which signatures are checked, has none that are tied to PSS by their OID (id-RSASSA-PSS)
  if (asymmetricKeyType === 'rsa-pss') {
    throw new TypeError('key must not be tied to RSA-PSS: publish it as one of plain RSA, which takes PS256, too')
  }
  if (asymmetricKeyType !== 'rsa') {
    throw new TypeError('key must be of RSA, of the curves P-256, P-384 or P-521, or of Ed25519')
  }
  if (modulusLength >= LEAST_MODULUS) return RSA
  throw new TypeError(`key must have at least ${LEAST_MODULUS} bits, but has ${modulusLength}`)
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value)
}
