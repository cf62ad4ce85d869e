import { rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Log } from '../core/log.ts'
import type { NodeRequest, NodeResponse } from '../http/node/send.ts'
import type { Uploads } from '../uploads.ts'
import { createAdmission } from './admission.ts'
import { watchConnections } from './connections.ts'
import { type Endpoint, listen } from './listen.ts'
import type { Pages } from './pages.ts'
import { awaitPreface } from './preface.ts'
import { createSessions } from './sessions.ts'
import { readCertificate } from './tls.ts'
import type { Transport } from './transport.ts'

/** A server that listens. */
export interface Served {
  /** Where; with port 0, the port that the system chose. */
  readonly endpoint: Endpoint
  /** Connections that are open. */
  connections(): number
  /**
   * Reads the certificate anew, for connections that come from now on; null without TLS.
   * @throws Complaint if it cannot be used; then the one from before stays
   */
  readonly reload: (() => void) | null
  /**
   * Takes no more connections, lets running requests save what came and answer within `grace` milliseconds, then ends the
   * connections and the uploads. To be called once.
   */
  close(grace: number): Promise<void>
}

/**
 * Puts uploads behind a server for HTTP/1.1 and, over TLS or where it is wanted, HTTP/2. Every connection comes in through the server for
 * HTTP/1.1, which listens; what is spoken on it is known by ALPN or by its first bytes.
 * @throws Complaint if it cannot listen, or the certificate cannot be used
 */
export async function serve(uploads: Uploads, pages: Pages, transport: Transport, log: Log): Promise<Served> {
  const { tls } = transport
  const server = createListener(transport, log)
  const connections = watchConnections(server, tls === null ? 'connection' : 'secureConnection')
  const route = (request: NodeRequest, response: NodeResponse) => {
    if (!pages.answer(request, response)) void uploads.node(request, response)
  }
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    connections.began(response)
    route(request, response)
  }
  server.on('request', answer)
  // Node would say "100 Continue" before anybody has looked at the request: the door says it when it wants the body
  server.on('checkContinue', answer)
  const sessions = createSessions(route, transport, log)
  const admission = createAdmission(transport, log)
  if (tls !== null) {
    intercept(server, 'secureConnection', (socket: TLSSocket, pass) => {
      if (socket.alpnProtocol === 'h2') sessions.begin(socket)
      else pass(socket)
    })
  }
  intercept(server, 'connection', (socket: Socket, pass) => {
    if (!admission.admit(socket)) return
    if (tls !== null || !transport.h2c) pass(socket)
    else awaitPreface(socket, transport.headerTimeout, (http2) => (http2 ? sessions.begin(socket) : pass(socket)))
  })
  pages.watch(server)
  const endpoint = await listen(server, transport.endpoint)
  // After the start this is a connection that could not be accepted: no reason to end the others
  server.on('error', (error) => {
    log.error('server.accept_failed', { hint: 'if it says EMFILE, raise the limit of open files (ulimit -n)' }, error)
  })
  // Node removes a socket file when the server is closed; an exit in a hurry must do it, too
  const removeSocket = () => endpoint.kind === 'unix' && rmSync(endpoint.path, { force: true })
  process.on('exit', removeSocket)
  return {
    endpoint,
    connections: admission.count,
    reload:
      'setSecureContext' in server && tls !== null ? () => server.setSecureContext(readCertificate(tls, log)) : null,
    async close(grace) {
      process.off('exit', removeSocket)
      pages.close()
      const closed = new Promise((done) => server.close(done))
      const saved = uploads.close(grace)
      let timer: NodeJS.Timeout | undefined
      const late = new Promise((done) => {
        timer = setTimeout(done, grace)
      })
      try {
        await Promise.race([Promise.all([saved, connections.drained(), sessions.drained()]), late])
      } finally {
        clearTimeout(timer)
        // What is left are idle connections, and requests that did not end in time: they save what came once theirs has gone
        server.closeAllConnections()
        admission.cutAll()
      }
      await Promise.all([saved, closed])
    },
  }
}

/** A server for HTTP/1.1, behind TLS if there is a certificate. */
function createListener({ tls, headerTimeout, keepAliveTimeout, maxHeaderBytes }: Transport, log: Log) {
  const options: ServerOptions = {
    // An upload may take days. A body that stalls is ended by the network time-out of the uploads
    requestTimeout: 0,
    headersTimeout: headerTimeout,
    // By default Node looks every 30 seconds, so that a slow header could have as much on top
    connectionsCheckingInterval: Math.min(Math.max(headerTimeout / 4, 50), 5000),
    // Longer than load balancers keep connections: the side that asks must be the one that closes, or it sends a
    // request into a connection that is just being closed, and its user sees a 502
    keepAliveTimeout,
    // Metadata travels in a header, and so do the partial uploads of a concatenation
    maxHeaderSize: maxHeaderBytes,
  }
  if (tls === null) return createServer(options)
  const secrets = readCertificate(tls, log)
  return createSecureServer({
    ...options,
    ...secrets,
    ALPNProtocols: ['h2', 'http/1.1'],
    handshakeTimeout: headerTimeout,
  })
}

/** Stands between a server and what it does with the connections of an event: `decide` may pass a connection on to it. */
function intercept<S extends Duplex>(
  server: Server,
  event: 'connection' | 'secureConnection',
  decide: (socket: S, pass: (socket: S) => void) => void,
): void {
  const listeners = server.listeners(event)
  server.removeAllListeners(event)
  server.on(event, (socket: S) => {
    decide(socket, (passed) => {
      for (const listener of listeners) Reflect.apply(listener, server, [passed])
    })
  })
}
