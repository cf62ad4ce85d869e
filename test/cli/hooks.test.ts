import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { newFolder, type Program, run, setUp, start } from './program.ts'

setUp()

const EXAMPLES = fileURLToPath(new URL('../../examples/hooks/', import.meta.url))
const TUS = { 'Tus-Resumable': '1.0.0' }
const OCTETS = { ...TUS, 'Content-Type': 'application/offset+octet-stream' }
const metadata = (fields: Readonly<Record<string, string>>): string =>
  Object.entries(fields)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    .join(',')

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

const post = (program: Program, fields: Readonly<Record<string, string>>, headers = {}) =>
  fetch(program.url, {
    method: 'POST',
    headers: { ...TUS, 'Upload-Length': '5', 'Upload-Metadata': metadata(fields), ...headers },
  })
const patch = (url: string) =>
  fetch(url, { method: 'PATCH', headers: { ...OCTETS, 'Upload-Offset': '0' }, body: 'hello' })
const locationOf = (answer: Response) => answer.headers.get('location') ?? ''

/** Starts an example, and waits until it listens. Returns its URL. */
async function example(name: string, environment: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [join(EXAMPLES, name)], {
    env: { ...process.env, PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  let printed = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    printed += chunk
  })
  await vi.waitFor(() => expect(printed).toContain('listening on'), 60_000)
  return { url: /http:\S+/.exec(printed)?.[0] ?? '', printed: () => printed }
}

describe('hooks on the command line', () => {
  it('by executable files: the example refuses, files by day, and hears of the end', async () => {
    const folder = newFolder()
    const args = ['-hooks-dir', join(EXAMPLES, 'files'), '-hooks-enabled-events', '', '-upload-dir', folder]
    const program = await start(...args)
    expect(program.output()).toContain(`hooks by the files in ${join(EXAMPLES, 'files')}: pre-create, `)
    const refused = await post(program, { filetype: 'text/html' })
    expect([refused.status, await refused.text()]).toEqual([415, 'pictures only\n'])
    const made = await post(program, { filetype: 'image/png' })
    expect(made.status).toBe(201)
    expect((await patch(locationOf(made))).status).toBe(204)
    const day = readdirSync(folder).find((name) => /^\d{4}-\d\d-\d\d$/.test(name)) ?? ''
    const [file = ''] = readdirSync(join(folder, day))
    expect(readFileSync(join(folder, day, file), 'utf8')).toBe('hello')
    program.kill('SIGTERM')
    expect((await program.ended()).stderr).toMatch(/post-finish: [0-9a-f]{32} has 5 bytes/)
  })

  it('by HTTP: the example trusts the signature, refuses, adds to the reply, and hears of the end', async () => {
    const folder = newFolder()
    const secret = join(folder, 'secret')
    writeFileSync(secret, `whsec_${Buffer.from('x'.repeat(32)).toString('base64')}\n`)
    const server = await example('http-server.js', { SECRET_FILE: secret })
    const args = ['-hooks-http', server.url, '-hooks-http-secret-file', secret, '-hooks-enabled-events', '']
    const program = await start(...args, '-upload-dir', join(folder, 'up'))
    expect((await post(program, { other: 'x' })).status).toBe(400)
    const made = await post(program, { filename: 'a.txt' })
    const finished = await patch(locationOf(made))
    expect([finished.status, finished.headers.get('x-checked')]).toEqual([204, 'yes'])
    await vi.waitFor(() => expect(server.printed()).toContain('(a.txt), event '), 60_000)
    const stranger = await fetch(server.url, { method: 'POST', body: '{}' })
    expect(stranger.status).toBe(401)
  })

  it('by a module: the example refuses who has no name, and hears of the end', async () => {
    const program = await start(
      ...['-hooks-plugin', join(EXAMPLES, 'module.js'), '-hooks-enabled-events', '', '-upload-dir', newFolder()],
    )
    expect((await post(program, {})).status).toBe(401)
    const made = await post(program, {}, { 'X-User': 'anna' })
    await patch(locationOf(made))
    await vi.waitFor(
      () => expect(program.output()).toMatch(/finished [0-9a-f]{32} of anna, event \S+, attempt 1/),
      60_000,
    )
  })

  it('several at once, each at events of its own', async () => {
    const folder = newFolder()
    const files = join(folder, 'hooks')
    mkdirSync(files)
    for (const name of ['pre-create', 'post-finish']) {
      writeFileSync(join(files, name), `#!/bin/sh\ntouch ${join(folder, `file-${name}`)}\n`)
      chmodSync(join(files, name), 0o755)
    }
    const module = join(folder, 'hooks.mjs')
    writeFileSync(
      module,
      `import { writeFileSync } from 'node:fs'
       const note = (name) => () => writeFileSync(${JSON.stringify(join(folder, 'module-'))} + name, '')
       export default async () => ({ preCreate: note('pre-create'), postFinish: note('post-finish') })`,
    )
    const program = await start(
      ...['-hooks-dir', files, '-hooks-dir-events', 'post-finish'],
      ...['-hooks-plugin', module, '-hooks-plugin-events', 'pre-create', '-upload-dir', join(folder, 'up')],
    )
    await patch(locationOf(await post(program, {})))
    await vi.waitFor(() => expect(readdirSync(folder)).toContain('file-post-finish'), 60_000)
    expect(readdirSync(folder)).toContain('module-pre-create')
    expect(readdirSync(folder)).not.toContain('file-pre-create')
    expect(readdirSync(folder)).not.toContain('module-post-finish')
  })

  it('by a module in CommonJS', async () => {
    const folder = newFolder()
    const module = join(folder, 'hooks.cjs')
    writeFileSync(module, 'exports.preCreate = () => ({ reject: true, reply: { status: 418 } })')
    const program = await start('-hooks-plugin', module, '-upload-dir', join(folder, 'up'))
    expect((await post(program, {})).status).toBe(418)
  })

  it('a failing hook refuses the creation, and the client learns nothing of it', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, 'pre-create'), '#!/bin/sh\necho "secret of the operator" && exit 1\n')
    chmodSync(join(folder, 'pre-create'), 0o755)
    const program = await start('-hooks-dir', folder, '-upload-dir', join(folder, 'up'))
    const answer = await post(program, {})
    expect([answer.status, await answer.text()]).toEqual([500, 'ERR_HOOK_FAILED: a hook failed\n'])
    expect(program.output()).toContain('the hook pre-create ended with the exit code 1')
  })

  it.each([
    [['-hooks-enabled-events', 'pre-creat'], 'pre-creat is no event; did you mean pre-create?'],
    [['-hooks-http-events', 'finish-line'], 'finish-line is no event'],
    [['-hooks-dir', '/nowhere/hooks'], 'there is no such folder'],
    [['-hooks-http', 'localhost:8081'], 'not a URL that begins with http:// or https://'],
    [['-hooks-http', 'http://localhost/', '-hooks-http-secret-file', '/nowhere/secret'], 'ENOENT'],
    [['-hooks-plugin', '/nowhere/hooks.js'], 'cannot be loaded'],
    [
      ['-hooks-grpc', 'localhost:1', '-hooks-grpc-client-tls-key', 'x'],
      'it needs -hooks-grpc-client-tls-certificate, too',
    ],
  ])('%j ends the start with one line', async (args, words) => {
    const { stderr: line, code } = await run(...args)
    expect(code).not.toBe(0)
    expect(line).toContain(words)
    expect(line.trim().split('\n')).toHaveLength(1)
  })

  it('a secret that is no text, or too short, ends the start with one line', async () => {
    const [binary, short] = [join(newFolder(), 'secret'), join(newFolder(), 'secret')]
    writeFileSync(binary, Buffer.alloc(32, 0xff))
    writeFileSync(short, 'short\n')
    const secret = (path: string) => run('-hooks-http', 'http://localhost/', '-hooks-http-secret-file', path)
    expect((await secret(binary)).stderr).toContain('it is no text in UTF-8')
    expect((await secret(short)).stderr).toContain('at least 24 bytes')
  })

  it('certificates for gRPC without TLS end the start: they would be of no use', async () => {
    const { stderr } = await run('-hooks-grpc', 'localhost:1', '-hooks-grpc-server-tls-certificate', '/etc/hosts')
    expect(stderr).toContain('it needs -hooks-grpc-secure, too')
  })

  it.each([
    ['export const preCraete = () => null', 'has a function preCraete, which is no moment; did you mean preCreate?'],
    ['export const pre_create = () => null', 'has a function pre_create, which is no moment; did you mean preCreate?'],
    [
      'export default { postFinish() {}, "pre-create"() {} }',
      'has a function pre-create, which is no moment; did you mean preCreate?',
    ],
    ['export const preCreate = undefined, postFinish = () => null', 'has a preCreate that is no function'],
    [
      'export default { postFinish() {} }; export const preCreate = () => null',
      'has a function preCreate beside its default, which holds the hooks',
    ],
    ['export const other = 1', 'has no hooks'],
    ['export default 1', 'has no hooks'],
    ['export default () => { throw new Error("broken") }', 'cannot be loaded: broken'],
    ['not JavaScript', 'cannot be loaded'],
  ])('the module %j ends the start with one line', async (text, words) => {
    const path = join(newFolder(), 'hooks.mjs')
    writeFileSync(path, text)
    expect((await run('-hooks-plugin', path)).stderr).toContain(words)
  })
})
