import type { Rejection } from '../../core/hooks.ts'

const CHALLENGE = 'Bearer realm="tusker"'

/** No token came. No more is said (RFC 6750, section 3.1): the client may not know that one is needed. */
export const MISSING: Rejection = challenge(401, CHALLENGE)

/** More than one came. */
export const REPEATED: Rejection = explained(400, 'invalid_request', 'more than one token was sent')

/** A token that does not count, and why. */
export function invalidToken(reason: string): Rejection {
  return explained(401, 'invalid_token', reason)
}

function explained(status: number, error: string, description: string): Rejection {
  return challenge(status, `${CHALLENGE}, error="${error}", error_description="${printable(description)}"`)
}

function challenge(status: number, value: string): Rejection {
  return { reject: true, reply: { status, headers: { 'WWW-Authenticate': value } } }
}

/** What may stand in error_description (RFC 6750, section 3): names of claims are the operator's, and may hold anything. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]|["\\]/g, '?')
}
