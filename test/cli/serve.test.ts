import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { afterStalls } from '../support/calm.ts'
import { create, head, offsetOf, open, patch, raw, sample, startPatch, TUS } from './client.ts'
import { newFolder, setUp, start } from './program.ts'

setUp()

describe('the server', () => {
  test('takes an upload in pieces, and sends it back', async () => {
    const { url: base } = await start('-upload-dir', newFolder())
    const bytes = sample(3_000_000)
    const url = await create(base, bytes.length)
    expect((await patch(url, 0, bytes.slice(0, 1_000_000))).status).toBe(204)
    expect(await offsetOf(url)).toBe(1_000_000)
    expect((await patch(url, 1_000_000, bytes.slice(1_000_000))).headers.get('Upload-Offset')).toBe('3000000')
    expect(Buffer.compare(Buffer.from(await (await fetch(url)).arrayBuffer()), bytes)).toBe(0)
  })

  test('takes metadata of many kilobytes, and answers 431 beyond', async () => {
    const { url } = await start('-upload-dir', newFolder())
    const metadata = (size: number) => ({ 'Upload-Metadata': `k ${Buffer.alloc(size, 'v').toString('base64')}` })
    await create(url, 1, metadata(40_000))
    await expect(create(url, 1, metadata(60_000))).rejects.toThrow('431')
    expect((await fetch(url, { method: 'OPTIONS' })).status).toBe(204)
  })

  test('says 100 Continue when it wants the body, and refuses without it when it does not', async () => {
    const { url: base } = await start('-upload-dir', newFolder())
    const url = await create(base, 3)
    const ask = (offset: number) =>
      `PATCH ${new URL(url).pathname} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: ${offset}\r\n` +
      'Content-Type: application/offset+octet-stream\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n'
    expect(await raw(base, ask(1), 'abc')).toMatch(/^HTTP\/1\.1 409 /)
    expect(await raw(base, ask(0), 'abc')).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 204 /)
  })

  test('ends a body that stalls for -network-timeout, and keeps what came', { retry: afterStalls }, async () => {
    const { url: base } = await start('-network-timeout', '200ms', '-upload-dir', newFolder())
    const url = await create(base, 100)
    const stalled = startPatch(url, 100, sample(40))
    await new Promise((done) => stalled.once('response', done))
    expect(await offsetOf(url)).toBe(40)
  })

  test('expires what stays unfinished, and removes its files', { retry: afterStalls }, async () => {
    const directory = newFolder()
    const { url: base } = await start('-expire-after', '2s', '-upload-dir', directory)
    // Each with its bytes in one request, so that a slow machine finds nothing expired before the test looks.
    const finished = await create(base, 3, {}, sample(3))
    const url = await create(base, 100, {}, sample(40))
    const id = url.split('/').at(-1) ?? ''
    expect(readdirSync(directory)).toEqual(expect.arrayContaining([id, `${id}.info`]))
    await vi.waitFor(async () => expect([404, 410]).toContain((await head(url)).status), 60_000)
    await vi.waitFor(() => expect(readdirSync(directory).filter((name) => name.startsWith(id))).toEqual([]), 60_000)
    expect(await offsetOf(finished)).toBe(3)
  })

  test('shares its folder with another server', async () => {
    const directory = newFolder()
    const [one, two] = await Promise.all([start('-upload-dir', directory), start('-upload-dir', directory)])
    const bytes = sample(300_000)
    const atOne = await create(one.url, bytes.length)
    const atTwo = atOne.replace(one.url, two.url)
    for (let offset = 0; offset < bytes.length; offset += 50_000) {
      const url = (offset / 50_000) % 2 === 0 ? atTwo : atOne
      expect((await patch(url, offset, bytes.slice(offset, offset + 50_000))).status).toBe(204)
    }
    expect(Buffer.compare(Buffer.from(await (await fetch(atTwo)).arrayBuffer()), bytes)).toBe(0)
  })

  test('takes an upload over from another server where it stalls', async () => {
    const directory = newFolder()
    const [one, two] = await Promise.all([start('-upload-dir', directory), start('-upload-dir', directory)])
    const atOne = await create(one.url, 100)
    const stalled = startPatch(atOne, 100, sample(40))
    const ended = new Promise((done) => stalled.once('response', done))
    const atTwo = atOne.replace(one.url, two.url)
    // Until the first server has seen the bytes, there is nothing to take over
    await vi.waitFor(async () => expect(await offsetOf(atTwo)).toBe(40), 60_000)
    await ended
    expect((await patch(atTwo, 40, sample(100).slice(40))).status).toBe(204)
  })
})

describe('what is not HTTP', () => {
  const HEAD = 'HTTP/1.1\r\nHost: x\r\n'
  test.each([
    { name: 'garbage', text: 'garbage\r\n\r\n', status: 400 },
    { name: 'no Host', text: 'GET /files/ HTTP/1.1\r\n\r\n', status: 400 },
    {
      name: 'a body framed twice',
      text: `POST /files/ ${HEAD}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
      status: 400,
    },
    { name: 'a header of 200 KB', text: `GET /files/ ${HEAD}X: ${'x'.repeat(200_000)}\r\n\r\n`, status: 431 },
  ])('$name is answered with $status, and the connection closed', async ({ text, status }) => {
    const { url } = await start('-upload-dir', newFolder())
    const answer = await raw(url, text)
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} .*\\r\\n`))
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect((await fetch(url, { method: 'OPTIONS' })).status).toBe(204)
  })

  test('garbage behind a sound request does not cost that its answer', async () => {
    const { url } = await start('-upload-dir', newFolder())
    const answer = await raw(url, 'OPTIONS /files/ HTTP/1.1\r\nHost: x\r\n\r\ngarbage\r\n\r\n')
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 204', 'HTTP/1.1 400'])
  })

  test('a body whose framing breaks keeps what came, and frees the upload', async () => {
    const directory = newFolder()
    const { url: base } = await start('-upload-dir', directory)
    const url = await create(base, 100)
    const { pathname } = new URL(url)
    const socket = open(base)
    socket.setEncoding('latin1')
    let answer = ''
    socket.on('data', (piece: string) => (answer += piece))
    const closed = new Promise((done) => socket.once('close', done))
    socket.write(
      `PATCH ${pathname} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n` +
        'Content-Type: application/offset+octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
    )
    const path = join(directory, pathname.split('/').at(-1) ?? '')
    await vi.waitFor(() => expect(existsSync(path) && statSync(path).size).toBe(5), 60_000)
    socket.write('nonsense\r\n')
    await closed
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(await offsetOf(url)).toBe(5)
    expect((await patch(url, 5, sample(95))).status).toBe(204)
  })

  test('clients that leave at any point do no harm', async () => {
    const { url: base, output } = await start('-upload-dir', newFolder())
    const whole = `POST /files/ HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Length: 9\r\nContent-Length: 9\r\nContent-Type: application/offset+octet-stream\r\n\r\nabcdefghi`
    for (let cut = 0; cut < whole.length; cut += 7) {
      await new Promise<void>((done) => {
        const socket = open(base)
        socket.once('close', () => done())
        socket.write(whole.slice(0, cut), () => (cut % 2 === 0 ? socket.resetAndDestroy() : socket.destroy()))
      })
    }
    expect((await fetch(base, { method: 'OPTIONS', headers: TUS })).status).toBe(204)
    expect(output()).not.toContain(' ERROR ')
  })
})
