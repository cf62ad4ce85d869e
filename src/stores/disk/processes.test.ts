import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Bytes } from '../../core/store.ts'
import { parseUploadId } from '../../core/upload.ts'
import { diskStore } from '../disk.ts'

const project = fileURLToPath(new URL('../../../', import.meta.url))
const id = parseUploadId('abc')

let root: string
let serial = 0

/** Children run what the package ships: Node 20 reads no TypeScript. */
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tusker-process-'))
  await chmod(root, 0o755)
  // Not by npx, which takes its packages from the environment when it runs inside another one.
  const tsc = join(project, 'node_modules/typescript/bin/tsc')
  const options = ['-p', 'tsconfig.build.json', '--outDir', join(root, 'built'), '--declaration', 'false']
  await promisify(execFile)(process.execPath, [tsc, ...options], { cwd: project })
  await writeFile(join(root, 'package.json'), '{ "type": "module" }')
  await symlink(join(project, 'node_modules'), join(root, 'node_modules'))
  await writeFile(join(root, 'child.js'), CHILD)
}, 60_000)

afterAll(() => rm(root, { recursive: true, force: true }))

/** What a child does with `store`, `stored` (the upload `abc`), `pattern` and `say`; the arguments name the job. */
const CHILD = `
import { openSync } from 'node:fs'
import { diskStore } from './built/stores/disk.js'
const [job, directory] = process.argv.slice(2)
if (job === 'unprivileged' && process.getuid() === 0) process.setuid(65534)
const store = diskStore({ directory, durability: 'none', pace: { slow: Infinity } })
const say = (text) => process.stdout.write(text + '\\n')
const tell = (error) => say(JSON.stringify({ code: error.code, details: error.details }))
const pattern = (from, size) => Buffer.from(Uint8Array.from({ length: size }, (_, at) => (from + at) % 251))
async function* bytes(from, batch, count) {
  for (let index = 0; index < count; index++) {
    yield [pattern(from + index * batch, batch >> 1), pattern(from + index * batch + (batch >> 1), batch - (batch >> 1))]
    if (job === 'checked') say('handed over')
  }
}
const jobs = {
  async append() {
    const stored = await store.open('abc')
    for (;;) say(String((await stored.append(bytes(stored.upload.offset, 30_001, 3))).offset))
  },
  async checked() {
    const stored = await store.open('abc')
    await stored.appendChecked(bytes(stored.upload.offset, 100_000, Infinity), () => true)
  },
  async small() { await (await store.open('abc')).append(bytes(0, 4096, Infinity)).catch(tell); await another() },
  async large() { await (await store.open('abc')).append(bytes(0, 100_001, Infinity)).catch(tell); await another() },
  async files() {
    try { for (;;) openSync('/dev/null') } catch {}
    await store.open('abc').catch(tell)
    await store.create({ id: 'other', metadata: new Map() }).catch(tell)
  },
  async unprivileged() { await store.start().catch(tell); await store.open('abc').catch(tell) },
}
async function another() {
  const other = await store.create({ id: 'other', length: null, metadata: new Map(), concat: null,
    completion: 'at_length', echo: {}, createdAt: new Date(), expiresAt: null })
  say(String((await other.append(bytes(0, 1000, 3))).offset))
}
await jobs[job]()
`

function pattern(size: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, (_, at) => at % 251))
}

/** A folder with an upload of so many bytes. */
async function prepared(size = 0) {
  const directory = join(root, `data${serial++}`)
  const store = diskStore({ directory, durability: 'none' })
  await store.start?.()
  const stored = await store.create({
    id,
    length: null,
    metadata: new Map(),
    concat: null,
    completion: 'at_length',
    echo: {},
    createdAt: new Date(),
    expiresAt: null,
  })
  if (size > 0) await stored.append(whole(pattern(size)))
  return { directory, store }
}

async function* whole(bytes: Uint8Array): Bytes {
  yield [bytes]
}

async function contentOf(directory: string): Promise<Buffer> {
  const all: Buffer[] = []
  const stored = await diskStore({ directory }).open(id)
  for await (const batch of stored.read()) all.push(Buffer.concat(batch))
  return Buffer.concat(all)
}

/** Runs a job under limits of the shell until it ends. Returns what it said. */
async function run(job: string, directory: string, limits: string): Promise<readonly string[]> {
  const command = `${limits}; exec "$0" "$@"`
  const child = ['-c', command, process.execPath, join(root, 'child.js'), job, directory]
  const { stdout } = await promisify(execFile)('bash', child)
  return stdout.trim().split('\n')
}

/** Runs a job and kills it, without warning, when it has said something so often. Returns the last it said. */
async function killed(job: string, directory: string, after: number): Promise<string> {
  const child = spawn(process.execPath, [join(root, 'child.js'), job, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exit = once(child, 'exit')
  let last = ''
  let count = 0
  for await (const line of createInterface(child.stdout)) {
    last = line
    count++
    if (count === after) child.kill('SIGKILL')
  }
  expect(await exit).toEqual([null, 'SIGKILL'])
  return last
}

describe('a process that is killed', () => {
  it('while it appends loses nothing that it acknowledged', async () => {
    const { directory } = await prepared()
    for (const after of [1, 2, 5, 9]) {
      const acknowledged = Number(await killed('append', directory, after))
      const content = await contentOf(directory)
      expect(content.length).toBeGreaterThanOrEqual(acknowledged)
      expect(content.equals(pattern(content.length))).toBe(true)
    }
  })

  it('while it appends what is not checked yet leaves the upload where it stood', async () => {
    const { directory, store } = await prepared(1000)
    for (const after of [3, 10, 21]) {
      await killed('checked', directory, after)
      expect((await stat(join(directory, id))).size).toBeGreaterThan(150_000)
      expect((await store.open(id)).upload.offset).toBe(1000)
    }
    await (await store.open(id)).append(whole(pattern(2000).subarray(1000)))
    expect((await contentOf(directory)).equals(pattern(2000))).toBe(true)
    expect((await stat(join(directory, id))).size).toBe(2000)
    expect((await readdir(directory)).sort()).toEqual(['abc', 'abc.info'])
  })
})

describe('a process that reaches a limit', () => {
  // The largest size of a file stands for a full disk: both end a write half done, and fail the next.
  it.each(['small', 'large'])(
    'of space keeps what fitted, byte by byte, and goes on with other uploads: %s batches',
    async (job) => {
      const { directory, store } = await prepared()
      const [error, other] = await run(job, directory, 'ulimit -f 301')
      expect(JSON.parse(error ?? '')).toMatchObject({
        code: 'storage_full',
        details: { hint: expect.stringContaining('abc') },
      })
      expect(other).toBe('3000')
      const stored = await store.open(id)
      expect(stored.upload.offset).toBe(301 * 1024)
      await stored.append(whole(pattern(400_000).subarray(stored.upload.offset)))
      expect((await contentOf(directory)).equals(pattern(400_000))).toBe(true)
    },
  )

  it('of open files asks clients to come back, and leaves nothing behind', async () => {
    const { directory } = await prepared()
    const errors = await run('files', directory, 'ulimit -n 64')
    expect(errors).toHaveLength(2)
    for (const error of errors) {
      expect(JSON.parse(error)).toMatchObject({
        code: 'storage_busy',
        details: { retryAfter: expect.any(Number), hint: expect.stringContaining('ulimit -n') },
      })
    }
    expect((await readdir(directory)).sort()).toEqual(['abc', 'abc.info'])
  })

  it('of permissions says at the start which folder it is, and later which file', async () => {
    const { directory } = await prepared()
    await mkdir(join(directory, 'x'))
    await chmod(join(directory, 'abc.info'), 0o000)
    await chmod(directory, 0o555)
    const errors = await run('unprivileged', directory, 'true')
    await chmod(directory, 0o755)
    await chmod(join(directory, 'abc.info'), 0o644)
    expect(errors.map((error) => JSON.parse(error))).toMatchObject([
      { code: 'storage_failed', details: { hint: expect.stringContaining(directory) } },
      { code: 'storage_failed', details: { hint: expect.stringContaining('abc.info') } },
    ])
    expect((await readFile(join(directory, 'abc.info'))).length).toBeGreaterThan(0)
  })
})
