import type { TLSSocket } from 'node:tls'
import type { Body } from '../core/body.ts'
import type { Log } from '../core/log.ts'
import type { Arrival, Handle } from './arrival.ts'
import { NodeBody, serverOf } from './node/body.ts'
import { createDirectReaders } from './node/direct.ts'
import { endAbruptly, sendInterim } from './node/interim.ts'
import { type NodeRequest, type NodeResponse, send } from './node/send.ts'

/**
 * The door for node:http, node:http2 (its compatibility API), and frameworks that hand their objects through. Resolves when the
 * answer is on its way, for those that go on afterwards; never rejects.
 */
export type NodeDoor = (request: NodeRequest, response: NodeResponse) => Promise<void>

/**
 * Nothing is copied and no web stream is made: chunks go from the socket to the sink as they are. `log` gets what cannot be
 * told to the client any more. `patience`: longest time for which a client takes nothing of an answer, in milliseconds; 0 is
 * for ever.
 */
export function createNodeDoor(handle: Handle, log: Log, patience: number): NodeDoor {
  const warnOnce = createTimeoutWarning(log)
  const readers = createDirectReaders()
  const serve = async (request: NodeRequest, response: NodeResponse): Promise<void> => {
    warnOnce(request)
    const body = new NodeBody(request, response, readers)
    const reply = await handle(new NodeArrival(request, response, body))
    body.close()
    if (reply.abrupt) {
      endAbruptly(response)
      return
    }
    await send(request, response, reply, body.rest, patience).catch((error: unknown) => {
      log.error('response.failed', { request: reply.request }, error)
      response.destroy()
    })
  }
  const inTurn = createTurns()
  return (request, response) =>
    inTurn(request, () =>
      serve(request, response).catch((error: unknown) => {
        log.error('response.failed', {}, error)
        response.destroy()
      }),
    )
}

/**
 * Node hands over a pipelined request while the one before it is at work. They are meant to happen one after the other: a HEAD
 * behind a PATCH must not take the upload from it. (HTTP/2 streams of one connection are independent.)
 */
function createTurns(): (request: NodeRequest, work: () => Promise<void>) => Promise<void> {
  const busy = new WeakMap<object, Promise<void>>()
  return ({ socket, httpVersionMajor }, work) => {
    if (httpVersionMajor > 1) return work()
    const before = busy.get(socket)
    const turn = (before === undefined ? work() : before.then(work)).then(() => {
      if (busy.get(socket) === turn) busy.delete(socket)
    })
    busy.set(socket, turn)
    return turn
  }
}

class NodeArrival implements Arrival {
  readonly #request: NodeRequest
  readonly #response: NodeResponse
  readonly body: Body
  #gone: AbortController | null = null

  constructor(request: NodeRequest, response: NodeResponse, body: Body) {
    this.#request = request
    this.#response = response
    this.body = body
  }

  get method(): string {
    return this.#request.method ?? ''
  }

  /** A router that strips its mount path from `url` keeps the whole in `originalUrl`. */
  get uri(): string {
    const request: NodeRequest & { readonly originalUrl?: unknown } = this.#request
    return typeof request.originalUrl === 'string' ? request.originalUrl : (request.url ?? '/')
  }

  get secure(): boolean {
    const socket: NodeRequest['socket'] & Partial<Pick<TLSSocket, 'encrypted'>> = this.#request.socket
    return socket.encrypted === true
  }

  get remoteAddress(): string | null {
    return this.#request.socket.remoteAddress ?? null
  }

  get remotePort(): number | null {
    return this.#request.socket.remotePort ?? null
  }

  /** An open socket of TCP knows at least its own address, even when the client has just reset it. */
  get unixSocket(): boolean {
    const { socket } = this.#request
    return !socket.destroyed && socket.localAddress === undefined && socket.remoteAddress === undefined
  }

  header(name: Lowercase<string>): string | null {
    const { headers } = this.#request
    // HTTP/2 names the host in a field of its own, and that one counts (RFC 9113, section 8.3.1).
    const value = (name === 'host' ? headers[':authority'] : undefined) ?? headers[name]
    return Array.isArray(value) ? value.join(', ') : (value ?? null)
  }

  headers(): Readonly<Record<string, string>> {
    const fields: [string, string][] = []
    for (const [name, value] of Object.entries(this.#request.headers)) {
      // Fields that HTTP/2 made of the first line of a request are none of HTTP/1.1.
      if (value !== undefined && !name.startsWith(':'))
        fields.push([name, Array.isArray(value) ? value.join(', ') : value])
    }
    const host = this.header('host')
    if (host !== null) fields.push(['host', host])
    // fromEntries defines properties, so that `__proto__` is a name like any other.
    return Object.fromEntries(fields)
  }

  interim(status: number, headers: Readonly<Record<string, string>>): void {
    sendInterim(this.#response, status, headers)
  }

  /** Made only when somebody waits for something: most requests are answered before they could be given up. */
  get signal(): AbortSignal {
    if (this.#gone === null) {
      const gone = new AbortController()
      this.#gone = gone
      const response = this.#response
      if (response.closed) gone.abort()
      // In HTTP/2 a response counts as finished once its stream is reset
      else if ('stream' in response) response.stream.once('aborted', () => gone.abort())
      else response.once('close', () => !response.writableFinished && gone.abort())
    }
    return this.#gone.signal
  }
}

/** Node ends every request after five minutes unless told otherwise; said once, as it looks like a bad network. */
function createTimeoutWarning(log: Log): (request: NodeRequest) => void {
  let checked = false
  return (request) => {
    if (checked) return
    checked = true
    const timeout = serverOf(request)?.requestTimeout ?? 0
    if (timeout === 0) return
    const hint = 'set requestTimeout of your http.Server to 0, or it will cut every upload that takes longer'
    log.warn('server.request_timeout', { milliseconds: timeout, hint })
  }
}
