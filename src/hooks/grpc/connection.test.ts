import { once } from 'node:events'
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, it, vi } from 'vitest'
import { type Connection, connectionTo, type Patience } from './connection.ts'

const ending: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end()
})

const LONG: Patience = { idle: 60_000, arrival: 60_000, silence: 60_000, sign: 60_000 }

async function listening(server: Pick<Server, 'listen' | 'address' | 'close'> & NodeJS.EventEmitter): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => undefined)))
  ending.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address: AddressInfo | string | null = server.address()
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

function to(port: number, patience: Partial<Patience>): Connection {
  const connection = connectionTo({ origin: `http://127.0.0.1:${port}`, nodeOptions: {} }, { ...LONG, ...patience })
  ending.push(() => connection.close())
  return connection
}

/** A server whose streams are answered by hand. */
async function serving() {
  const sessions: ServerHttp2Session[] = []
  const streams: ServerHttp2Stream[] = []
  const server = createServer()
    .on('session', (session) => void sessions.push(session))
    .on('stream', (stream) => void streams.push(stream.on('error', () => undefined)))
  return { sessions, streams, port: await listening(server) }
}

it('a connection that is not used is closed, and one that is used is not', async () => {
  const { sessions, streams, port } = await serving()
  const connection = to(port, { idle: 50 })
  const first = connection.stream({ ':path': '/1' }).resume()
  const second = connection.stream({ ':path': '/2' }).resume()
  await vi.waitFor(() => expect(streams.length).toBe(2))
  streams[0]?.respond({ ':status': 200 }, { endStream: true })
  await once(first, 'close')
  // One that is idle from now on comes to its end, but not the other, which has a stream
  const other = to(port, { idle: 50 }).stream({ ':path': '/other' }).resume()
  await vi.waitFor(() => expect(streams.length).toBe(3))
  streams[2]?.respond({ ':status': 200 }, { endStream: true })
  await once(other, 'close')
  await vi.waitFor(() => expect(sessions[1]?.destroyed).toBe(true))
  expect(sessions[0]?.closed).toBe(false)
  streams[1]?.respond({ ':status': 200 }, { endStream: true })
  await once(second, 'close')
  await vi.waitFor(() => expect(sessions[0]?.destroyed).toBe(true))
  connection.stream({ ':path': '/3' })
  await vi.waitFor(() => expect(streams.length).toBe(4))
  expect(sessions.length).toBe(3)
})

it('what accepts a connection and says nothing is given up', async () => {
  const connection = to(await listening(createTcpServer()), { arrival: 50 })
  const [error] = await once(connection.stream({ ':path': '/' }), 'error').catch((thrown: unknown) => [thrown])
  expect(String(error)).toContain('not ready within 50 ms')
})

it('a peer that is there may take its time, one that is not is given up', async () => {
  const { streams, port } = await serving()
  const between = createTcpServer((socket) => {
    const inner = connect(port, '127.0.0.1')
    socket.pipe(inner).pipe(socket)
    for (const one of [socket, inner]) one.on('error', () => undefined)
    vanish = () => {
      inner.unpipe(socket)
      socket.unpipe(inner)
    }
  })
  let vanish = (): void => undefined
  const stream = to(await listening(between), { silence: 30, sign: 1000 }).stream({ ':path': '/' })
  const failed = once(stream, 'error').catch((thrown: unknown) => [thrown])
  let pings = 0
  await vi.waitFor(() => expect(streams.length).toBe(1))
  streams[0]?.session?.on('ping', () => {
    pings += 1
  })
  await vi.waitFor(() => expect(pings).toBeGreaterThan(3))
  expect(stream.destroyed).toBe(false)
  vanish()
  const [error] = await failed
  expect(String(error)).toContain('no sign of life within 1000 ms')
})

it('a server that says goodbye gets no more streams, and those that are open end in peace', async () => {
  const { sessions, streams, port } = await serving()
  const connection = to(port, {})
  const first = connection.stream({ ':path': '/1' }).resume()
  const ended = once(first, 'end')
  await vi.waitFor(() => expect(streams.length).toBe(1))
  sessions[0]?.close()
  await vi.waitFor(() => expect(first.session?.closed).toBe(true))
  connection.stream({ ':path': '/2' })
  await vi.waitFor(() => expect(sessions.length).toBe(2))
  streams[0]?.respond({ ':status': 200 })
  streams[0]?.end('bye')
  await ended
  expect(first.rstCode).toBe(0)
})

it('what was closed opens no more streams', async () => {
  const connection = to((await serving()).port, {})
  const stream = connection.stream({ ':path': '/' })
  connection.close()
  await new Promise((resolve) => stream.once('close', resolve))
  expect(() => connection.stream({ ':path': '/' })).toThrow('closed')
})
