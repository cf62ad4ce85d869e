import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request as send } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Body } from '../core/body.ts'
import type { Bytes } from '../core/store.ts'
import { createFetchDoor, type FetchDoor } from './fetch.ts'

/** Opens a body and resolves with how it ended. */
function receive(body: Body, data: (chunk: Uint8Array) => void = () => undefined): Promise<'end' | 'cut'> {
  return new Promise((resolve) => {
    body.open({ data, end: () => resolve('end'), cut: () => resolve('cut') })
  })
}

/** A promise, and what settles it. */
function later<T>() {
  const settle: { resolve?: (value: T) => void } = {}
  const promise = new Promise<T>((resolve) => Object.assign(settle, { resolve }))
  return { promise, resolve: (value: T) => settle.resolve?.(value) }
}

/** Batches in memory that is used again, as stores give them. `state` tells what became of the iteration. */
function batches(count: number, size = 1000) {
  const state = { given: 0, ended: false }
  async function* give(): AsyncGenerator<readonly Uint8Array[]> {
    const memory = Buffer.alloc(size)
    try {
      while (state.given < count) {
        state.given += 1
        memory.fill(state.given)
        yield [memory.subarray(0, 10), memory.subarray(10)]
      }
    } finally {
      state.ended = true
    }
  }
  return { state, bytes: give() }
}

/** Answers with bytes. */
function sending(bytes: Bytes, length: number): FetchDoor {
  return createFetchDoor(async () => ({ status: 200, headers: { 'Content-Length': String(length) }, body: bytes }))
}

const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** The least that puts a Fetch door behind node:http. `received`: bytes that came in over all connections. */
async function serve(door: FetchDoor) {
  const sockets: Socket[] = []
  const server = createServer((incoming, outgoing) => {
    const { method = 'GET', url = '/', headers } = incoming
    const gone = new AbortController()
    outgoing.once('close', () => outgoing.writableFinished || gone.abort())
    const body = method === 'GET' || method === 'HEAD' ? null : Readable.toWeb(incoming)
    const fields = Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)])
    const init = { method, headers: fields, body, duplex: 'half', signal: gone.signal } as const
    door(new Request(`http://${headers.host}${url}`, init), { remoteAddress: incoming.socket.remoteAddress ?? '' })
      .then(async (response) => {
        outgoing.writeHead(response.status, Object.fromEntries(response.headers))
        if (response.body === null) outgoing.end()
        else await pipeline(Readable.fromWeb(response.body), outgoing)
      })
      .catch(() => outgoing.destroy())
  })
  server.on('connection', (socket) => sockets.push(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  const { port } = server.address() as AddressInfo
  return { port, received: () => sockets.reduce((sum, socket) => sum + socket.bytesRead, 0) }
}

/** Sends a request with a body and resolves with what it is answered. */
function ask(options: { port: number; method: string; agent?: Agent }, body?: Buffer) {
  return new Promise<IncomingMessage>((resolve, reject) => {
    const request = send({ host: '127.0.0.1', ...options }, (response) => {
      response.resume()
      response.once('end', () => resolve(response))
    })
    request.once('error', reject)
    request.end(body)
  })
}

const MIB = 1024 * 1024

describe('over a socket', () => {
  it('a body of 8 MiB arrives exactly, though it is paused again and again', async () => {
    const content = Buffer.alloc(8 * MIB, 'a body that repeats at an odd length')
    const hash = createHash('sha256')
    const { port } = await serve(
      createFetchDoor(async ({ body }) => {
        let taken = 0
        let paused = false
        await receive(body, (chunk) => {
          expect(paused).toBe(false)
          hash.update(chunk)
          taken += chunk.length
          paused = true
          body.pause()
          setImmediate(() => {
            paused = false
            body.resume()
          })
        })
        return { status: 200, headers: { 'X-Taken': String(taken) }, body: null }
      }),
    )
    const { headers } = await ask({ port, method: 'PATCH' }, content)
    expect(headers['x-taken']).toBe(String(content.length))
    expect(hash.digest('hex')).toBe(createHash('sha256').update(content).digest('hex'))
  })

  it('a paused body slows the client', async () => {
    const { promise, resolve } = later<Body>()
    const { port, received } = await serve(
      createFetchDoor(async ({ method, body }) => {
        let chunks = 0
        if (method === 'PATCH') {
          await receive(body, () => {
            chunks += 1
            if (chunks > 1) return
            body.pause()
            resolve(body)
          })
        }
        return { status: 204, headers: {}, body: null }
      }),
    )
    const answer = ask({ port, method: 'PATCH' }, Buffer.alloc(32 * MIB))
    const body = await promise
    for (let turn = 0; turn < 100; turn++) await ask({ port, method: 'GET' })
    expect(received()).toBeLessThan(8 * MIB)
    body.resume()
    expect((await answer).statusCode).toBe(204)
    expect(received()).toBeGreaterThan(32 * MIB)
  })

  it('a client that leaves in the middle of a body cuts it, and is known to have gone', async () => {
    const { promise, resolve } = later<{ outcome: string; aborted: boolean }>()
    const { port } = await serve(
      createFetchDoor(async ({ body, signal }) => {
        const gone = once(signal, 'abort')
        const outcome = await receive(body)
        await gone
        resolve({ outcome, aborted: signal.aborted })
        return { status: 204, headers: {}, body: null }
      }),
    )
    const socket = connect(port, '127.0.0.1')
    socket.write('PATCH /files/abc HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nsome bytes')
    await once(socket, 'ready')
    socket.end()
    expect(await promise).toEqual({ outcome: 'cut', aborted: true })
  })

  describe.each([
    ['that was never opened', 'PATCH'],
    ['that was stopped', 'POST'],
  ])('a refused body %s', (_, method) => {
    const refuse = createFetchDoor(async ({ method, body }) => {
      if (method === 'POST') {
        await new Promise<void>((resolve) => {
          const stop = () => {
            body.stop()
            resolve()
          }
          body.open({ data: stop, end: stop, cut: stop })
        })
      }
      return { status: method === 'GET' ? 200 : 409, headers: {}, body: 'answer' }
    })

    it.each([1, 100_000, 250_000])('of %d bytes gets its answer, and the connection is used again', async (size) => {
      const { port } = await serve(refuse)
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      expect((await ask({ port, method, agent }, Buffer.alloc(size))).statusCode).toBe(409)
      expect(await ask({ port, method: 'GET', agent })).toMatchObject({ statusCode: 200, req: { reusedSocket: true } })
      agent.destroy()
    })

    it('of 4 MiB ends its connection, and the next request finds another', async () => {
      const { port } = await serve(refuse)
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      // Who still writes when the connection ends may see only that.
      const answer = await ask({ port, method, agent }, Buffer.alloc(4 * MIB)).catch((error: Error) => error)
      if (answer instanceof Error) expect(answer.message).toMatch(/ECONNRESET|EPIPE|hang up/)
      else expect(answer).toMatchObject({ statusCode: 409, headers: { connection: 'close' } })
      expect(await ask({ port, method: 'GET', agent })).toMatchObject({ statusCode: 200, req: { reusedSocket: false } })
      agent.destroy()
    })
  })

  it('a download of 16 MiB arrives exactly', async () => {
    const { bytes } = batches(16, MIB)
    const { port } = await serve(sending(bytes, 16 * MIB))
    const response = await fetch(`http://127.0.0.1:${port}/`)
    const content = Buffer.from(await response.arrayBuffer())
    const expected = Buffer.concat(Array.from({ length: 16 }, (_, index) => Buffer.alloc(MIB, index + 1)))
    expect(content.equals(expected)).toBe(true)
  })

  it('T-123 a client that leaves in the middle of a download ends its reading', async () => {
    const { bytes, state } = batches(1000, MIB)
    const { port } = await serve(sending(bytes, 1000 * MIB))
    const socket = connect(port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'data')
    socket.destroy()
    await vi.waitFor(() => expect(state.ended).toBe(true), 60_000)
    expect(state.given).toBeLessThan(100)
  })

  it('T-123 a client that leaves right after the last byte harms nobody', async () => {
    const states: { ended: boolean }[] = []
    const door = createFetchDoor(async () => {
      const { bytes, state } = batches(2, 100)
      states.push(state)
      return { status: 200, headers: { 'Content-Length': '200' }, body: bytes }
    })
    const { port } = await serve(door)
    for (let round = 0; round < 50; round++) {
      const socket = connect(port, '127.0.0.1')
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
      let text = ''
      for await (const chunk of socket) {
        text += chunk
        if (text.endsWith('\u0002')) break
      }
      socket.resetAndDestroy()
    }
    await vi.waitFor(() => expect(states.map(({ ended }) => ended)).toEqual(Array(50).fill(true)), 60_000)
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200)
  })
})
