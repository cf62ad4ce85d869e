import { isIP, isIPv4, isIPv6 } from 'node:net'

/** What one proxy says of the request that it got (RFC 7239, section 4): parameters by their lower-case names. */
export type Hop = ReadonlyMap<string, string>

/**
 * `name=value`, with space around it. A value is a token or a quoted string; that proxies write hosts and IPv6 addresses
 * without the quotes that their colons and brackets need is common, and cannot be mistaken for anything else.
 */
const PAIR =
  /[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:([!#$%&'*+.^_`|~0-9A-Za-z:[\]-]+)|"((?:[^"\\]|\\[\t -~])*)")[ \t]*(?=[,;]|$)/y

/**
 * The elements of a Forwarded field, outermost proxy first. Null if it is malformed anywhere: an open quote of a client could
 * swallow what a proxy added behind it.
 */
export function parseForwarded(text: string): readonly Hop[] | null {
  const hops: Hop[] = []
  let hop = new Map<string, string>()
  let at = 0
  const close = (): void => {
    if (hop.size > 0) hops.push(hop)
    hop = new Map()
  }
  while (at < text.length) {
    const char = text[at] ?? ''
    if (char === ',') close()
    if (/[,; \t]/.test(char)) {
      at++
      continue
    }
    PAIR.lastIndex = at
    const [whole, name = '', token, quoted = ''] = PAIR.exec(text) ?? []
    // Each parameter once in an element (section 4)
    if (whole === undefined || hop.has(name.toLowerCase())) return null
    hop.set(name.toLowerCase(), token ?? quoted.replace(/\\(.)/g, '$1'))
    at += whole.length
  }
  close()
  return hops
}

/** The values of a list such as X-Forwarded-For, outermost first; none if the field is absent. */
export function parseList(text: string | null): readonly string[] {
  return text === null ? [] : text.split(',').map((part) => part.trim())
}

/**
 * The address of a node (RFC 7239, section 6), or of an entry of X-Forwarded-For: with or without port, IPv6 with or without
 * brackets. Null for `unknown`, for names that hide an address (`_x`), and for what is none.
 */
export function addressOf(node: string): string | null {
  if (node.includes('%')) return null
  if (isIP(node) !== 0) return node
  const bracketed = /^\[([^\]]+)\](?::[\w.-]+)?$/.exec(node)?.[1]
  if (bracketed !== undefined) return isIPv6(bracketed) ? bracketed : null
  const before = /^([\d.]+):[\w.-]+$/.exec(node)?.[1]
  return before !== undefined && isIPv4(before) ? before : null
}
