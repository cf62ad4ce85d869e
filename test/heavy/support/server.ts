import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const PROGRAM = fileURLToPath(new URL('../../../bin/tusker.js', import.meta.url))
const LISTENING = /listening on http:\/\/127\.0\.0\.1:(\d+)\/files\//i
const START_LIMIT = 120_000
const LOG_KEPT = 64 << 10

export interface ServerPlan {
  readonly directory: string
  /** Default 0: any free one. */
  readonly port?: number
  readonly durability?: 'none' | 'finish' | 'always'
  readonly locker?: 'file' | 'memory'
  /** More arguments, as on the command line. */
  readonly more?: readonly string[]
  /** What starts it: a command and arguments that end by running the rest. */
  readonly launcher?: readonly string[]
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** The command line as users start it, in a process of its own. */
export interface Server {
  readonly pid: number
  readonly port: number
  /** `http://127.0.0.1:port` */
  readonly origin: string
  readonly exited: Promise<Exit>
  running(): boolean
  signal(name: NodeJS.Signals): void
  /** SIGKILL, and wait for the end. */
  kill(): Promise<void>
  /** The last of what it printed. */
  log(): string
}

/**
 * Starts a server and waits until it listens. It is killed when the test ends, however it ends, and by the kernel should this
 * process die first.
 */
export async function startServer(plan: ServerPlan): Promise<Server> {
  const server = await launch(plan)
  onTestFinished(() => server.kill())
  return server
}

/** As `startServer`, for callers that restart the same server very often and end it themselves. */
export async function launch(plan: ServerPlan): Promise<Server> {
  const [command = '', ...args] = [
    ...['setpriv', '--pdeathsig', 'KILL'],
    ...(plan.launcher ?? []),
    ...[process.execPath, PROGRAM, ...argumentsOf(plan)],
  ]
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once('error', (cause) => reject(new Error(`could not start ${command} (util-linux)`, { cause })))
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  exited.catch(() => undefined)
  const log = logOf(child)
  try {
    const port = await listening(log, exited)
    return running(child, port, exited, log.text)
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}

function argumentsOf(plan: ServerPlan): string[] {
  return [
    ...['-host', '127.0.0.1', '-port', String(plan.port ?? 0), '-upload-dir', plan.directory],
    ...['-durability', plan.durability ?? 'finish', '-locker', plan.locker ?? 'file'],
    ...['-expire-after', '0', '-network-timeout', '60s', ...(plan.more ?? [])],
  ]
}

function running(child: ChildProcess, port: number, exited: Promise<Exit>, log: () => string): Server {
  const pid = child.pid
  if (pid === undefined) throw new Error('the server has no process id')
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null
  return {
    pid,
    port,
    origin: `http://127.0.0.1:${port}`,
    exited,
    running: isRunning,
    signal: (name) => {
      child.kill(name)
    },
    async kill() {
      if (isRunning()) child.kill('SIGKILL')
      await exited
    },
    log,
  }
}

interface Log {
  text(): string
  /** Calls back with all text so far, now and whenever there is more; returns how to end that. */
  watch(see: (text: string) => void): () => void
}

function logOf(child: ChildProcess): Log {
  let kept = ''
  let watcher: ((text: string) => void) | null = null
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      kept = (kept + text).slice(-LOG_KEPT)
      watcher?.(kept)
    })
  }
  return {
    text: () => kept,
    watch(see) {
      watcher = see
      see(kept)
      return () => {
        watcher = null
      }
    },
  }
}

function listening(log: Log, exited: Promise<Exit>): Promise<number> {
  return new Promise((resolve, reject) => {
    let unwatch: () => void = () => undefined
    const fail = (why: string, cause?: unknown): void => {
      settle()
      reject(new Error(`the server did not start: ${why}\n${log.text()}`, { cause }))
    }
    const timer = setTimeout(() => fail(`it did not listen within ${START_LIMIT} ms`), START_LIMIT)
    const settle = (): void => {
      clearTimeout(timer)
      unwatch()
    }
    exited.then(
      ({ code, signal }) => fail(`it ended with ${code ?? signal}`),
      (cause) => fail('no such program', cause),
    )
    unwatch = log.watch((text) => {
      const port = LISTENING.exec(text)?.[1]
      if (port === undefined) return
      settle()
      resolve(Number(port))
    })
  })
}
