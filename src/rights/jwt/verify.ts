import { errors, type JWTVerifyOptions, jwtVerify } from 'jose'
import { UploadError } from '../../core/errors.ts'
import type { Keys } from './keys.ts'
import type { Claims, JwtRightsOptions } from './options.ts'

/** What a token says, or why it does not count: short, and nothing that its bearer could not see himself. */
export type Verified = { readonly claims: Claims } | { readonly wrong: string }

type Checks = JWTVerifyOptions & { readonly algorithms: string[] }

/** What is wrong with a token, by the codes of the library. */
const REASONS: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: 'the token has expired',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'the signature is not valid',
  ERR_JWKS_NO_MATCHING_KEY: 'the key is not known',
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: 'the token does not say which key it is signed with',
  ERR_JOSE_ALG_NOT_ALLOWED: 'the algorithm is not accepted',
  ERR_JWT_INVALID: 'the token is malformed',
  ERR_JWS_INVALID: 'the token is malformed',
  ERR_JOSE_NOT_SUPPORTED: 'the token is of a kind that is not supported',
}

/** By the claims that are checked; of others only the name is told. */
const CLAIM_REASONS: Readonly<Record<string, string>> = {
  nbf: 'the token is not valid yet',
  iss: 'the token is from another issuer',
  aud: 'the token is for another audience',
}

/**
 * Checks the signature, and then the claims of RFC 7519. The function throws `hook_failed` with status 503 if the keys cannot be had.
 */
export function createVerifier(
  { keys, remote, algorithms }: Keys,
  { issuer, audience, clockTolerance = 0 }: JwtRightsOptions,
): (token: string) => Promise<Verified> {
  const checks: Checks = {
    algorithms: [...algorithms],
    clockTolerance,
    ...(issuer !== undefined && { issuer: [issuer].flat() }),
    ...(audience !== undefined && { audience: [audience].flat() }),
  }
  return async (token) => {
    let wrong = ''
    for (const key of keys) {
      try {
        // Two calls, as the library has two signatures
        const { payload } =
          typeof key === 'function' ? await jwtVerify(token, key, checks) : await jwtVerify(token, key, checks)
        return { claims: payload }
      } catch (error) {
        const reason = reasonOf(error)
        if (reason === null) throw remote ? unreachable(error) : error
        wrong = reason
        // Another key only helps if this one was not the one
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) break
      }
    }
    return { wrong }
  }
}

/** Null if it is not for the token to answer for. */
function reasonOf(error: unknown): string | null {
  if (!(error instanceof errors.JOSEError)) return null
  if (error instanceof errors.JWTClaimValidationFailed) {
    return CLAIM_REASONS[error.claim] ?? `the claim ${error.claim} is not valid`
  }
  return REASONS[error.code] ?? null
}

function unreachable(cause: unknown): UploadError {
  const reason = cause instanceof Error ? reasonChain(cause) : String(cause)
  const hint = `the keys of the issuer cannot be fetched: ${reason}; see whether jwksUrl answers from here`
  return new UploadError('hook_failed', { status: 503, message: 'credentials cannot be checked', hint }, { cause })
}

/** Fetch says only that it failed; why, says its cause. */
function reasonChain({ message, cause }: Error): string {
  return cause instanceof Error ? `${message}: ${cause.message}` : message
}
