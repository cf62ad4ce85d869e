import type { Settings } from './flags.ts'
import type { Endpoint } from './listen.ts'
import type { TlsFiles } from './tls.ts'

/** How a server is reached, and what it bears with. Times are in milliseconds, sizes in bytes. */
export interface Transport {
  readonly endpoint: Endpoint
  /** Null for plain HTTP. */
  readonly tls: TlsFiles | null
  /** Whether clients without TLS may begin with HTTP/2. */
  readonly h2c: boolean
  /** Longest time for the header of a request, and for a TLS handshake. */
  readonly headerTimeout: number
  /** Longest time without a request on a connection. */
  readonly keepAliveTimeout: number
  readonly maxHeaderBytes: number
  /** Bytes that the bodies of HTTP/2 may wait with in memory, beside what the engine holds. */
  readonly maxBufferedBytes: number
  /** Connections at once; 0 for no limit. */
  readonly maxConnections: number
  /** Connections of one address at once; 0 for no limit. */
  readonly maxConnectionsPerAddress: number
}

/** What the command line says of it. A certificate is not read yet. */
export function transportOf(settings: Settings): Transport {
  const { host, port } = settings
  const path = settings['unix-sock']
  const [certificate, key] = [settings['tls-certificate'], settings['tls-key']]
  return {
    endpoint: path === '' ? { kind: 'tcp', host, port } : { kind: 'unix', path, mode: settings['unix-sock-perms'] },
    tls: certificate === '' && key === '' ? null : { certificate, key, mode: settings['tls-mode'] },
    h2c: settings['enable-h2c'],
    headerTimeout: settings['header-timeout'],
    keepAliveTimeout: settings['keep-alive-timeout'],
    maxHeaderBytes: settings['max-header-bytes'],
    maxBufferedBytes: settings['max-buffered-bytes'],
    maxConnections: settings['max-connections'],
    maxConnectionsPerAddress: settings['max-connections-per-address'],
  }
}
