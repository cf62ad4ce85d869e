import { X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { type Hooks, MOMENTS, type Moment } from '../core/hooks.ts'
import { targetOf } from './grpc/address.ts'
import { createClient } from './grpc/client.ts'
import { remoteHooks } from './remote.ts'

/** TLS to a hook server; texts are PEM. */
export interface GrpcTlsOptions {
  /** Certificate of the server, or of who signed it; in place of those that Node.js trusts. */
  readonly serverCertificate?: string
  /** Shown to the server (mutual TLS); needs `clientKey`. */
  readonly clientCertificate?: string
  readonly clientKey?: string
}

export interface GrpcHooksOptions {
  /**
   * Where the server listens: `host:port`, `[::1]:port`, the same behind `dns:///` or `passthrough:///`; `unix:path` or `unix-abstract:name`. Without a
   * port, 443.
   */
  readonly address: string
  /** Moments at which it is asked or told. All by default. */
  readonly moments?: readonly Moment[]
  /**
   * Attempts in all, at least 1. Another one is made if there was no connection or it broke, and if the server answers UNAVAILABLE or
   * RESOURCE_EXHAUSTED. 3 by default.
   */
  readonly attempts?: number
  /** Milliseconds between attempts. 1,000 by default. */
  readonly backoff?: number
  /** Milliseconds for all attempts together; the server is told what is left of them. None by default, as in tusd. */
  readonly timeout?: number
  /** Header fields of the client's request that the server gets as metadata of the call, in any case. What gRPC itself needs is left out. */
  readonly forwardHeaders?: readonly string[]
  /** Null, the default, for a connection in the clear. */
  readonly tls?: GrpcTlsOptions | null
}

/**
 * Hooks in a gRPC server, which is made from `hook.proto` of this package, or from that of tusd.
 *
 * There is one connection for all calls. It is opened when it is needed and again after it was lost, closed when nothing was asked for a
 * minute, and does not keep the process alive while nothing is asked. `close` ends it and the calls on it, which fail; so do later ones.
 *
 * Calls that fail throw `hook_failed`.
 * @throws TypeError that names the option
 */
export function grpcHooks(options: GrpcHooksOptions): Hooks & { close(): void } {
  const { address, moments = MOMENTS, attempts = 3, backoff = 1000, timeout = null, forwardHeaders = [] } = options
  const client = createClient({
    target: targetOf(address, secureOf(options.tls ?? null)),
    attempts: checked('attempts', attempts, 1),
    backoff: checked('backoff', backoff, 0),
    timeout: timeout === null ? null : checked('timeout', timeout, 1),
    forward: forwardable(forwardHeaders),
  })
  return { ...remoteHooks(client, moments), close: () => client.close() }
}

/** A longer time is none to a timer of Node.js. */
const MOST = 2 ** 31 - 1

function checked(name: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least && value <= MOST) return value
  throw new TypeError(`${name} must be a whole number from ${least} to ${MOST}, but is ${value}`)
}

const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
/** Fields that belong to the call itself, or to one connection (RFC 9113, section 8.2.2); `-bin` would have to be Base64. */
const RESERVED =
  /^(?:content-type|content-length|user-agent|host|te|connection|keep-alive|proxy-connection|transfer-encoding|upgrade|grpc-.*|.*-bin)$/

/** Names in lower case, without those that cannot be forwarded, which tusd does not mind either. */
function forwardable(names: readonly string[]): readonly Lowercase<string>[] {
  const lower = names.map((name) => name.toLowerCase())
  const wrong = lower.find((name) => !FIELD_NAME.test(name))
  if (wrong !== undefined) throw new TypeError(`forwardHeaders: not the name of a header: ${JSON.stringify(wrong)}`)
  return lower.filter((name): name is Lowercase<string> => !RESERVED.test(name))
}

function secureOf(tls: GrpcTlsOptions | null): SecureContext | null {
  if (tls === null) return null
  const { serverCertificate, clientCertificate, clientKey } = tls
  if ((clientCertificate === undefined) !== (clientKey === undefined)) {
    throw new TypeError('tls.clientCertificate and tls.clientKey need each other')
  }
  // Node.js takes any text here, and then trusts nobody
  if (serverCertificate !== undefined) named('tls.serverCertificate', () => new X509Certificate(serverCertificate))
  return named('tls.clientCertificate and tls.clientKey', () =>
    createSecureContext({
      // As in Go: a certificate that is named here is trusted, whoever signed it
      allowPartialTrustChain: true,
      ...(serverCertificate !== undefined && { ca: serverCertificate }),
      ...(clientCertificate !== undefined && { cert: clientCertificate }),
      ...(clientKey !== undefined && { key: clientKey }),
    }),
  )
}

function named<T>(option: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new TypeError(`${option}: cannot be read as PEM, or do not belong together`, { cause })
  }
}
