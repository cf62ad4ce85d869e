import type { RequestInfo } from '../../core/hooks.ts'

/** The token that a request brings, and by which way; or what is wrong with how it does. */
export type Presented =
  | { readonly token: string; readonly byQuery: boolean }
  | { readonly wrong: 'missing' | 'malformed' | 'repeated' }

/** Name of the parameter in a query (RFC 6750, section 2.3). */
export const PARAMETER = 'access_token'

/** Field value of RFC 6750, section 2.1. */
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i

/**
 * Finds the token. Credentials of another kind are not looked at: they may be for a proxy in front. More than one token is an
 * error of the client's (RFC 6750, section 3.1), as whoever is in between may have looked at the other.
 */
export function presentedIn(request: RequestInfo, acceptQuery: boolean): Presented {
  const field = request.header('authorization')
  const bearer = field !== null && /^Bearer(?: |$)/i.test(field) ? field : null
  const parameters = acceptQuery ? parametersIn(request.uri) : []
  if (parameters.length > 1 || (parameters.length === 1 && bearer !== null)) return { wrong: 'repeated' }
  const [parameter] = parameters
  if (parameter !== undefined) return parameter === '' ? { wrong: 'malformed' } : { token: parameter, byQuery: true }
  if (bearer === null) return { wrong: 'missing' }
  const token = BEARER.exec(bearer)?.[1]
  return token === undefined ? { wrong: 'malformed' } : { token, byQuery: false }
}

function parametersIn(uri: string): readonly string[] {
  const start = uri.indexOf('?')
  return start === -1 ? [] : new URLSearchParams(uri.slice(start)).getAll(PARAMETER)
}
