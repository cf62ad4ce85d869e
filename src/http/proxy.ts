import type { Log } from '../core/log.ts'
import type { Arrival } from './arrival.ts'
import { isAuthority, isFolder, type Outside, outsideOf } from './outside.ts'
import { addressOf, type Hop, parseForwarded, parseList } from './proxy/forwarded.ts'
import { createTrust, type Trust } from './proxy/trust.ts'

export interface ProxyOptions {
  /**
   * Whose word is taken for scheme, host, port, prefix and client of a request (Forwarded, X-Forwarded-*): that of addresses,
   * of networks (`10.0.0.0/8`), of `loopback`, `private` or `any`. `true` is loopback and private. A Unix socket counts as
   * loopback. Default: false, nobody's.
   */
  readonly trustProxy?: boolean | readonly string[]
}

/** Looks at requests from the side of their clients. */
export interface Proxies {
  outside(arrival: ProxiedArrival): Outside
}

type ProxiedArrival = Pick<Arrival, 'uri' | 'secure' | 'remoteAddress' | 'unixSocket' | 'header'>

/** What proxies say, before it is checked. */
interface Claims {
  /** How many proxies, counted from here, may be believed; the last of them got the request from the client. */
  readonly trusted: number
  readonly remoteAddress: string | null
  readonly proto: string | undefined
  readonly host: string | undefined
  readonly port: string | undefined
}

/** What Forwarded says in one field, these say in four. */
const FAMILY = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port'] as const
const FIELDS = [...FAMILY, 'x-forwarded-prefix', 'forwarded'] as const

/** Longest prefix that is taken. */
const LONGEST_PREFIX = 512

/** @throws TypeError if the option names what cannot be trusted. */
export function createProxies({ trustProxy = false }: ProxyOptions, log: Log): Proxies {
  const trust = parseTrust(trustProxy)
  if (trust === null) return { outside: outsideOf }
  let warned = false
  return {
    outside(arrival) {
      const here = outsideOf(arrival)
      if (!isForwarded(arrival)) return here
      if (isTrusted(trust, arrival)) return beyond(here, arrival, trust)
      if (!warned) log.warn('proxy.not_trusted', { address: here.remoteAddress, hint: hintFor(here) })
      warned = true
      return here
    },
  }
}

function parseTrust(option: boolean | readonly string[]): Trust | null {
  if (option === false) return null
  const names = option === true ? ['loopback', 'private'] : option
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string') || names.length === 0) {
    throw new TypeError('trustProxy must be true, false, or a list of addresses and networks with at least one of them')
  }
  return createTrust(names)
}

function isForwarded(arrival: ProxiedArrival): boolean {
  return FIELDS.some((name) => arrival.header(name) !== null)
}

function isTrusted(trust: Trust, { remoteAddress, unixSocket }: ProxiedArrival): boolean {
  if (remoteAddress !== null) return trust.address(remoteAddress)
  // Who has no address need not be on a Unix socket: it may be a client that was quick to reset its connection.
  return unixSocket === true ? trust.unixSocket() : trust.unknown()
}

function hintFor({ remoteAddress }: Outside): string {
  if (remoteAddress === null)
    return 'forwarding headers of a peer without address are ignored: tell the fetch door its remoteAddress'
  return 'its Forwarded and X-Forwarded headers are ignored: if it is your proxy, add it to the trusted ones'
}

function beyond(here: Outside, arrival: ProxiedArrival, trust: Trust): Outside {
  const claims = claimsOf(here, arrival, trust)
  const proto = claims.proto?.toLowerCase()
  const secure = proto === 'http' || proto === 'https' ? proto === 'https' : here.secure
  const told = claims.host ?? null
  return {
    uri: here.uri,
    secure,
    remoteAddress: claims.remoteAddress,
    authority: authorityOf(isAuthority(told) ? told : here.authority, claims.port, secure),
    prefix: prefixOf(parseList(arrival.header('x-forwarded-prefix')).slice(-claims.trusted)),
  }
}

/**
 * A proxy keeps one family of fields and lets the other through as the client wrote it. Most keep X-Forwarded-*, so Forwarded
 * counts only where none of these is.
 */
function claimsOf(here: Outside, arrival: ProxiedArrival, trust: Trust): Claims {
  const older = FAMILY.some((name) => arrival.header(name) !== null)
  if (!older) return claimsOfHops(here, parseForwarded(arrival.header('forwarded') ?? '') ?? [], trust)
  const walked = walk(here, parseList(arrival.header('x-forwarded-for')), trust)
  const outermost = (name: (typeof FAMILY)[number]): string | undefined => {
    const list = parseList(arrival.header(name))
    // Who does not append replaces: then the only value is what the proxy nearest to us says.
    return list[Math.max(0, list.length - walked.trusted)]
  }
  return {
    ...walked,
    proto: outermost('x-forwarded-proto'),
    host: outermost('x-forwarded-host'),
    port: outermost('x-forwarded-port'),
  }
}

function claimsOfHops(here: Outside, hops: readonly Hop[], trust: Trust): Claims {
  const walked = walk(
    here,
    hops.map((hop) => hop.get('for') ?? ''),
    trust,
  )
  const believed = hops.slice(-walked.trusted)
  const outermost = (name: string): string | undefined => believed.find((hop) => hop.has(name))?.get(name)
  return { ...walked, proto: outermost('proto'), host: outermost('host'), port: undefined }
}

/**
 * Goes from proxy to proxy, from here outwards, as long as each may be believed. The first address that may not is the client;
 * what stands further out is hearsay. An address that is missing or hidden ends the way, too.
 */
function walk(here: Outside, addresses: readonly string[], trust: Trust): Pick<Claims, 'trusted' | 'remoteAddress'> {
  let remoteAddress = here.remoteAddress
  let trusted = 1
  for (const node of addresses.toReversed()) {
    const address = addressOf(node)
    if (address === null) break
    remoteAddress = address
    if (!trust.address(address)) break
    trusted++
  }
  return { trusted, remoteAddress }
}

/** A port in the host is what the client wrote; the one beside it may be that of some listener on the way. */
function authorityOf(host: string | null, port: string | undefined, secure: boolean): string | null {
  if (host === null) return null
  const named = /:\d+$/.exec(host)?.[0] ?? (port === undefined ? '' : `:${port}`)
  const name = host.replace(/:\d+$/, '')
  // The default port of the other scheme says that a proxy ends TLS, not that the client named it.
  const kept = named === (secure ? ':443' : ':80') || (/^:(?:80|443)$/.test(named) && name === host) ? '' : named
  return /^(?::\d{1,5})?$/.test(kept) && Number(kept.slice(1)) <= 65_535 ? `${name}${kept}` : name
}

/** The prefixes that proxies took away, the outermost first: what stands before the path that came here. */
function prefixOf(prefixes: readonly string[]): string {
  const parts = prefixes.map((prefix) => prefix.replace(/\/$/, '')).filter((prefix) => prefix !== '')
  const prefix = parts.join('')
  return prefix !== '' && prefix.length <= LONGEST_PREFIX && parts.every((part) => isFolder(`${part}/`)) ? prefix : ''
}
