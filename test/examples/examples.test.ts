import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { MiB, seededBytes, sha256, sha256OfFile } from '../clients/support/bytes.ts'
import { transfer } from '../clients/support/transfer.ts'
import { runScript } from './support.ts'

const TUS = { 'Tus-Resumable': '1.0.0' }
const BYTES = { ...TUS, 'Content-Type': 'application/offset+octet-stream' }

/** Every example, and the script that runs it. */
const SCRIPTS: Readonly<Record<string, string>> = {
  'node-http.js': 'examples/node-http.js',
  'express.js': 'examples/express.js',
  'fastify.js': 'examples/fastify.js',
  'koa.js': 'examples/koa.js',
  'hono.js': 'examples/hono.js',
  // A module for Next, not a server
  'next-route.js': 'test/examples/fixtures/next-host.js',
}

it('every example stands in docs/embedding.md as it is', () => {
  const text = readFileSync('docs/embedding.md', 'utf8')
  const blocks = [...text.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, code]) => code)
  for (const name of Object.keys(SCRIPTS)) expect(blocks, name).toContain(readFileSync(`examples/${name}`, 'utf8'))
})

it('every example is run', () => {
  // Those in folders are run by tests of their own
  const files = readdirSync('examples', { withFileTypes: true }).filter((entry) => entry.isFile())
  expect(files.map(({ name }) => name).toSorted()).toEqual(Object.keys(SCRIPTS).toSorted())
})

describe.each(Object.entries(SCRIPTS))('%s', (_, path) => {
  const script = runScript(path)

  it('takes an upload in chunks from tus-js-client, says where it stands, and sends it back', async () => {
    const bytes = seededBytes(1, 3 * MiB + 123)
    const endpoint = script.url()
    const sent = await transfer(bytes, { endpoint, chunkSize: MiB, metadata: { filename: 'a b.bin' } })
    expect(sent.summary()).toEqual(['POST 201', 'PATCH 204', 'PATCH 204', 'PATCH 204', 'PATCH 204'])
    // Under the prefix at which it is mounted, with the host that the client asked
    expect(sent.url).toMatch(new RegExp(`^${endpoint}[0-9a-f]{32}$`))
    const head = await fetch(sent.url, { method: 'HEAD', headers: TUS })
    expect(head.headers.get('Upload-Offset')).toBe(String(bytes.length))
    const download = await fetch(sent.url)
    expect(download.headers.get('Content-Disposition')).toContain('a b.bin')
    expect(sha256(new Uint8Array(await download.arrayBuffer()))).toBe(sha256(bytes))
    expect(await sha256OfFile(`${script.folder}/data/${sent.url.split('/').at(-1)}`)).toBe(sha256(bytes))
    expect((await fetch(sent.url, { method: 'DELETE', headers: TUS })).status).toBe(204)
    expect((await fetch(sent.url, { method: 'HEAD', headers: TUS })).status).toBe(404)
  })

  it('answers at its prefix only, keeps connections, refuses bodies without hanging, and resumes', async () => {
    const base = script.url()
    expect((await fetch(new URL('/other', base), { method: 'POST', body: 'x' })).status).toBe(404)
    expect((await fetch(base, { method: 'OPTIONS' })).headers.get('Tus-Version')).toBe('1.0.0')
    const answers = await bareRequests(base)
    expect(answers.match(/^HTTP\/1\.1 \d+/gm)).toEqual(['HTTP/1.1 201', 'HTTP/1.1 204', 'HTTP/1.1 201'])
    const url = /^location: (\S+)\r$/im.exec(answers)?.[1] ?? ''
    const bytes = seededBytes(2, MiB)
    const patch = (offset: number, end: number) =>
      fetch(url, {
        method: 'PATCH',
        headers: { ...BYTES, 'Upload-Offset': String(offset) },
        body: new Uint8Array(bytes.subarray(offset, end)),
      })
    expect((await patch(7, MiB)).status).toBe(409)
    expect((await patch(0, 1000)).status).toBe(204)
    expect((await patch(1000, MiB)).headers.get('Upload-Offset')).toBe(String(MiB))
    expect(sha256(new Uint8Array(await (await fetch(url)).arrayBuffer()))).toBe(sha256(bytes))
  })
})

/** As curl makes them, with no word of a body, one after the other on one connection, the last at the prefix without its slash. */
function bareRequests(base: string): Promise<string> {
  const { hostname, port, pathname } = new URL(base)
  const create = `HTTP/1.1\r\nHost: localhost:${port}\r\nTus-Resumable: 1.0.0\r\nUpload-Length: ${MiB}\r\n`
  const requests = [
    `POST ${pathname} ${create}\r\n`,
    `OPTIONS ${pathname} HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`,
    `POST ${pathname.slice(0, -1)} ${create}Connection: close\r\n\r\n`,
  ]
  return new Promise((done, fail) => {
    const socket = connect(Number(port), hostname)
    let text = ''
    let answered = 0
    const next = () => socket.write(requests[answered] ?? '')
    socket.setEncoding('latin1').on('data', (piece: string) => {
      text += piece
      // None of these answers has a body
      const ends = text.split('\r\n\r\n').length - 1
      for (; answered < ends; ) {
        answered++
        next()
      }
    })
    socket.once('close', () => done(text))
    socket.once('error', fail)
    next()
  })
}
