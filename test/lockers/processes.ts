import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { FileLockerOptions } from '../../src/lockers/file.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const script = join(root, 'test', 'lockers', 'fixtures', 'locker-process.mjs')

/** What a process has said: one line of JSON. */
export type Words = Readonly<Record<string, unknown>>

export interface LockerProcess {
  /** As its parent sees it; in a container of its own it is 1 to itself. */
  readonly pid: number
  /** Everything it has said so far. */
  readonly heard: readonly Words[]
  /** Gives an order, and waits for nothing. */
  order(order: string): void
  /** Waits for words with this key, said after the last ones that were waited for with it. */
  hear(key: string): Promise<Words>
  /** Gives an order and waits for its answer. */
  ask(order: string, key: string): Promise<Words>
  signal(signal: NodeJS.Signals): void
  /** Kills it and waits until it is gone. */
  kill(): Promise<void>
  /** Closes its input, and resolves to its exit code. */
  end(): Promise<number | null>
}

/** A folder that is shared by processes, and the compiled locker. */
export interface Site {
  readonly directory: string
  /** Starts a process. `launcher` comes before the command: `['unshare', ...]`. */
  start(options?: Omit<FileLockerOptions, 'directory'>, launcher?: readonly string[]): Promise<LockerProcess>
  /** Kills what is left and removes everything. */
  remove(): Promise<void>
}

/** Compiles the locker, which processes cannot load from its TypeScript on Node 20. Returns the path of its module. */
export function compileLocker(folder: string): string {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
  const config = {
    extends: join(root, 'tsconfig.build.json'),
    compilerOptions: {
      rootDir: join(root, 'src'),
      outDir: folder,
      declaration: false,
      typeRoots: [join(root, 'node_modules', '@types')],
    },
    // Only the locker, so that this needs nothing else of the project to compile.
    files: [join(root, 'src', 'lockers', 'file.ts')],
    include: [],
  }
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  execFileSync(process.execPath, [tsc, '-p', join(folder, 'tsconfig.json')])
  return join(folder, 'lockers', 'file.js')
}

/** Makes a folder for processes to share. `module` is what `compileLocker` returned. */
export function createSite(module: string): Site {
  const directory = mkdtempSync(join(tmpdir(), 'tusker-locks-'))
  const witnesses = join(directory, 'witnesses')
  mkdirSync(witnesses)
  const started = new Set<LockerProcess>()
  return {
    directory,
    async start(options = {}, launcher = []) {
      const [command = '', ...before] = [...launcher, process.execPath]
      const args = [...before, script, module, JSON.stringify({ ...options, directory }), witnesses]
      const one = converse(spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] }))
      started.add(one)
      await one.hear('ready')
      return one
    },
    async remove() {
      await Promise.all([...started].map((one) => one.kill()))
      rmSync(directory, { recursive: true })
    },
  }
}

function converse(child: ChildProcess): LockerProcess {
  const heard: Words[] = []
  const asked = new Map<string, number>()
  const listeners = new Set<() => void>()
  const { stdin, stdout, pid } = child
  if (stdin === null || stdout === null || pid === undefined) throw new Error('the process did not start')
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve))
  createInterface({ input: stdout }).on('line', (line) => {
    const words: unknown = JSON.parse(line)
    if (typeof words === 'object' && words !== null) heard.push(Object.fromEntries(Object.entries(words)))
    for (const listener of listeners) listener()
  })
  stdin.on('error', () => undefined) // Killed while it was given an order.

  const order = (text: string) => {
    stdin.write(`${text}\n`)
  }
  const hear = (key: string) =>
    new Promise<Words>((resolve, reject) => {
      const count = asked.get(key) ?? 0
      asked.set(key, count + 1)
      const look = () => {
        const words = heard.filter((one) => key in one)[count]
        const failed = heard.find((one) => 'failed' in one)
        if (words === undefined && failed === undefined) return
        listeners.delete(look)
        if (words === undefined) reject(new Error(`the process failed: ${JSON.stringify(failed)}`))
        else resolve(words)
      }
      listeners.add(look)
      look()
    })
  return {
    pid,
    heard,
    order,
    hear,
    ask(text, key) {
      order(text)
      return hear(key)
    },
    signal: (signal) => {
      child.kill(signal)
    },
    async kill() {
      child.kill('SIGKILL')
      await exit
    },
    end() {
      stdin.end()
      return exit
    },
  }
}
