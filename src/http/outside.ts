import type { Arrival } from './arrival.ts'

/** A request as its client made it: what the addresses in an answer depend on, and who the client is. */
export interface Outside {
  /** Request target as it came here. */
  readonly uri: string
  /** Whether the client spoke TLS. */
  readonly secure: boolean
  /** Host, and port if the client named one; null if it is unknown or nothing that may be repeated. */
  readonly authority: string | null
  /** What a proxy took away in front of `uri`: empty, or like `/api`. */
  readonly prefix: string
  readonly remoteAddress: string | null
}

/** Scheme and authority in front of an absolute request target. */
const ABSOLUTE = /^https?:\/\/([^/?#]*)/i
/** A name, an IPv4 address or a bracketed IPv6 address, and a port: what may be copied into a Location. */
const AUTHORITY = /^(?:[A-Za-z0-9][A-Za-z0-9._-]{0,254}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/
/** Segments of RFC 3986, section 3.3, each with a slash behind it. */
const FOLDER = /^\/(?:(?:[A-Za-z0-9_~!$&'()*+,;=:@.-]|%[0-9A-Fa-f]{2})+\/)*$/
/** URL parsers remove these, encoded or not, so no client would ever ask for them. */
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}\//i

/** Takes the request as it is: no proxy is believed. */
export function outsideOf(arrival: Pick<Arrival, 'uri' | 'secure' | 'remoteAddress' | 'header'>): Outside {
  const { uri, secure, remoteAddress } = arrival
  // RFC 9112, section 3.2.2: the authority of an absolute target wins over the Host field.
  const named = uri.startsWith('/') ? null : ABSOLUTE.exec(uri)
  const authority = named?.[1] ?? arrival.header('host')
  return { uri, secure, remoteAddress, prefix: '', authority: isAuthority(authority) ? authority : null }
}

/** Whether it is a host, perhaps with a port, and nothing else: no user, no path, nothing that would break a header. */
export function isAuthority(text: string | null): text is string {
  return text !== null && AUTHORITY.test(text)
}

/** Whether it is the path of a URL that begins and ends with a slash, without empty and dot segments. */
export function isFolder(path: string): boolean {
  return FOLDER.test(path) && !DOT_SEGMENT.test(path)
}

/** Path of a request target, whichever form it has. `*` stays what it is, and matches no base path. */
export function pathOf(uri: string): string {
  const start = uri.startsWith('/') ? 0 : (ABSOLUTE.exec(uri)?.[0].length ?? 0)
  const query = uri.indexOf('?', start)
  return query === -1 ? uri.slice(start) : uri.slice(start, query)
}
