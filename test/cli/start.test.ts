import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { create, head, offsetOf, patch, sample, TUS } from './client.ts'
import { newFolder, run, setUp, start } from './program.ts'

setUp()

describe('the first lines', () => {
  test('tell the versions, the folder, the locker, the limits, the extensions, and a URL that works', async () => {
    const directory = newFolder()
    const folder = relative(process.cwd(), directory)
    const program = await start('-upload-dir', folder, '-max-size', '10MiB', '-expire-after', '24h')
    const lines = program.output().split('\n')
    expect(lines[0]).toMatch(/^tusker \d+\.\d+\.\d+ \(Node\.js \d+/)
    expect(lines).toContain(`storing in ${directory} (disk, durability finish)`)
    expect(lines).toContain('locking by file: other processes may serve the same folder')
    expect(lines).toContain('largest upload: 10 MiB')
    expect(lines).toContain('unfinished uploads expire after 24h')
    const answer = await fetch(program.url, { method: 'OPTIONS' })
    expect(program.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/files\/$/)
    expect(answer.headers.get('Tus-Max-Size')).toBe('10485760')
    const extensions = answer.headers.get('Tus-Extension')?.split(/, */) ?? []
    expect(extensions).toContain('expiration')
    expect(lines).toContain(`tus extensions: ${extensions.join(', ')}`)
  })

  test('name localhost where every interface is bound', async () => {
    const program = await start('-host', '0.0.0.0', '-upload-dir', newFolder())
    const { port } = new URL(program.url)
    expect(program.output()).toContain(
      `\nlistening on http://localhost:${port}/files/ (on every interface: 0.0.0.0:${port})\n`,
    )
    expect((await fetch(program.url, { method: 'OPTIONS' })).status).toBe(204)
  })
})

describe('base path', () => {
  test.each([
    ['files', '/files/'],
    ['/files', '/files/'],
    ['/', '/'],
    ['/a/b/', '/a/b/'],
  ])('%s serves uploads below %s', async (basePath, served) => {
    const program = await start('-base-path', basePath, '-upload-dir', newFolder())
    expect(new URL(program.url).pathname).toBe(served)
    const url = await create(program.url, 3)
    expect(new URL(url).pathname.startsWith(served)).toBe(true)
    expect((await patch(url, 0, sample(3))).status).toBe(204)
    expect(new Uint8Array(await (await fetch(url)).arrayBuffer())).toEqual(sample(3))
  })
})

describe('settings', () => {
  test('-max-size refuses what is larger, and takes what is as large', async () => {
    const program = await start('-max-size', '10', '-upload-dir', newFolder())
    await create(program.url, 10)
    await expect(create(program.url, 11)).rejects.toThrow('413')
  })

  test('-disable-download, -disable-termination and -disable-concatenation refuse just that', async () => {
    const flags = ['-disable-download', '-disable-termination', '-disable-concatenation']
    const program = await start(...flags, '-upload-dir', newFolder())
    const url = await create(program.url, 3)
    expect((await patch(url, 0, sample(3))).status).toBe(204)
    expect((await fetch(url)).status).toBe(405)
    expect((await fetch(url, { method: 'DELETE', headers: TUS })).status).toBe(405)
    await expect(create(program.url, 3, { 'Upload-Concat': 'partial' })).rejects.toThrow('501')
    expect(await offsetOf(url)).toBe(3)
    expect(program.output()).not.toMatch(/^tus extensions: .*(termination|concatenation)/m)
  })

  test('-dir-perms and -file-perms hold for what is created', async () => {
    const directory = join(newFolder(), 'up')
    const program = await start('-upload-dir', directory, '-dir-perms', '700', '-file-perms', '600')
    const url = await create(program.url, 3)
    await patch(url, 0, sample(3))
    const id = url.split('/').at(-1) ?? ''
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    expect(statSync(join(directory, id)).mode & 0o777).toBe(0o600)
    expect(statSync(join(directory, `${id}.info`)).mode & 0o777).toBe(0o600)
  })

  test('-verbose=false keeps the log of ordinary requests quiet', async () => {
    const program = await start('-verbose=false', '-upload-dir', newFolder())
    const url = await create(program.url, 3)
    expect((await patch(url, 9, sample(3))).status).toBe(409)
    expect((await patch(url, 0, sample(3))).status).toBe(204)
    expect(program.output().split('\n').at(-2)).toMatch(/^listening on /)
  })

  test.each(['file', 'memory'])('-locker %s and -durability always take an upload', async (locker) => {
    const program = await start('-locker', locker, '-durability', 'always', '-upload-dir', newFolder())
    const url = await create(program.url, 5)
    expect((await patch(url, 0, sample(5))).status).toBe(204)
    expect((await head(url)).headers.get('Upload-Offset')).toBe('5')
  })
})

describe('a start that fails', () => {
  test('names the port that is in use, and what to do', async () => {
    const { port } = new URL((await start('-upload-dir', newFolder())).url)
    const ended = await run('-host', '127.0.0.1', '-port', port, '-upload-dir', newFolder())
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toBe(
      `tusker: cannot listen on 127.0.0.1:${port}: the port is in use; stop the program that uses it, or choose another -port\n`,
    )
  })

  test('names an address that is not of this machine', async () => {
    const ended = await run('-host', '192.0.2.1', '-port', '0', '-upload-dir', newFolder())
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toBe(
      'tusker: cannot listen on 192.0.2.1:0: this machine has no such address; choose another -host\n',
    )
  })

  test('names a folder that cannot be one', async () => {
    const file = join(newFolder(), 'file')
    writeFileSync(file, '')
    const ended = await run('-host', '127.0.0.1', '-port', '0', '-upload-dir', file)
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toBe(`tusker: cannot start: uploads cannot be stored in ${file}: there is a file in the way\n`)
  })
})

describe('a Unix socket', () => {
  function options(socketPath: string): Promise<number | undefined> {
    return new Promise((done, fail) => {
      const asked = request({ socketPath, path: '/files/', method: 'OPTIONS' }, (answer) => {
        answer.resume()
        done(answer.statusCode)
      })
      asked.once('error', fail)
      asked.end()
    })
  }

  test('is listened on, announced, and removed at the end', async () => {
    const path = join(newFolder(), 'tusker.sock')
    const program = await start('-unix-sock', path, '-upload-dir', newFolder())
    expect(program.output()).toContain(`\nlistening on the socket ${path}, base path /files/\n`)
    expect(await options(path)).toBe(204)
    program.kill('SIGTERM')
    expect(await program.ended()).toMatchObject({ code: 0 })
    expect(existsSync(path)).toBe(false)
  })

  test('that a killed server left behind is taken over', async () => {
    const path = join(newFolder(), 'tusker.sock')
    const first = await start('-unix-sock', path, '-upload-dir', newFolder())
    first.kill('SIGKILL')
    await first.ended()
    expect(existsSync(path)).toBe(true)
    await start('-unix-sock', path, '-upload-dir', newFolder())
    expect(await options(path)).toBe(204)
  })

  test('of a running server is left alone', async () => {
    const path = join(newFolder(), 'tusker.sock')
    await start('-unix-sock', path, '-upload-dir', newFolder())
    const ended = await run('-unix-sock', path, '-upload-dir', newFolder())
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toBe(
      `tusker: cannot listen on ${path}: a running program listens there; stop it, or choose another -unix-sock\n`,
    )
    expect(await options(path)).toBe(204)
  })

  test('does not replace a file', async () => {
    const path = join(newFolder(), 'tusker.sock')
    writeFileSync(path, 'precious')
    const ended = await run('-unix-sock', path, '-upload-dir', newFolder())
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain('a file is there that is no socket')
    expect(statSync(path).size).toBe(8)
  })

  test('in a folder that does not exist, or with a path too long to be one, is refused', async () => {
    const folder = newFolder()
    const missing = await run('-unix-sock', join(folder, 'no', 'tusker.sock'), '-upload-dir', newFolder())
    expect(missing.code).toBe(1)
    expect(missing.stderr).toContain('the folder does not exist')
    mkdirSync(join(folder, 'x'.repeat(120)))
    const long = await run('-unix-sock', join(folder, 'x'.repeat(120), 'sock'), '-upload-dir', newFolder())
    expect(long.code).toBe(1)
    expect(long.stderr).toMatch(/a socket's path has at most \d+ bytes\n$/)
  })
})
