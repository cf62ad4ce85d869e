import { type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'

/** How long a connection that was refused may go on sending before it is cut, in milliseconds. */
const LINGER = 1000

/** What is under way on each connection of a server: needed to end it in order, and to refuse what is not HTTP. */
export interface Connections {
  /** Notes a request by its response, until that is sent or the connection has gone. */
  began(response: ServerResponse): void
  /** Resolves once no request is under way. From now on every answer asks its client to close the connection. */
  drained(): Promise<void>
}

/**
 * Watches the connections of `server`, which `event` brings, and answers on them what its parser refuses. A connection without TLS
 * where it should be is cut: nothing that we say could be read.
 */
export function watchConnections(server: Server, event: 'connection' | 'secureConnection'): Connections {
  // By connection: a response that waits for its turn in a pipeline is never closed if the connection goes before
  const open = new Map<Duplex, Set<ServerResponse>>()
  let draining: (() => void) | null = null
  const settle = () => {
    if (draining !== null && [...open.values()].every((responses) => responses.size === 0)) draining()
  }
  server.on(event, (socket: Duplex) => {
    open.set(socket, new Set())
    socket.once('close', () => {
      open.delete(socket)
      settle()
    })
  })
  const refused = new WeakSet<Duplex>()
  server.on('clientError', (error: Error & { readonly code?: string }, socket: Duplex) => {
    // Once is enough: what still comes is dropped until the client closes or the linger ends
    if (refused.has(socket)) return
    refused.add(socket)
    const underway = open.get(socket)
    if (underway === undefined) socket.destroy()
    else refuse(error.code ?? '', socket, [...underway])
  })
  // A tunnel is nothing that we make. Node would cut the connection, and with it the answers to what was asked before
  server.on('connect', (_request, socket: Duplex) => {
    // Parser and Node are out of it, so an error and what still comes are ours to take
    socket.on('error', () => socket.destroy()).resume()
    refuse('', socket, [...(open.get(socket) ?? [])])
  })
  return {
    began(response) {
      // Node cuts a connection on which it has read this method, and with it the answers to what was asked before. Methods are
      // case-sensitive, so this is another that nobody knows
      if (response.req.method === 'PRI') response.req.method = 'pri'
      const responses = open.get(response.req.socket)
      responses?.add(response)
      if (draining !== null) response.shouldKeepAlive = false
      response.once('close', () => {
        responses?.delete(response)
        settle()
      })
    },
    drained() {
      for (const response of [...open.values()].flatMap((responses) => [...responses])) response.shouldKeepAlive = false
      return new Promise((done) => {
        draining = done
        settle()
      })
    },
  }
}

/** Answers what could not be parsed (RFC 9112, section 2.2: 400 and close), after what was asked before it on the connection. */
function refuse(code: string, socket: Duplex, underway: readonly ServerResponse[]): void {
  if (code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const broken = underway.find((response) => !response.req.complete)
  const before = broken === undefined ? underway.at(-1) : underway[underway.indexOf(broken) - 1]
  // With a request at work there is no lingering: it keeps what came once the connection has gone
  const answer = () => {
    // The request whose body broke off has begun its answer already: a second one would be read as part of it
    if (broken?.headersSent === true) socket.destroy()
    else say(socket, code, broken === undefined ? LINGER : 0)
  }
  // Garbage behind sound requests: they get their answers first
  if (before === undefined) answer()
  else before.once('close', answer)
}

function say(socket: Duplex, code: string, linger: number): void {
  if (!socket.writable) return void socket.destroy()
  const statuses: Readonly<Record<string, number>> = {
    HPE_HEADER_OVERFLOW: 431,
    ERR_HTTP_REQUEST_TIMEOUT: 408,
    HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  }
  const status = statuses[code] ?? 400
  // Closed at once with bytes of the client unread, the connection is reset, and the answer may be lost on the way
  const cut = setTimeout(() => socket.destroy(), linger)
  socket.once('close', () => clearTimeout(cut))
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
