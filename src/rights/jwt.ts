import type { RequestInfo } from '../core/hooks.ts'
import type { Authorize, Grant, Operation, Verdict } from '../core/rights.ts'
import type { NewUpload, Upload } from '../core/upload.ts'
import { includes, isFor, type Meaning, meaningOf } from './jwt/claims.ts'
import { keysOf } from './jwt/keys.ts'
import { CLAIM_NAMES, type Claims, checkOptions, type JwtRightsOptions } from './jwt/options.ts'
import { PARAMETER, presentedIn } from './jwt/presented.ts'
import { invalidToken, MISSING, REPEATED } from './jwt/rejections.ts'
import { createVerifier } from './jwt/verify.ts'

export type { ClaimNames, Claims, JwtRightsOptions } from './jwt/options.ts'
export { type SignOptions, signUploadUrl } from './jwt/sign.ts'

/** A token that was verified in a request. */
interface Bearer {
  readonly claims: Claims
  readonly meaning: Meaning
  /** What the URL of an upload needs for it; null if the token did not come by the URL. */
  readonly urlQuery: string | null
}

/**
 * Rights by bearer tokens (RFC 6750) that are JSON Web Tokens, for `createUploads({ authorize: jwtRights({ ... }) })`: an upload belongs
 * to whom the token of its creation names, and only tokens that name the same reach it. Without a token, or with one that does not
 * count, the answer is 401 and says why; if the keys of the issuer cannot be had, 503.
 *
 * A token is verified once in a request: one that expires while bytes are running does not cost the upload. What it allows,
 * and whether it was revoked, is asked again before completion.
 * @throws TypeError that names the option that is wrong
 */
export function jwtRights(options: JwtRightsOptions): Authorize {
  checkOptions(options)
  const { acceptQuery = false, revoked } = options
  const names = { ...CLAIM_NAMES, ...options.claims }
  const verify = createVerifier(keysOf(options), options)
  const verified = new WeakMap<RequestInfo, Bearer>()

  /** Who asks; or what he is refused with. */
  async function bearerOf(request: RequestInfo): Promise<Bearer | Verdict> {
    const known = verified.get(request)
    if (known !== undefined) return known
    const presented = presentedIn(request, acceptQuery)
    if ('wrong' in presented) {
      if (presented.wrong === 'malformed') return invalidToken('the token is malformed')
      return presented.wrong === 'missing' ? MISSING : REPEATED
    }
    const result = await verify(presented.token)
    if ('wrong' in result) return invalidToken(result.wrong)
    const meaning = meaningOf(result.claims, names)
    if ('wrong' in meaning) return invalidToken(`the claim ${meaning.wrong} is not valid`)
    const urlQuery = presented.byQuery ? `${PARAMETER}=${encodeURIComponent(presented.token)}` : null
    const bearer = { claims: result.claims, meaning, urlQuery }
    verified.set(request, bearer)
    return bearer
  }

  return async (operation, upload, request) => {
    const bearer = await bearerOf(request)
    if (!isBearer(bearer)) return bearer
    if ((await revoked?.(bearer.claims)) === true) return invalidToken('the token was revoked')
    return judge(bearer, operation, upload)
  }
}

function judge({ meaning, urlQuery }: Bearer, operation: Operation, upload: NewUpload | Upload): Verdict {
  const { owner, maxSize, quota, admin } = meaning
  const grant: Grant = {
    owner,
    ...(maxSize !== null && { maxSize }),
    ...(quota !== null && { quota }),
    ...(urlQuery !== null && { urlQuery }),
  }
  if (admin) return grant
  if (owner === null) return operation === 'create' ? { reject: true, reply: { status: 403 } } : false
  if (!includes(meaning, operation)) return false
  // A token for one upload begins no others
  if (operation === 'create') return meaning.upload === null ? grant : false
  return upload.owner === owner && isFor(meaning, upload.id) ? grant : false
}

function isBearer(value: Bearer | Verdict): value is Bearer {
  return typeof value === 'object' && value !== null && 'meaning' in value
}
