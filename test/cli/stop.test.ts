import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { timed } from '../support/calm.ts'
import { create, offsetOf, open, patch, sample, startPatch } from './client.ts'
import { newFolder, setUp, start, startWith } from './program.ts'

setUp()

/** Every file below a folder: what is neither bytes nor record would be a lock or a leftover. */
function filesIn(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

/** Waits until a file holds as many bytes as that. */
function stored(path: string, least: number): Promise<void> {
  return vi.waitFor(() => expect(existsSync(path) && statSync(path).size >= least).toBe(true), 60_000)
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s in the middle of uploads keeps what came, and exits with 0',
  async (signal) => {
    const directory = newFolder()
    const program = await start('-upload-dir', directory)
    const bytes = sample(2_000_000)
    const urls = await Promise.all([1, 2, 3].map(() => create(program.url, bytes.length)))
    const clients = urls.map((url) => startPatch(url, bytes.length, bytes.slice(0, 1_500_000)))
    const paths = urls.map((url) => join(directory, url.split('/').at(-1) ?? ''))
    await Promise.all(paths.map((path) => stored(path, 1_500_000)))
    // These are on their way when the signal comes: they may count or not, but nothing else may
    for (const client of clients) client.write(bytes.slice(1_500_000, 1_600_000))
    program.kill(signal)
    const { result, took } = await timed(() => program.ended())
    const { code, stdout } = result
    expect(code).toBe(0)
    expect(stdout).toContain(`\n${signal}: stopping; running requests get 10s to save what came\n`)
    expect(stdout).toMatch(/\nstopped\n$/)
    // Long before the ten seconds: nobody waits for bytes that do not come
    expect(took).toBeLessThan(8000)
    for (const path of paths) {
      const kept = readFileSync(path)
      expect(kept.length).toBeGreaterThanOrEqual(1_500_000)
      expect(Buffer.compare(kept, bytes.subarray(0, kept.length))).toBe(0)
    }
    expect(filesIn(directory).filter((name) => !paths.some((path) => [path, `${path}.info`].includes(name)))).toEqual(
      [],
    )
    const next = await start('-upload-dir', directory)
    for (const url of urls) {
      const again = url.replace(program.url, next.url)
      const offset = await offsetOf(again)
      expect(offset).toBeGreaterThanOrEqual(1_500_000)
      expect((await patch(again, offset, bytes.slice(offset))).status).toBe(204)
      expect(Buffer.compare(Buffer.from(await (await fetch(again)).arrayBuffer()), bytes)).toBe(0)
    }
  },
)

test('connections on which nothing happens do not hold up the end', async () => {
  const program = await start('-shutdown-timeout', '15s', '-upload-dir', newFolder())
  const silent = open(program.url)
  await new Promise((done) => silent.once('connect', done))
  const idle = open(program.url)
  idle.write('OPTIONS /files/ HTTP/1.1\r\nHost: x\r\n\r\n')
  await new Promise((done) => idle.once('data', done))
  const gone = Promise.all([silent, idle].map((socket) => new Promise((done) => socket.once('close', done))))
  program.kill('SIGTERM')
  const { result, took } = await timed(() => program.ended())
  expect(result.code).toBe(0)
  expect(took).toBeLessThan(10_000)
  await gone
})

test('a second signal exits at once, with 1', async () => {
  const program = await start('-shutdown-timeout', '500s', '-upload-dir', newFolder())
  const bytes = sample(20_000_000)
  const url = await create(program.url, bytes.length)
  await patch(url, 0, bytes)
  // A download that nobody reads holds the first signal up for as long as it may
  const reader = open(program.url)
  reader.write(`GET ${new URL(url).pathname} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await new Promise((done) => reader.once('readable', done))
  program.kill('SIGTERM')
  await vi.waitFor(() => expect(program.output()).toContain('\nSIGTERM: stopping'), 60_000)
  program.kill('SIGTERM')
  const { code, stdout } = await program.ended()
  reader.destroy()
  expect(code).toBe(1)
  expect(stdout).toMatch(/\nsecond SIGTERM: exiting at once\n$/)
})

test('requests that outlast -shutdown-timeout are cut', async () => {
  const program = await start('-shutdown-timeout', '200ms', '-upload-dir', newFolder())
  const bytes = sample(20_000_000)
  const url = await create(program.url, bytes.length)
  await patch(url, 0, bytes)
  const reader = open(program.url)
  reader.write(`GET ${new URL(url).pathname} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await new Promise((done) => reader.once('readable', done))
  program.kill('SIGTERM')
  expect((await program.ended()).code).toBe(0)
  reader.destroy()
})

test.each([
  ['exception', "throw new Error('of a bug')"],
  ['rejection', "Promise.reject(new Error('of a bug'))"],
])('an uncaught %s is logged, what came is kept, and the exit code is 1', async (_, bug) => {
  const directory = newFolder()
  const preload = `data:text/javascript,process.on('SIGUSR2', () => { ${bug} })`
  const program = await startWith(['--import', preload], '-upload-dir', directory)
  const bytes = sample(500_000)
  const url = await create(program.url, bytes.length)
  startPatch(url, bytes.length, bytes.slice(0, 400_000))
  const path = join(directory, url.split('/').at(-1) ?? '')
  await stored(path, 400_000)
  program.kill('SIGUSR2')
  const { code, stdout } = await program.ended()
  expect(code).toBe(1)
  expect(stdout).toMatch(/ ERROR process\.fault .*cause="Error: of a bug\\n.*\n/)
  expect(statSync(path).size).toBe(400_000)
  expect(filesIn(join(directory)).filter((name) => name !== path && name !== `${path}.info`)).toEqual([])
})

test('a server whose npm was ended does not stay behind', async () => {
  const command = `"$0" bin/tusker.js -host 127.0.0.1 -port 0 -upload-dir "$1" & echo "pid $!"; wait`
  const env = { ...process.env, npm_lifecycle_event: 'start' }
  const shell = spawn('sh', ['-c', command, process.execPath, newFolder()], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  shell.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  await vi.waitFor(() => expect(output).toContain('listening on'), 60_000)
  const pid = Number(/^pid (\d+)$/m.exec(output)?.[1])
  try {
    shell.kill('SIGTERM')
    // Signal 0 only asks whether the process is there
    await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), 60_000)
    expect(output).toMatch(/\nnpm has ended: stopping\nstopped\n$/)
  } finally {
    spawnSync('kill', ['-9', String(pid)])
  }
})

test('a reader of the output that goes away does not stop the server', async () => {
  const program = await start('-upload-dir', newFolder())
  program.process.stdout?.destroy()
  const url = await create(program.url, 3)
  expect((await patch(url, 0, sample(3))).status).toBe(204)
  expect(await offsetOf(url)).toBe(3)
  program.kill('SIGTERM')
  expect((await program.ended()).code).toBe(0)
})
