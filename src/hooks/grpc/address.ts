import type { ClientSessionOptions, SecureClientSessionOptions } from 'node:http2'
import { connect, isIP } from 'node:net'
import { connect as connectTls, type SecureContext } from 'node:tls'

/** Where a hook server listens, in the words of node:http2. */
export interface Target {
  /** Origin of its URLs. */
  readonly origin: string
  readonly nodeOptions: ClientSessionOptions | SecureClientSessionOptions
}

/** What gRPC takes for a port if there is none. */
const DEFAULT_PORT = '443'

/**
 * Reads a gRPC address as tusd does: `host:port`, `host`, `:port`, `[::1]:port`, the same behind `dns:`, `dns:///` or `passthrough:///`, and
 * Unix sockets as `unix:path`, `unix:///path` or `unix-abstract:name`.
 * @param secure null for no TLS
 * @throws TypeError if it is none of these
 */
export function targetOf(address: string, secure: SecureContext | null): Target {
  const path = socketOf(address)
  const scheme = secure === null ? 'http' : 'https'
  const nodeOptions = secure === null ? {} : { secureContext: secure }
  if (path === null) return { origin: new URL(`${scheme}://${authorityOf(address)}`).origin, nodeOptions }
  // As in gRPC for Go, the peer of a Unix socket is called localhost, also in its certificate
  const createConnection = () =>
    secure === null
      ? connect({ path })
      : connectTls({ path, servername: 'localhost', ALPNProtocols: ['h2'], ...nodeOptions })
  return { origin: `${scheme}://localhost`, nodeOptions: { ...nodeOptions, createConnection } }
}

function socketOf(address: string): string | null {
  const [, kind, name] = /^(unix|unix-abstract):(?:\/\/(?=\/))?(?!\/\/)(.+)$/.exec(address) ?? []
  if (name === undefined) return null
  return kind === 'unix' ? name : `\0${name}`
}

function authorityOf(address: string): string {
  const endpoint = address.replace(/^(?:dns|passthrough):(?:\/\/\/)?/, '')
  const bare = isIP(endpoint) === 6 ? `[${endpoint}]` : endpoint
  const [, host, port = DEFAULT_PORT] = /^(\[[\da-f:.]+\]|[\w.-]*)(?::(\d{1,5}))?$/i.exec(bare) ?? []
  if (endpoint === '' || host === undefined || Number(port) > 65_535) {
    throw new TypeError(
      `address must be host:port, unix:path or another name of gRPC, but is ${JSON.stringify(address)}`,
    )
  }
  return `${host || 'localhost'}:${port}`
}
