import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { memoryStore } from '../../stores/memory.ts'
import { createUploads, type Uploads } from '../../uploads.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function serve(): Promise<{ readonly uploads: Uploads; readonly port: number }> {
  const uploads = await createUploads({ store: memoryStore() })
  const server = createServer({ requestTimeout: 0 }, uploads.node).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(async () => {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
    await uploads.close(1000)
  })
  const { port }: AddressInfo | { port: number } = Object(server.address())
  return { uploads, port }
}

async function create({ engine }: Uploads, length: number): Promise<string> {
  const request = { method: 'POST', uri: '/files/', remoteAddress: null, header: () => null }
  const caller = { request, signal: new AbortController().signal }
  const fields = { metadata: new Map(), concat: null, completion: 'at_length', echo: {}, content: null } as const
  return (await engine.create({ ...fields, length }, caller)).upload.id
}

function patch(id: string, offset: number, body: string, more = ''): string {
  const type = 'Content-Type: application/offset+octet-stream'
  const head = `PATCH /files/${id} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: ${offset}\r\n${type}\r\n`
  return `${head}Content-Length: ${body.length}\r\n${more}\r\n${body}`
}

/** Sends `text` in one piece and reads until the server closes. */
async function exchange(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  closers.push(async () => socket.destroy())
  socket.write(text)
  let answers = ''
  for await (const chunk of socket) answers += String(chunk)
  return answers
}

describe('a body that comes in one piece with its head', () => {
  it('is taken whole, and so is every request that follows in the same piece', async () => {
    const { uploads, port } = await serve()
    const id = await create(uploads, 9)
    const last = patch(id, 6, 'ghi', 'Connection: close\r\n')
    const answers = await exchange(port, patch(id, 0, 'abc') + patch(id, 3, 'def') + last)
    expect(answers.match(/HTTP\/1\.1 204/g)).toHaveLength(3)
    expect(answers.match(/Upload-Offset: \d/g)).toEqual(['Upload-Offset: 3', 'Upload-Offset: 6', 'Upload-Offset: 9'])
    // Asked for by the last one only.
    expect(answers.match(/Connection: close/g)).toHaveLength(1)
  })

  it('and is refused leaves the connection to the next request', async () => {
    const { uploads, port } = await serve()
    const id = await create(uploads, 3)
    const answers = await exchange(port, patch(id, 0, 'abcd') + patch(id, 0, 'abc', 'Connection: close\r\n'))
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 204'])
  })
})
