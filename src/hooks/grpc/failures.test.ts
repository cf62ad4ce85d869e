import { once } from 'node:events'
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { status } from '@grpc/grpc-js'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ask, upload } from '../../../test/hooks/support/calls.ts'
import { type Answer, type Call, type HookServer, hookServer, never } from '../../../test/hooks/support/grpc-server.ts'
import { timed } from '../../../test/support/calm.ts'
import { UploadError } from '../../core/errors.ts'
import { type GrpcHooksOptions, grpcHooks } from '../grpc.ts'

const ending: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end()
})

async function serving(answer: (count: number, call: Call) => Answer | Promise<Answer>, address?: string) {
  let count = 0
  const server = await hookServer((_, call) => answer(++count, call), address === undefined ? {} : { address })
  ending.push(() => server.stop())
  return server
}

function hooksOf({ address }: Pick<HookServer, 'address'>, options: Partial<GrpcHooksOptions> = {}) {
  const hooks = grpcHooks({ address, backoff: 1, ...options })
  ending.push(() => hooks.close())
  return hooks
}

/** The hint that the operator gets about a call that fails. */
async function hintOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof UploadError)) throw new Error(`not what a failed hook throws: ${error}`)
  expect(error.code).toBe('hook_failed')
  return error.details.hint ?? ''
}

/** All but OK, by name. */
const CODES = Object.entries(status).flatMap<[string, number]>(([name, code]) =>
  typeof code === 'number' && code > 0 ? [[name, code]] : [],
)

describe('a status that is not OK', () => {
  it.each(CODES)('%s is tried again if it may pass', async (name, code) => {
    const server = await serving(() => ({ code, details: 'why' }))
    const hint = await hintOf(ask(hooksOf(server), 'preFinish'))
    const passing = name === 'UNAVAILABLE' || name === 'RESOURCE_EXHAUSTED'
    expect(server.calls.length).toBe(passing ? 3 : 1)
    expect(hint).toBe(`the gRPC hook pre-finish failed${passing ? ' 3 times' : ''}: it answered ${words(name)}: why`)
  })

  it.each([1, 2, 5])('attempts: %i are made in all', async (attempts) => {
    const server = await serving(() => ({ code: status.UNAVAILABLE, details: '' }))
    await hintOf(ask(hooksOf(server, { attempts }), 'postCreate'))
    expect(server.calls.length).toBe(attempts)
  })

  it('is forgotten when the next attempt succeeds', async () => {
    const server = await serving((count) =>
      count < 3 ? { code: status.UNAVAILABLE, details: '' } : { stopUpload: true },
    )
    expect(await ask(hooksOf(server), 'postReceive')).toEqual({ reject: true })
    expect(server.calls.length).toBe(3)
    expect(new Set(server.asked.map(({ event }) => event['id'])).size).toBe(1)
  })

  it('the same pause is made before every further attempt', async () => {
    const times: number[] = []
    const server = await serving(() => {
      times.push(performance.now())
      return { code: status.UNAVAILABLE, details: '' }
    })
    await hintOf(ask(hooksOf(server, { backoff: 150 }), 'postCreate'))
    const [first = 0, second = 0, third = 0] = times
    expect(second - first).toBeGreaterThan(145)
    expect(third - second).toBeGreaterThan(145)
  })

  it('is told without the tokens that it repeats', async () => {
    const details = 'a.token.of.somebody and s3cr3t-t0k3n are no good,\nneither is Bearer a.token.of.somebody'
    const server = await serving(() => ({ code: status.UNAUTHENTICATED, details }))
    const told = ask(hooksOf(server, { forwardHeaders: ['authorization'] }), 'preCreate')
    expect(await hintOf(told)).toContain('Unauthenticated: REDACTED and REDACTED are no good, neither is REDACTED')
    await expect(told).rejects.not.toHaveProperty('cause')
  })

  /** Connect writes `InvalidArgument`. */
  function words(name: string): string {
    if (name === 'CANCELLED') return 'Canceled'
    return name.toLowerCase().replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())
  }
})

describe('a time-out', () => {
  it('ends a call that gets no answer, and tells the server', async () => {
    let cancelled = false
    const server = await serving(async (_, call) => {
      const answer = await never(call)
      cancelled = true
      return answer
    })
    const hint = await hintOf(ask(hooksOf(server, { timeout: 200 }), 'preFinish'))
    expect(hint).toBe('the gRPC hook pre-finish failed: no answer within 200 ms')
    await vi.waitFor(() => expect(cancelled).toBe(true))
    expect(server.calls[0]?.getDeadline()).not.toBe(Infinity)
  })

  it('spans all attempts', async () => {
    const server = await serving(() => ({ code: status.UNAVAILABLE, details: '' }))
    const hooks = hooksOf(server, { timeout: 3000, backoff: 1200, attempts: 100 })
    expect(await hintOf(ask(hooks, 'preFinish'))).toMatch(/failed [23] times: it answered Unavailable/)
  })

  it('that is shorter than the pause is not waited for', async () => {
    const server = await serving(() => ({ code: status.UNAVAILABLE, details: '' }))
    const hooks = hooksOf(server, { timeout: 50_000, backoff: 60_000 })
    expect((await timed(() => hintOf(ask(hooks, 'preFinish')))).took).toBeLessThan(10_000)
  })

  it('is not there by default', async () => {
    const server = await serving(() => ({}))
    await ask(hooksOf(server), 'postCreate')
    expect(server.calls[0]?.getDeadline()).toBe(Infinity)
  })

  it('ends the attempt to connect to what accepts and says nothing', async () => {
    const address = await listening(createTcpServer())
    expect(await hintOf(ask(hooksOf({ address }, { timeout: 200 }), 'preFinish'))).toContain('no answer within 200 ms')
  })
})

describe('a server that goes away', () => {
  it('in the middle of a call and comes back is asked again', async () => {
    const first = await serving((_, call) => {
      first.stop()
      return never(call)
    })
    const hooks = hooksOf(first, { attempts: 1000, backoff: 20 })
    const asked = ask(hooks, 'postReceive')
    await vi.waitFor(() => expect(first.calls.length).toBe(1))
    const second = await again(() => serving(() => ({ stopUpload: true }), first.address))
    expect(await asked).toEqual({ reject: true })
    expect(second.calls.length).toBe(1)
  })

  it('between two calls and comes back is asked without a failure', async () => {
    const first = await serving(() => ({}))
    const hooks = hooksOf(first)
    await ask(hooks, 'postCreate')
    first.stop()
    const second = await again(() => serving(() => ({}), first.address))
    await ask(hooks, 'postCreate')
    expect(second.calls.length).toBe(1)
  })

  it('for good is said to be so', async () => {
    const gone = await serving(() => ({}))
    const hooks = hooksOf(gone)
    await ask(hooks, 'postCreate')
    gone.stop()
    const hint = await hintOf(ask(hooks, 'postCreate'))
    expect(hint).toMatch(
      /^the gRPC hook post-create failed 3 times: no connection to http:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED/,
    )
  })

  it('because it never was there is said to be so', async () => {
    const hint = await hintOf(ask(hooksOf({ address: 'no-such-host.invalid:1' }), 'postCreate'))
    expect(hint).toMatch(/failed 3 times: no connection to http:\/\/no-such-host\.invalid:1: /)
  })

  it.each<[string, (stream: ServerHttp2Stream) => unknown]>([
    ['breaks the connection', (stream) => stream.session?.destroy()],
    [
      'breaks the connection in the middle of an answer',
      (stream) => halfAnswer(stream, () => stream.session?.destroy()),
    ],
    ['says goodbye and breaks the connection', (stream) => stream.session?.goaway(0) ?? stream.session?.destroy()],
    ['refuses the stream', (stream) => stream.close(7)],
    ['is behind a proxy that answers 503', (stream) => stream.respond({ ':status': 503 }, { endStream: true })],
  ])('as it %s is tried again', async (_, act) => {
    let count = 0
    const address = await http2Listening((stream) => {
      count += 1
      act(stream)
    })
    await hintOf(ask(hooksOf({ address }), 'preFinish'))
    expect(count).toBe(3)
  })

  it.each<[string, (socket: Socket) => unknown]>([
    ['hangs up', (socket) => socket.destroy()],
    ['resets', (socket) => socket.resetAndDestroy()],
    ['answers in HTTP/1.1', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('as it %s at once is tried again', async (_, act) => {
    let count = 0
    const server = createTcpServer((socket) => {
      count += 1
      socket.on('error', () => undefined)
      act(socket)
    })
    const hint = await hintOf(ask(hooksOf({ address: await listening(server) }), 'preFinish'))
    expect(hint).toContain('failed 3 times: no connection')
    expect(count).toBe(3)
  })
})

describe('what is not gRPC', () => {
  it.each<[string, (stream: ServerHttp2Stream) => unknown]>([
    ['a page', (stream) => stream.respond({ ':status': 200, 'content-type': 'text/html' }, { endStream: true })],
    ['404', (stream) => stream.respond({ ':status': 404 }, { endStream: true })],
    ['a message that is none', (stream) => answer(stream, Buffer.from([0, 0, 0, 0, 2, 255, 255]))],
    ['no message', (stream) => answer(stream, Buffer.alloc(0))],
    ['half a message', (stream) => answer(stream, Buffer.from([0, 0, 0, 0, 9, 1]))],
    [
      'a message of 5 MiB',
      (stream) => answer(stream, Buffer.concat([Buffer.from([0, 0, 0x50, 0, 0]), Buffer.alloc(5 * 2 ** 20)])),
    ],
    ['a stream that is cancelled', (stream) => stream.close(8)],
    ['a stream that fails', (stream) => stream.close(2)],
    ['a stream that just ends', (stream) => stream.close(0)],
  ])('%s fails at once, and is said to be so', async (_, act) => {
    let count = 0
    const address = await http2Listening((stream) => {
      count += 1
      act(stream)
    })
    const hint = await hintOf(ask(hooksOf({ address }), 'preFinish'))
    expect(hint).toContain('the gRPC hook pre-finish failed: what it answered is not gRPC')
    expect(count).toBe(1)
  })
})

describe('closing', () => {
  it('ends the connection, the calls on it, and later calls', async () => {
    const sessions: ServerHttp2Session[] = []
    const server = createServer().on('session', (session) => void sessions.push(session))
    const hooks = hooksOf({ address: await listening(server) })
    const running = ask(hooks, 'preFinish')
    await vi.waitFor(() => expect(sessions.length).toBe(1))
    hooks.close()
    expect(await hintOf(running)).toBe('the gRPC hook pre-finish failed: the hooks were closed')
    await vi.waitFor(() => expect(sessions[0]?.destroyed).toBe(true))
    expect(await hintOf(ask(hooks, 'preFinish'))).toContain('after the hooks were closed')
    hooks.close()
    expect(sessions.length).toBe(1)
  })

  it('does not wait for the next attempt', async () => {
    const server = await serving(() => ({ code: status.UNAVAILABLE, details: '' }))
    const hooks = hooksOf(server, { backoff: 60_000 })
    const running = ask(hooks, 'preFinish')
    await vi.waitFor(() => expect(server.calls.length).toBe(1))
    const { took } = await timed(async () => {
      hooks.close()
      await hintOf(running)
    })
    expect(took).toBeLessThan(10_000)
    expect(server.calls.length).toBe(1)
  })
})

it('a hundred calls at once share one connection, and none of them is lost', async () => {
  const server = await serving(() => ({}))
  const hooks = hooksOf(server)
  await Promise.all(Array.from({ length: 100 }, () => ask(hooks, 'postCreate')))
  expect(server.calls.length).toBe(100)
  expect(new Set(server.calls.map((call) => call.getPeer())).size).toBe(1)
  expect(server.asked.every(({ event }) => event.upload['id'] === upload.id)).toBe(true)
})

async function http2Listening(act: (stream: ServerHttp2Stream) => unknown): Promise<string> {
  const server = createServer().on('stream', (stream) => {
    stream.on('error', () => undefined)
    act(stream)
  })
  return listening(server)
}

async function listening(server: Pick<Server, 'listen' | 'address' | 'close'> & NodeJS.EventEmitter): Promise<string> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  ending.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `127.0.0.1:${portOf(server.address())}`
}

function portOf(address: AddressInfo | string | null): number {
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

function answer(stream: ServerHttp2Stream, body: Buffer): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  stream.end(body)
}

function halfAnswer(stream: ServerHttp2Stream, then: () => void): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
  stream.write(Buffer.from([0, 0, 0, 0, 9, 1]), then)
}

/** The port of a server that was stopped is free a moment later. */
async function again<T>(start: () => Promise<T>): Promise<T> {
  return vi.waitFor(start, { timeout: 60_000, interval: 10 })
}
