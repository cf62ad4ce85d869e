import { isUploadId, type UploadId } from '../core/upload.ts'
import type { Target } from '../protocols/exchange.ts'
import { isAuthority, isFolder, type Outside, pathOf } from './outside.ts'

export interface LocationOptions {
  /**
   * Path of the URL under which uploads are created and found, percent-encoded where a URL needs it. Slashes at its ends
   * may be left out. With scheme and host in front of it, that is the URL of uploads whatever a request says.
   * Default: `/files/`.
   */
  readonly basePath?: string
  /** Names uploads by their path alone, which clients resolve by themselves. Default: false. */
  readonly relativeLocation?: boolean
}

/** The two ways between URLs and ids. Never throws, whatever a client writes. */
export interface Location {
  /** The base path as it is matched: with a slash at both ends. */
  readonly basePath: string
  /** What a request target (RFC 9112, section 3.2) names. Outside the base path: `unknown`. */
  target(uri: string): Target
  /**
   * The URL of an upload as the client should see it: absolute if the request names a host and nothing else is wanted,
   * otherwise a path, which a client resolves by itself (RFC 9110, section 10.2.2).
   */
  urlOf(outside: Outside, id: UploadId): string
  /**
   * The id behind a URL that the client of this request names: absolute or relative to the URL of the request (RFC 3986,
   * section 5). Null if it is not the URL of an upload here. Nothing is fetched.
   */
  idOf(outside: Outside, url: string): UploadId | null
}

const BASE: Target = { kind: 'base' }
const UNKNOWN: Target = { kind: 'unknown' }

/** A URL with its authority, and a network-path reference (RFC 3986, section 4.2). */
const WITH_AUTHORITY = /^(?:https?:)?\/\/([^/]*)(.*)$/i

/** @throws TypeError if the base path is not a plain path or URL, or if it has a host and Location shall have none. */
export function createLocation(options: LocationOptions = {}): Location {
  const { basePath = '/files/', relativeLocation = false } = options
  const { origin, path: base } = parseBase(basePath)
  if (origin !== '' && relativeLocation) throw new TypeError('relativeLocation needs a base path without a host')
  const bare = base.slice(0, -1)
  const own = origin.replace(/^https?:\/\//, '')

  /** `path` is raw: nothing in it has been decoded, and dots stand as they came, so that `..` cannot climb. */
  function find(path: string): Target {
    if (path === base || path === bare) return BASE
    if (!path.startsWith(base)) return UNKNOWN
    const id = decode(path.slice(base.length))
    return isUploadId(id) ? { kind: 'upload', id } : UNKNOWN
  }

  return {
    basePath: base,
    target: (uri) => find(pathOf(uri)),
    urlOf({ secure, authority, prefix }, id) {
      if (origin !== '') return origin + base + id
      if (authority === null || relativeLocation) return prefix + base + id
      return `${secure ? 'https' : 'http'}://${authority}${prefix}${base}${id}`
    },
    idOf(outside, url) {
      // A URL that carries its rights in a query names the same upload.
      const path = resolve(outside, own, pathOnly(url))
      const target = path === null ? UNKNOWN : find(path)
      return target.kind === 'upload' ? target.id : null
    },
  }
}

/** The two parts of a base path; `origin` is empty if it is only a path. */
function parseBase(text: string): { readonly origin: string; readonly path: string } {
  const [, scheme = '', host = '', rest = ''] = /^(https?:\/\/)([^/]*)(.*)$/is.exec(text) ?? ['', '', '', text]
  const opened = rest.startsWith('/') ? rest : `/${rest}`
  const path = opened.endsWith('/') ? opened : `${opened}/`
  if (isFolder(path) && (scheme === '' || isAuthority(host))) return { origin: scheme.toLowerCase() + host, path }
  throw new TypeError(
    `basePath must be the path of a URL, such as '/files/', or a URL with one, without query, '//' or '..': ${JSON.stringify(text)}`,
  )
}

/** Decodes once. What is malformed or encoded twice has a `%` afterwards, which no id has. */
function decode(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function pathOnly(url: string): string {
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}

/** The raw path that `url` means for this client, as it would come here; null if it leads elsewhere. */
function resolve(outside: Outside, own: string, url: string): string | null {
  const far = WITH_AUTHORITY.exec(url)
  if (far !== null) {
    const [, host = '', path = ''] = far
    // Who has a URL of its own is not behind the prefix of whoever asks.
    if (sameHost(host, own)) return path
    return sameHost(host, outside.authority ?? '') ? inside(outside, path) : null
  }
  if (url.startsWith('/')) return inside(outside, url)
  const colon = url.indexOf(':')
  // A colon in the first segment ends a scheme, and it is none of ours.
  if (colon !== -1 && !url.slice(0, colon).includes('/')) return null
  const path = outside.prefix + pathOf(outside.uri)
  return inside(outside, path.slice(0, path.lastIndexOf('/') + 1) + url.replace(/^(?:\.\/)+/, ''))
}

/** A path of the client's as a proxy passes it on: without the prefix. Null if it is not behind the prefix. */
function inside({ prefix }: Outside, path: string): string | null {
  if (prefix === '') return path
  return path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : null
}

/**
 * Compares without the scheme: behind a proxy that ends TLS, the client's URLs say https where we see http. So the default
 * ports of both schemes count as none.
 */
function sameHost(host: string, own: string): boolean {
  return host !== '' && plain(host) === plain(own)
}

function plain(host: string): string {
  return host.toLowerCase().replace(/:(?:80|443)?$/, '')
}
