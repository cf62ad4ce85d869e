import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { seededNumbers } from './bytes.ts'

/**
 * How a connection is lost. `reset`: both ends at once. `close`: both ends, politely. `vanish`: for the client only; to the
 * server it looks like a client that stalls (a phone that changed networks). `answer`: what the client sends arrives, the
 * answer to it does not.
 */
export type Manner = 'reset' | 'close' | 'vanish' | 'answer'

/** One loss: the connection that carries that many more bytes from the client is lost. */
export interface Loss {
  readonly after: number
  readonly manner: Manner
}

/** A line between client and server that can be held and cut: TCP, so that both see what a real network shows them. */
export interface Wire {
  /** Where uploads are created, through this line. */
  readonly url: string
  /** Lets `bytes` more bytes through to the server, then holds. Resolves when it holds. */
  holdAfter(bytes: number): Promise<void>
  /** Ends a hold: what was held goes on. */
  release(): void
  /** Ends a hold, and all connections with it: what was held is lost. For clients that have left meanwhile. */
  drop(): Promise<void>
  /** Losses of the plan that have happened. */
  losses(): number
}

/** What a line asks before it passes bytes on. */
interface Traffic {
  /** How many of `wanted` bytes may pass now. */
  pass(wanted: number): number
  /** The loss that is due now, if any; each is given out once. */
  due(): Manner | null
  /** Calls back when the hold is over. */
  wait(resume: () => void): void
}

/** Joins a port of its own to the server at `url`, with the losses of `plan` one after the other. */
export async function createWire(url: string, plan: readonly Loss[] = []): Promise<Wire> {
  const target = new URL(url)
  const port = Number(target.port)
  const clients = new Set<Socket>()
  const servers = new Set<Socket>()
  let lost = 0
  let left = plan[0]?.after ?? Number.POSITIVE_INFINITY
  let allowed = Number.POSITIVE_INFINITY
  let holds = (): void => undefined
  let waiting: (() => void)[] = []

  const traffic: Traffic = {
    pass(wanted) {
      const passing = Math.min(wanted, allowed, left)
      allowed -= passing
      left -= passing
      return passing
    },
    due() {
      const loss = plan[lost]
      if (loss === undefined || left > 0) return null
      lost += 1
      left = plan[lost]?.after ?? Number.POSITIVE_INFINITY
      return loss.manner
    },
    wait(resume) {
      waiting.push(resume)
      holds()
    },
  }
  const listener = createServer({ allowHalfOpen: true }, (client) => {
    const server = connect({ port, host: target.hostname, allowHalfOpen: true })
    track(client, clients)
    track(server, servers)
    join(client, server, traffic)
  })
  listener.listen(0, target.hostname)
  await once(listener, 'listening')
  onTestFinished(async () => {
    const closed = once(listener, 'close')
    listener.close()
    for (const socket of [...clients, ...servers]) socket.destroy()
    await closed
  })
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('the wire has no port')
  target.port = String(address.port)

  return {
    url: target.href,
    holdAfter(bytes) {
      allowed = bytes
      return new Promise((resolve) => {
        holds = resolve
      })
    },
    release() {
      allowed = Number.POSITIVE_INFINITY
      const released = waiting
      waiting = []
      for (const resume of released) resume()
    },
    async drop() {
      allowed = Number.POSITIVE_INFINITY
      waiting = []
      const sockets = [...clients, ...servers]
      const closed = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)))
      for (const socket of sockets) socket.resetAndDestroy()
      await Promise.all(closed)
      // One turn more, so that a client in this process has noticed and uses none of these connections again.
      await setImmediate()
    },
    losses: () => lost,
  }
}

function track(socket: Socket, open: Set<Socket>): void {
  open.add(socket)
  // What goes wrong with a socket shows as its `close`.
  socket.setNoDelay(true).on('error', () => undefined)
  socket.on('close', () => open.delete(socket))
}

/** Passes bytes between two sockets until one of them closes or a loss strikes. */
function join(client: Socket, server: Socket, traffic: Traffic): void {
  let answering = true
  let forsaken = false

  const forward = (chunk: Buffer): void => {
    const passing = traffic.pass(chunk.length)
    const rest = chunk.subarray(passing)
    if (passing > 0) push(server, chunk.subarray(0, passing), client)
    const manner = traffic.due()
    if (manner !== null) lose(manner)
    if (rest.length === 0 || client.destroyed) return
    if (manner !== null) {
      forward(rest)
      return
    }
    client.pause()
    traffic.wait(() => {
      if (client.destroyed) return
      forward(rest)
      client.resume()
    })
  }
  const lose = (manner: Manner): void => {
    if (manner === 'answer') {
      answering = false
    } else if (manner === 'vanish') {
      forsaken = true
      client.resetAndDestroy()
    } else {
      for (const socket of [client, server]) {
        if (manner === 'reset') socket.resetAndDestroy()
        else socket.destroy()
      }
    }
  }
  client.on('data', forward)
  client.on('end', () => server.end())
  client.on('close', () => forsaken || server.destroy())
  server.on('data', (chunk: Buffer) => {
    if (answering) push(client, chunk, server)
    else lose('reset')
  })
  server.on('end', () => client.end())
  server.on('close', () => client.destroy())
}

/** Writes, and lets `source` wait while `sink` is full. */
function push(sink: Socket, chunk: Buffer, source: Socket): void {
  if (sink.destroyed || sink.writableEnded || sink.write(chunk)) return
  source.pause()
  sink.once('drain', () => source.resume())
}

/** `count` losses, of every manner, each after at most `most` bytes; some fall into the head of a request. */
export function seededLosses(seed: number, count: number, most: number): Loss[] {
  const random = seededNumbers(seed)
  const manners = ['reset', 'close', 'vanish', 'answer'] as const
  return Array.from({ length: count }, (_, index) => ({
    after: Math.ceil((random() < 0.2 ? 600 : most) * random()),
    manner: manners[index % manners.length] ?? 'reset',
  }))
}
