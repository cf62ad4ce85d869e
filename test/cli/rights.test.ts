import { spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { newFolder, run, setUp, start } from './program.ts'

const SECRET = 'a secret of thirty-two bytes, or a bit more'
const OLD_SECRET = 'the one before it, which still is about, too'
const TUS = { 'Tus-Resumable': '1.0.0' }

setUp()

function fileOf(text: string | Uint8Array): string {
  const path = join(newFolder(), 'file')
  writeFileSync(path, text)
  return path
}

function token(claims: Record<string, unknown>, secret = SECRET): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret))
}

async function create(url: string, bearer: string | null, length = 5): Promise<Response> {
  const headers = {
    ...TUS,
    'Upload-Length': String(length),
    ...(bearer !== null && { Authorization: `Bearer ${bearer}` }),
  }
  return fetch(url, { method: 'POST', headers })
}

const head = (url: string, bearer: string) =>
  fetch(url, { method: 'HEAD', headers: { ...TUS, Authorization: `Bearer ${bearer}` } })

describe('bearer tokens', () => {
  it('by the secrets of a file, with quotas, and 403 for the uploads of others', async () => {
    const { url } = await start(
      ...['-upload-dir', newFolder(), '-jwt-secret-file', fileOf(`${SECRET}\n${OLD_SECRET}\r\n`)],
      ...['-jwt-issuer', 'me', '-jwt-owner-claim', 'user.id', '-refuse-with', '403'],
      ...['-max-unfinished-uploads', '2', '-max-unfinished-bytes', '1KiB', '-jwt-clock-tolerance', '30s'],
    )
    const exp = Math.floor(Date.now() / 1000) - 10
    const anna = await token({ iss: 'me', user: { id: 'anna' }, exp })
    const bert = await token({ iss: 'me', user: { id: 'bert' } }, OLD_SECRET)
    const created = await create(url, anna)
    expect(created.status).toBe(201)
    const location = created.headers.get('location') ?? ''
    expect((await head(location, anna)).status).toBe(200)
    expect((await head(location, bert)).status).toBe(403)
    expect((await create(url, bert)).status).toBe(201)
    const missing = await create(url, null)
    expect([missing.status, missing.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="tusker"'])
    expect((await create(url, await token({ iss: 'you', user: { id: 'anna' } }))).status).toBe(401)
    expect((await create(url, anna, 1020)).status).toBe(507)
    expect((await create(url, anna)).status).toBe(201)
    expect((await create(url, anna)).status).toBe(429)
    expect((await create(`${url}?access_token=${anna}`, null)).status).toBe(401)
  })

  it('by a public key, as long as its algorithm is one that was asked for', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const key = fileOf(publicKey.export({ type: 'spki', format: 'pem' }).toString())
    const { url } = await start('-upload-dir', newFolder(), '-jwt-key-file', key, '-jwt-algorithms', 'RS256,PS256')
    const signed = (alg: string) => new SignJWT({ sub: 'anna' }).setProtectedHeader({ alg }).sign(privateKey)
    expect((await create(url, await signed('PS256'))).status).toBe(201)
    expect((await create(url, await signed('RS512'))).status).toBe(401)
  })

  it('by a key set that does not answer: 503, and the log says why', async () => {
    const program = await start('-upload-dir', newFolder(), '-jwt-jwks-url', 'http://127.0.0.1:1/keys')
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const signed = await new SignJWT({ sub: 'anna' }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey)
    expect((await create(program.url, signed)).status).toBe(503)
    expect(program.output()).toMatch(/the keys of the issuer cannot be fetched/)
    expect(program.output()).toMatch(/https keeps them out/)
  })

  it('a secret that every user of the machine can read is warned of, without the secret', async () => {
    const file = fileOf(SECRET)
    for (const [mode, warned] of [
      [0o644, true],
      [0o640, false],
      [0o600, false],
    ] as const) {
      chmodSync(file, mode)
      const program = await start('-upload-dir', newFolder(), '-jwt-secret-file', file, '-verbose=false')
      expect(program.output().includes(`WARN rights.secret_readable path=${file}`), mode.toString(8)).toBe(warned)
      expect(program.output()).not.toContain(SECRET)
    }
  })

  it('a file of secrets may begin with the mark that editors of Windows write', async () => {
    const { url } = await start('-upload-dir', newFolder(), '-jwt-secret-file', fileOf(`\ufeff${SECRET}\r\n`))
    expect((await create(url, await token({ sub: 'anna' }))).status).toBe(201)
  })

  it('creations of one address are limited without any token', async () => {
    const { url } = await start('-upload-dir', newFolder(), '-max-creations-per-minute-per-address', '2')
    const statuses = [await create(url, null), await create(url, null), await create(url, null)]
    expect(statuses.map(({ status }) => status)).toEqual([201, 201, 429])
  })
})

describe('tusker sign-url', () => {
  it('prints a link that allows what it says', async () => {
    const file = fileOf(`${SECRET}\n${OLD_SECRET}\n`)
    const { url } = await start('-upload-dir', newFolder(), '-jwt-secret-file', file, '-jwt-in-url')
    const flags = ['--max-size', '1KiB', '--operations', 'create,append,head', '-expires=10m', '-owner', 'anna']
    const { code, stdout, stderr } = await run('sign-url', '--secret-file', file, ...flags, url)
    expect([code, stderr]).toEqual([0, ''])
    const link = stdout.trimEnd()
    expect(link.startsWith(`${url}?access_token=`)).toBe(true)
    expect((await create(link, null, 1025)).status).toBe(413)
    const created = await create(link, null)
    const location = created.headers.get('location') ?? ''
    expect(new URL(location).search).toBe(new URL(link).search)
    expect((await fetch(location, { method: 'HEAD', headers: TUS })).status).toBe(200)
    expect((await fetch(location, { method: 'DELETE', headers: TUS })).status).toBe(404)
    expect((await head(location.replace(/\?.*/, ''), await token({ sub: 'anna' }, OLD_SECRET))).status).toBe(200)
  })

  it('has a help of its own, which the other mentions', async () => {
    const own = await run('sign-url', '--help')
    expect(own).toMatchObject({ code: 0, stderr: '' })
    expect(own.stdout).toContain('Usage: tusker sign-url -secret-file <file> [flags] <url>')
    expect(Math.max(...own.stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(92)
    expect((await run('-help')).stdout).toContain('tusker sign-url [flags] <url>')
  })

  it.each<readonly [string, readonly string[], string]>([
    ['no URL', ['-secret-file', 'x'], 'there is no URL to sign'],
    ['no secret', ['http://localhost/files/'], '-secret-file is needed'],
    ['two URLs', ['-secret-file', 'x', 'http://a/', 'http://b/'], 'unexpected argument http://b/'],
    ['a misspelt flag', ['-max-sise', '1', 'http://a/'], 'did you mean -max-size?'],
    ['a value of the wrong kind', ['-expires', 'soon', 'http://a/'], 'invalid value "soon" for flag -expires'],
    ['a value that is forgotten', ['http://a/', '-owner'], 'flag -owner needs a value'],
  ])('%s ends it with one line', async (_, args, line) => {
    const { code, stdout, stderr } = await run('sign-url', ...args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(line)
    expect(stderr.trimEnd()).not.toContain('\n')
  })

  it('says what is wrong with URL, operations and secret, without the secret', async () => {
    const sign = (secret: string, ...args: readonly string[]) =>
      run('sign-url', '-secret-file', fileOf(secret), ...args)
    expect((await sign(SECRET, '/files/')).stderr).toContain('url must be an absolute URL')
    expect((await sign(SECRET, '-operations', 'fly', 'http://a/')).stderr).toContain(
      'operations must be a list of create',
    )
    const binary = await run('sign-url', '-secret-file', fileOf(new Uint8Array(16).fill(0x80)), 'http://a/')
    expect([binary.code, binary.stdout]).toEqual([1, ''])
    expect(binary.stderr).toContain('it is no text in UTF-8')
    const short = await sign('too-short', 'http://a/')
    expect(short.stderr).toBe('tusker: cannot sign: secret must have at least 32 bytes, but has 9\n')
  })
})

describe('what makes no sense ends the start with one line', () => {
  const missing = join('no', 'such', 'file')

  it.each<readonly [string, () => readonly string[], number, string]>([
    [
      'two kinds of keys',
      () => ['-jwt-secret-file', missing, '-jwt-jwks-url', 'https://a.example/'],
      2,
      'flags -jwt-secret-file and -jwt-jwks-url exclude each other',
    ],
    ['an issuer without a key', () => ['-jwt-issuer', 'me'], 2, 'flag -jwt-issuer is of no use alone'],
    ['links without a key', () => ['-jwt-in-url'], 2, 'flag -jwt-in-url is of no use alone'],
    ['a file that is not there', () => ['-jwt-secret-file', missing], 1, 'cannot read -jwt-secret-file: ENOENT'],
    ['a key that is not there', () => ['-jwt-key-file', missing], 1, 'cannot read -jwt-key-file: ENOENT'],
    ['an empty file', () => ['-jwt-secret-file', fileOf('\n')], 1, 'it is empty'],
    [
      'a secret that is no text, and would look longer than it is',
      () => ['-jwt-secret-file', fileOf(new Uint8Array(16).fill(0x80))],
      1,
      'it is no text in UTF-8; openssl rand -base64 32 makes a secret that is',
    ],
    [
      'a short secret among others',
      () => ['-jwt-secret-file', fileOf(`${SECRET}\nhunter2`)],
      1,
      'cannot use -jwt-secret-file: secret[1] must have at least 32 bytes, but has 7',
    ],
    [
      'a key that is none',
      () => ['-jwt-key-file', fileOf(SECRET)],
      1,
      'cannot use -jwt-key-file: key must be a public key',
    ],
    [
      'a URL that is none',
      () => ['-jwt-jwks-url', 'keys'],
      1,
      'cannot use -jwt-jwks-url: jwksUrl must be an absolute URL',
    ],
    [
      'an algorithm that does not go with the key',
      () => ['-jwt-secret-file', fileOf(SECRET), '-jwt-algorithms', 'RS256'],
      2,
      'cannot use -jwt-algorithms: algorithms must be a list of some',
    ],
    ['a claim without a name', () => ['-jwt-owner-claim='], 2, 'invalid value "" for flag -jwt-owner-claim'],
    ['another way to refuse', () => ['-refuse-with', '401'], 2, 'choose one of 404, 403'],
  ])('%s', async (_, args, expected, line) => {
    const { code, stderr } = await run('-upload-dir', newFolder(), '-port', '0', '-host', '127.0.0.1', ...args())
    expect(stderr).toContain(line)
    expect(stderr.trimEnd()).not.toContain('\n')
    expect(stderr).not.toContain('hunter2')
    expect(code).toBe(expected)
  })
})

it('without jose a server starts, and one that asks for tokens says what to install', () => {
  const folder = newFolder()
  for (const name of ['bin', 'dist', 'package.json']) cpSync(name, join(folder, name), { recursive: true })
  mkdirSync(join(folder, 'node_modules'))
  for (const name of ['content-disposition', 'structured-headers']) {
    symlinkSync(join(process.cwd(), 'node_modules', name), join(folder, 'node_modules', name))
  }
  const alone = (...args: readonly string[]) =>
    spawnSync(process.execPath, [join(folder, 'bin', 'tusker.js'), ...args], { encoding: 'utf8' }).stderr
  const advice = 'needs a package that is not installed: npm install jose beside tusker\n'
  const file = fileOf(SECRET)
  expect(alone('-jwt-secret-file', file)).toBe(`tusker: flag -jwt-secret-file ${advice}`)
  expect(alone('sign-url', '-secret-file', file, 'http://a/')).toBe(`tusker: tusker sign-url ${advice}`)
  // So far that it takes the folder
  const blocked = ['-upload-dir', join(folder, 'package.json'), '-host', '127.0.0.1', '-port', '0']
  expect(alone(...blocked)).toContain('there is a file in the way')
})
