import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { memoryStore } from '../stores/memory.ts'
import { createUploads } from '../uploads.ts'
import { watchConnections } from './connections.ts'

const CREATION = request(
  'POST',
  '/files/',
  'Upload-Length: 5\r\nContent-Type: application/offset+octet-stream',
  'hello',
)

/** All that a server with watched connections sends back until it ends the connection. */
async function converse(bytes: string): Promise<string> {
  const uploads = await createUploads({ store: memoryStore() })
  const server = createServer({ requestTimeout: 0 })
  const connections = watchConnections(server, 'connection')
  server.on('request', (request, response) => {
    connections.began(response)
    // Later than the parser sees what comes behind, as with any store that takes its time.
    setImmediate(() => uploads.node(request, response))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await uploads.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  const socket = connect(address.port, '127.0.0.1').setEncoding('latin1')
  onTestFinished(() => void socket.destroy())
  let got = ''
  socket.on('data', (text: string) => {
    got += text
  })
  socket.write(bytes, 'latin1')
  await once(socket, 'close')
  return got
}

function request(method: string, target: string, fields: string, body = ''): string {
  const head = `${method} ${target} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\n${fields}\r\n`
  return `${head}Content-Length: ${body.length}\r\n\r\n${body}`
}

it.each([
  ['that is no request', 'XYZ nonsense\r\n\r\n'],
  [
    'whose body is broken',
    'POST /files/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n',
  ],
  [
    'whose chunk extensions never end',
    `POST /files/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;${'x'.repeat(20_000)}`,
  ],
  ['by the method of the preface of HTTP/2', 'PRI /files/x\r\nHost: x\r\n\r\n'],
  ['that wants a tunnel', 'CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n'],
])('a request is answered although another follows at once %s, which is refused', async (_, garbage) => {
  const got = await converse(CREATION + garbage)
  expect(got.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 201', expect.stringMatching(/ 4\d\d$/)])
})

it('two requests are answered although the body of a third is broken', async () => {
  const broken = 'PATCH /files/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n'
  const got = await converse(CREATION + CREATION + broken)
  expect(got.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 201', 'HTTP/1.1 201', 'HTTP/1.1 400'])
})
