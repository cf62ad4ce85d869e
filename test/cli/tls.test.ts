import { readFileSync, writeFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { describe, expect, test, vi } from 'vitest'
import { selfSigned } from '../support/certificate.ts'
import { raw } from './client.ts'
import { newFolder, type Program, run, setUp, start } from './program.ts'

setUp()

/** Writes a new certificate and its key; returns the flags that name them. */
function certificate(folder: string, { cert, key } = selfSigned()): readonly string[] {
  const paths = [join(folder, 'cert.pem'), join(folder, 'key.pem')] as const
  writeFileSync(paths[0], cert)
  writeFileSync(paths[1], key)
  return ['-tls-certificate', paths[0], '-tls-key', paths[1]]
}

/** A connection after the handshake; rejects if there is none. */
function shake(url: string, options: ConnectionOptions): Promise<TLSSocket> {
  const port = Number(new URL(url).port)
  return new Promise((done, fail) => {
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ...options }, () => done(socket))
    socket.once('error', fail)
  })
}

/** What the server offers: protocol, cipher and application, or why there is none. */
async function offer(url: string, options: ConnectionOptions): Promise<string> {
  try {
    const socket = await shake(url, { rejectUnauthorized: false, ALPNProtocols: ['h2', 'http/1.1'], ...options })
    const offered = `${socket.getProtocol()} ${socket.getCipher().name} ${socket.alpnProtocol}`
    socket.destroy()
    return offered
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error)
  }
}

/** Serial number of the certificate that new connections get. */
async function serial(url: string): Promise<string> {
  const socket = await shake(url, { rejectUnauthorized: false })
  const { serialNumber } = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber
}

/** Status of OPTIONS on an HTTP/2 session of its own. */
function options(program: Program, ca: string): Promise<number> {
  return new Promise((done, fail) => {
    const session = connectHttp2(new URL(program.url).origin, { ca, servername: 'localhost' })
    session.once('error', fail)
    const stream = session.request({ ':method': 'OPTIONS', ':path': '/files/' })
    stream.once('error', fail)
    stream.once('response', (headers) => {
      session.close()
      done(headers[':status'] ?? 0)
    })
  })
}

describe('TLS', () => {
  test('serves HTTPS, speaks HTTP/2 and HTTP/1.1 by ALPN, and names https in the first lines', async () => {
    const folder = newFolder()
    const made = selfSigned()
    const program = await start(...certificate(folder, made), '-upload-dir', newFolder())
    expect(program.url).toMatch(/^https:/)
    expect(await options(program, made.cert)).toBe(204)
    expect(await offer(program.url, {})).toMatch(/ h2$/)
    expect(await offer(program.url, { ALPNProtocols: ['http/1.1'] })).toMatch(/ http\/1\.1$/)
    expect(await offer(program.url, { ALPNProtocols: [] })).toMatch(/ false$/)
    const socket = await shake(program.url, { ca: made.cert, ALPNProtocols: ['http/1.1'] })
    socket.write('OPTIONS /files/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    const answer: Buffer[] = await socket.toArray()
    expect(Buffer.concat(answer).toString()).toMatch(/^HTTP\/1\.1 204 /)
  })

  test('cuts a client that does not speak it, and goes on', async () => {
    const made = selfSigned()
    const program = await start(...certificate(newFolder(), made), '-upload-dir', newFolder())
    await raw(program.url, 'OPTIONS /files/ HTTP/1.1\r\nHost: x\r\n\r\n').catch(() => '')
    expect(await options(program, made.cert)).toBe(204)
  })

  const strong = 'ECDHE-ECDSA-AES256-GCM-SHA384'
  const weak = 'ECDHE-ECDSA-AES128-GCM-SHA256'
  const only12 = { maxVersion: 'TLSv1.2' } as const
  const only13 = { minVersion: 'TLSv1.3' } as const
  test.each([
    ['tls12', only13, /^TLSv1\.3 /],
    ['tls12', { ...only12, ciphers: weak }, new RegExp(`^TLSv1.2 ${weak} `)],
    ['tls12', { ...only12, ciphers: 'ECDHE-ECDSA-AES128-SHA' }, /^(ERR_SSL|ECONN|EPROTO)/],
    ['tls12', { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' }, /^(ERR_SSL|ECONN|EPROTO)/],
    ['tls12-strong', { ...only12, ciphers: strong }, new RegExp(`^TLSv1.2 ${strong} `)],
    ['tls12-strong', { ...only12, ciphers: weak }, /^(ERR_SSL|ECONN|EPROTO)/],
    ['tls12-strong', only13, /^(ERR_SSL|ECONN|EPROTO)/],
    ['tls13', only13, /^TLSv1\.3 /],
    ['tls13', only12, /^(ERR_SSL|ECONN|EPROTO)/],
  ] as const)('-tls-mode %s with a client of %j gives %s', async (mode, client, expected) => {
    const program = await start(...certificate(newFolder()), '-tls-mode', mode, '-upload-dir', newFolder())
    expect(await offer(program.url, client)).toMatch(expected)
  })
})

describe('a reload by SIGHUP', () => {
  test('serves the new certificate to new connections, and keeps those that are open', async () => {
    const folder = newFolder()
    const program = await start(...certificate(folder), '-upload-dir', newFolder())
    const before = await serial(program.url)
    const open = await shake(program.url, { rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
    certificate(folder)
    program.kill('SIGHUP')
    await vi.waitFor(() => expect(program.output()).toContain(' INFO tls.reloaded'), 60_000)
    expect(await serial(program.url)).not.toBe(before)
    open.write('OPTIONS /files/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    expect(Buffer.concat(await open.toArray()).toString()).toMatch(/^HTTP\/1\.1 204 /)
  })

  test('that fails keeps the certificate, and says why and what to do', async () => {
    const folder = newFolder()
    const program = await start(...certificate(folder), '-upload-dir', newFolder())
    const before = await serial(program.url)
    const key = readFileSync(join(folder, 'key.pem'))
    certificate(folder)
    writeFileSync(join(folder, 'key.pem'), key)
    program.kill('SIGHUP')
    await vi.waitFor(() => expect(program.output()).toMatch(/ ERROR tls\.reload_failed .*hint=/), 60_000)
    await vi.waitFor(() => expect(program.output()).toContain('the key belongs to another certificate'), 60_000)
    expect(await serial(program.url)).toBe(before)
  })
})

describe('a start with a certificate that cannot be used', () => {
  test.each<[string, (folder: string) => readonly string[], RegExp, number]>([
    ['no key', (folder) => certificate(folder).slice(0, 2), /flag -tls-certificate .* give -tls-key, too/, 2],
    ['no certificate', (folder) => certificate(folder).slice(2), /flag -tls-key .* give -tls-certificate, too/, 2],
    [
      'a file that is missing',
      (folder) => ['-tls-certificate', join(folder, 'none'), ...certificate(folder).slice(2)],
      /cannot read -tls-certificate: ENOENT/,
      1,
    ],
    [
      'the key of another',
      (folder) => certificate(folder, { ...selfSigned(), key: selfSigned().key }),
      /cannot use .*cert\.pem with .*key\.pem: the key belongs to another certificate/,
      1,
    ],
    [
      'a file that is no certificate',
      (folder) => certificate(folder, { ...selfSigned(), cert: 'garbage' }),
      /cannot use .*cert\.pem: no certificate in PEM is in it; choose another -tls-certificate/,
      1,
    ],
  ])('says so in one line: %s', async (_, flags, line, code) => {
    const ended = await run('-host', '127.0.0.1', '-port', '0', '-upload-dir', newFolder(), ...flags(newFolder()))
    expect(ended).toMatchObject({ code, stdout: '' })
    expect(ended.stderr).toMatch(line)
    expect(ended.stderr.trimEnd()).not.toContain('\n')
  })

  test('warns of one that has expired, and serves it', async () => {
    const expired = selfSigned(new Date(Date.now() - 7_200_000), new Date(Date.now() - 3_600_000))
    const program = await start(...certificate(newFolder(), expired), '-upload-dir', newFolder())
    await vi.waitFor(() => expect(program.output()).toMatch(/ WARN tls\.certificate_out_of_date .*hint=/), 60_000)
    expect(await offer(program.url, {})).toMatch(/ h2$/)
  })
})
