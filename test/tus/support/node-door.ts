import { createServer } from 'node:http'
import { linesOf } from './answer.ts'
import type { Door, Entrance, Running } from './doors.ts'
import { chunkText, connect, headText, requestText } from './wire.ts'

/** A real server on the loopback interface; one connection for each request. */
export const nodeDoor: Door = {
  name: 'node',
  trailers: true,
  network: true,
  http1: true,
  async open(uploads) {
    const server = createServer({ requestTimeout: 0 }, uploads.node)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the server has no port')
    const { port } = address
    const close = async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
    return { ...wireEntrance(port, `127.0.0.1:${port}`, close), port }
  },
}

/** Speaks HTTP/1.1 by hand with what listens on a port or a Unix socket. */
export function wireEntrance(target: number | string, host: string, close: () => Promise<void>): Entrance {
  return {
    origin: `http://${host}`,
    port: 0,
    async send(method, url, fields, body) {
      const wire = await connect(target)
      await Promise.race([wire.write(requestText(method, targetOf(url), { Host: host, ...fields }, body)), wire.closed])
      return await wire.answer(method).finally(() => wire.cut())
    },
    begin(method, url, fields, { length, first }) {
      const framing = length === undefined ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': String(length) }
      const wire = connect(target)
      const frame = (bytes: string | Uint8Array) => (length === undefined ? chunkText(bytes) : bytes)
      const write = async (bytes: string | Uint8Array) => await (await wire).write(bytes)
      const head = headText(method, targetOf(url), { Host: host, ...fields, ...framing })
      const started = write(Buffer.concat([head, Buffer.from(frame(first))]))
      const answer = started.then(async () => await (await wire).answer(method))
      answer.catch(() => undefined)
      const running: Running = {
        write: async (bytes) => await started.then(() => write(frame(bytes))),
        end: async () => await started.then(() => (length === undefined ? write('0\r\n\r\n') : undefined)),
        cut: () => void started.then(async () => (await wire).cut()),
        answer,
        closed: wire.then((open) => open.closed),
      }
      return running
    },
    close,
  }
}

/** The request target for `url`, which may be relative or no URL at all. */
export function targetOf(url: string): string {
  const target = url.replace(/^https?:\/\/[^/]*/i, '')
  return linesOf({ target })[0]?.[1] ?? target
}
