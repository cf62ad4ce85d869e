import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const BIN = join(ROOT, 'bin', 'tusker.js')

/** What a process left behind when it ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A running `tusker`. */
export interface Program {
  /** The address of its start-up line, such as `http://127.0.0.1:4711/files/`; empty on a Unix socket. */
  readonly url: string
  readonly process: ChildProcess
  /** Everything on stdout until now. */
  output(): string
  kill(signal: NodeJS.Signals): void
  ended(): Promise<Ended>
}

const running = new Set<ChildProcess>()
const folders = new Set<string>()

/** Builds what the tests run, and ends after each test what it left. */
export function setUp(): void {
  beforeAll(() => {
    const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'scripts', 'prepare.js')], { encoding: 'utf8' })
    if (status !== 0) throw new Error(`cannot build: ${stderr}`)
  }, 120_000)
  tidyUp()
}

/** Ends the programs that a test started, and removes its folders. */
export function tidyUp(): void {
  afterEach(async () => {
    for (const child of running) {
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    }
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
    folders.clear()
  })
}

/** A new folder, removed after the test. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tusker-cli-'))
  folders.add(folder)
  return folder
}

/** Runs `tusker` to its end. */
export function run(...args: readonly string[]): Promise<Ended> {
  return launch(args).ended()
}

/** Starts `tusker` on a free port of the loopback, unless the arguments say otherwise, and waits until it listens. */
export function start(...args: readonly string[]): Promise<Program> {
  return startWith([], ...args)
}

/** As `start`, with options for node. */
export async function startWith(nodeOptions: readonly string[], ...args: readonly string[]): Promise<Program> {
  const program = launch(['-host', '127.0.0.1', '-port', '0', ...args], nodeOptions)
  const listening = new Promise<string>((done, fail) => {
    program.process.stdout?.on('data', () => {
      const line = /^listening on (.*)\n/m.exec(program.output())
      if (line !== null) done(line[1] ?? '')
    })
    program.ended().then(({ stdout, stderr }) => fail(new Error(`it ended: ${stdout}${stderr}`)), fail)
  })
  const address = await listening
  return { ...program, url: /^http\S+/.exec(address)?.[0] ?? '' }
}

/** Starts `tusker` and does not wait; `environment` goes over what this process has. */
export function launch(
  args: readonly string[],
  nodeOptions: readonly string[] = [],
  environment: NodeJS.ProcessEnv = {},
): Program {
  const env = { ...process.env, ...environment }
  const child = spawn(process.execPath, [...nodeOptions, BIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env })
  running.add(child)
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<Ended>((done, fail) => {
    child.once('error', fail)
    child.once('exit', () => running.delete(child))
    child.once('close', (code: number | null, signal: NodeJS.Signals | null) => done({ code, signal, stdout, stderr }))
  })
  return {
    url: '',
    process: child,
    output: () => stdout,
    kill: (signal) => child.kill(signal),
    ended: () => ended,
  }
}
