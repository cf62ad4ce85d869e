import { statSync } from 'node:fs'
import { request } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { afterStalls } from '../support/calm.ts'
import { create, open, raw, TUS } from './client.ts'
import { newFolder, setUp, start } from './program.ts'

setUp()

const sockets = new Set<Socket>()
afterEach(() => {
  for (const socket of sockets) socket.destroy()
  sockets.clear()
})

/** A connection that the server has taken. */
async function occupy(url: string): Promise<Socket> {
  const socket = open(url)
  sockets.add(socket)
  socket.on('error', () => undefined)
  await new Promise((done) => socket.once('connect', done))
  return socket
}

const closed = (socket: Socket) => new Promise((done) => socket.once('close', done).resume())

/** The status of OPTIONS on a connection of its own; what the error is called if there is no answer. */
async function status(url: string): Promise<string> {
  const text = await raw(url, 'OPTIONS /files/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n').catch(() => '')
  return /^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 'closed'
}

describe('limits on connections', () => {
  test.each(['-max-connections', '-max-connections-per-address'])(
    '%s closes what is too much, leaves the others alone, and takes more when they have gone',
    async (flag) => {
      const program = await start(flag, '3', '-upload-dir', newFolder())
      const three = [await occupy(program.url), await occupy(program.url), await occupy(program.url)]
      await closed(await occupy(program.url))
      expect(await status(program.url)).toBe('closed')
      await vi.waitFor(
        () => expect(program.output()).toMatch(new RegExp(` WARN server\\.connections_refused .*hint="raise ${flag} `)),
        60_000,
      )
      const answered = new Promise<Buffer>((done) => three[0]?.once('data', done))
      three[0]?.write('OPTIONS /files/ HTTP/1.1\r\nHost: x\r\n\r\n')
      expect((await answered).toString()).toMatch(/^HTTP\/1\.1 204 /)
      for (const socket of three) socket.destroy()
      await vi.waitFor(async () => expect(await status(program.url)).toBe('204'), 60_000)
    },
  )
})

describe('-max-requests-per-second', () => {
  test('answers 429 with the time to wait, and serves again after it', async () => {
    const program = await start('-max-requests-per-second', '1', '-upload-dir', newFolder())
    const ask = () => fetch(program.url, { method: 'OPTIONS', headers: { ...TUS, Origin: 'http://page.example' } })
    const answers = await Promise.all(Array.from({ length: 30 }, ask))
    const refused = answers.filter((answer) => answer.status === 429)
    expect(refused.length).toBeGreaterThan(5)
    expect(answers.filter((answer) => answer.status === 204).length).toBeGreaterThanOrEqual(10)
    expect(Number(refused[0]?.headers.get('Retry-After'))).toBeGreaterThanOrEqual(1)
    expect(await refused[0]?.text()).toMatch(/^ERR_TOO_MANY_REQUESTS: /)
    // A page may read it
    expect(refused[0]?.headers.get('Access-Control-Allow-Origin')).not.toBeNull()
    await vi.waitFor(async () => expect((await ask()).status).toBe(204), { timeout: 60_000, interval: 500 })
  })
})

describe('time limits', { retry: afterStalls }, () => {
  test('-header-timeout ends a connection whose header does not come, be it slow or silent', async () => {
    const program = await start('-header-timeout', '400ms', '-upload-dir', newFolder())
    const slow = await occupy(program.url)
    slow.write('OPTIONS /files/ HTTP/1.1\r\nHo')
    const dribble = setInterval(() => slow.write('s'), 50)
    await Promise.all([closed(slow), closed(await occupy(program.url))])
    clearInterval(dribble)
    expect(await status(program.url)).toBe('204')
  })

  test('-header-timeout holds before anybody knows what is spoken, too', async () => {
    const program = await start('-enable-h2c', '-header-timeout', '400ms', '-upload-dir', newFolder())
    const slow = await occupy(program.url)
    slow.write('PRI * HTTP')
    await Promise.all([closed(slow), closed(await occupy(program.url))])
    expect(await status(program.url)).toBe('204')
  })

  test('-header-timeout does not end a body that takes longer', async () => {
    const program = await start('-header-timeout', '200ms', '-upload-dir', newFolder())
    const url = await create(program.url, 20)
    const socket = await occupy(url)
    const head =
      `PATCH ${new URL(url).pathname} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n` +
      'Content-Type: application/offset+octet-stream\r\nContent-Length: 20\r\nConnection: close\r\n\r\n'
    socket.write(head)
    let sent = 0
    const dribble = setInterval(() => sent < 20 && socket.write(Buffer.from([sent++])), 50)
    const answer = await new Promise<Buffer>((done) => socket.once('data', done))
    clearInterval(dribble)
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 204 /)
  })

  test('-keep-alive-timeout ends a connection that is idle', async () => {
    const program = await start('-keep-alive-timeout', '300ms', '-upload-dir', newFolder())
    const socket = await occupy(program.url)
    socket.write('OPTIONS /files/ HTTP/1.1\r\nHost: x\r\n\r\n')
    await new Promise((done) => socket.once('data', done))
    await closed(socket)
  })
})

describe('-max-header-bytes', () => {
  test('answers 431 beyond', async () => {
    const program = await start('-max-header-bytes', '8KiB', '-upload-dir', newFolder())
    const metadata = (size: number) => ({ 'Upload-Metadata': `k ${Buffer.alloc(size, 'v').toString('base64')}` })
    await create(program.url, 1, metadata(4000))
    await expect(create(program.url, 1, metadata(9000))).rejects.toThrow('431')
  })
})

describe('-unix-sock-perms', () => {
  test.each([
    [[], 0o660],
    [['-unix-sock-perms', '600'], 0o600],
    [['-unix-sock-perms', '0o777'], 0o777],
  ] as const)('%j sets the permissions of the socket, and of nothing else', async (flags, mode) => {
    const [folder, directory] = [newFolder(), newFolder()]
    const path = join(folder, 'tusker.sock')
    await start('-unix-sock', path, ...flags, '-upload-dir', directory, '-file-perms', '644')
    expect(statSync(path).mode & 0o777).toBe(mode)
    const url = await new Promise<string>((done, fail) => {
      const headers = { ...TUS, 'Upload-Length': '5' }
      const asked = request({ socketPath: path, path: '/files/', method: 'POST', headers }, (answer) => {
        answer.resume()
        done(answer.headers.location ?? '')
      })
      asked.once('error', fail).end()
    })
    expect(url).toMatch(/^http:\/\/localhost\/files\//)
    expect(statSync(join(directory, url.split('/').at(-1) ?? '')).mode & 0o777).toBe(0o644)
  })

  test('hold from the first moment at which the socket is there', async () => {
    const path = join(newFolder(), 'tusker.sock')
    const seen = new Set<number>()
    const watch = setInterval(() => {
      const found = statSync(path, { throwIfNoEntry: false })
      if (found !== undefined) seen.add(found.mode & 0o777)
    }, 0)
    await start('-unix-sock', path, '-unix-sock-perms', '600', '-upload-dir', newFolder())
    await vi.waitFor(() => expect(seen.size).toBeGreaterThan(0), 60_000)
    clearInterval(watch)
    expect([...seen]).toEqual([0o600])
  })
})
