import { once } from 'node:events'
import { connect, createServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { memoryStore } from '../../stores/memory.ts'
import { createUploads } from '../../uploads.ts'

const closers: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const EMPTY = { ':method': 'POST', ':path': '/files/', 'tus-resumable': '1.0.0', 'upload-length': '0' }

it('an empty body over HTTP/2 that Node has ended before anybody reads it is a whole one', async () => {
  let ended: (() => void) | undefined
  const isEnded = new Promise<void>((done) => {
    ended = done
  })
  const uploads = await createUploads({ store: memoryStore(), hooks: { preCreate: () => isEnded } })
  closers.push(() => uploads.close(1000))
  const server = createServer(uploads.node).listen(0, '127.0.0.1')
  server.on('stream', (stream: ServerHttp2Stream) => stream.once('end', () => ended?.()))
  await once(server, 'listening')
  closers.push(() => server.close())
  const { port }: AddressInfo | { port: number } = Object(server.address())
  const session = connect(`http://127.0.0.1:${port}`)
  closers.push(() => session.destroy())

  const stream = session.request({ ...EMPTY, 'content-type': 'application/offset+octet-stream' }, { endStream: false })
  // The end comes in a frame of its own
  stream.end()
  const [headers] = await once(stream, 'response')
  expect(headers).toMatchObject({ ':status': 201, 'upload-offset': '0' })
})
