import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type Call, callOf } from './fault-call.ts'
import { answerError, discard, type Exchanged, forward, forwardLate, upstreamAgent } from './fault-forward.ts'
import type { Fault } from './faults.ts'

export type { Call } from './fault-call.ts'

/** Decides what becomes of a call; null if it shall be as it should. Asked when the call's header has come. */
export type Rule = (call: Call) => Fault | null

/** Stands before an S3 service and does to calls what it is told. */
export interface FaultProxy {
  /** For the client, in path style: `http://127.0.0.1:port`. */
  readonly endpoint: string
  /** Adds a rule; the first one that has a fault for a call decides. Returns what takes the rule away. */
  rule(rule: Rule): () => void
  /** All calls since the start or `forget`, in the order in which they came. */
  calls(): readonly Call[]
  forget(): void
  /** Nothing is on its way: neither for a client, nor late for the service. */
  idle(): boolean
  /** Ends it for good: clients are cut, and what was to be late never happens. */
  close(): Promise<void>
}

/**
 * Starts a proxy in front of `target` (`http://host:port`). It signs nothing: the client signs for the proxy's own address,
 * and the Host header goes through as it came, which is what a signature covers. Bodies stream through, but for late calls.
 */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const upstream = { target: new URL(target), agent: upstreamAgent() }
  const rules = new Set<Rule>()
  const sockets = new Set<Socket>()
  const going = new Set<Call>()
  let calls: Call[] = []
  let count = 0

  function take(request: IncomingMessage, response: ServerResponse, expects: boolean): void {
    const call = callOf(request, ++count)
    const fault = faultFor(rules, call.call)
    call.begin(fault)
    calls.push(call.call)
    going.add(call.call)
    void call.call.ended.then(() => going.delete(call.call))
    const { socket } = request
    perform({ request, response, socket, expects, call, upstream }, fault).catch(() => {
      socket.destroy()
      call.end(null)
    })
  }

  const server = createServer({ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 })
  server.on('request', (request, response) => take(request, response, false))
  server.on('checkContinue', (request, response) => take(request, response, true))
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // Who resets a connection gets an error for it; that is what this is for.
    socket.on('error', () => undefined)
  })
  server.on('clientError', (_, socket) => socket.destroy())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${portOf(server.address())}`,
    rule(rule) {
      rules.add(rule)
      return () => rules.delete(rule)
    },
    calls: () => calls,
    forget: () => {
      calls = []
    },
    idle: () => going.size === 0,
    async close() {
      for (const socket of sockets) socket.destroy()
      upstream.agent.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function faultFor(rules: ReadonlySet<Rule>, call: Call): Fault | null {
  for (const rule of rules) {
    const fault = rule(call)
    if (fault !== null) return fault
  }
  return null
}

async function perform(exchanged: Exchanged, fault: Fault | null): Promise<void> {
  if (fault === null) return await forward(exchanged, { do: 'forward' })
  if (fault.do === 'drop') return await discard(exchanged)
  if (fault.do === 'answer') return await answerError(exchanged, fault)
  if (fault.do === 'reset') {
    if (fault.after > 0) return await forward(exchanged, { do: 'forward' }, fault.after)
    exchanged.socket.resetAndDestroy()
    return exchanged.call.end(null)
  }
  return await (fault.late ? forwardLate(exchanged, fault) : forward(exchanged, fault))
}

function portOf(address: string | AddressInfo | null): number {
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  return address.port
}
