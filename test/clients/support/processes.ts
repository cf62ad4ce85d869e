import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { onTestFinished } from 'vitest'

/** How a process ended, and what it said. */
export interface Ended {
  /** Exit code; null if a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: Buffer
  readonly stderr: string
}

/** A program that runs until it ends by itself, is killed, or the test is over. */
export interface Running {
  readonly pid: number
  /** Both outputs so far, as text. */
  output(): string
  kill(signal: NodeJS.Signals): void
  readonly ended: Promise<Ended>
}

export interface StartOptions {
  readonly cwd?: string
  /** Sent to its standard input, which is then closed. */
  readonly input?: Uint8Array
}

/** Starts a program; it is killed, and waited for, when the test that called this ends. */
export async function start(program: string, args: readonly string[], options: StartOptions = {}): Promise<Running> {
  const child = spawn(program, args, { cwd: options.cwd, stdio: ['pipe', 'pipe', 'pipe'] })
  await once(child, 'spawn')
  const running = watch(child)
  // A worker that is ended in the middle of a test leaves no process behind either.
  const orphan = () => child.kill('SIGKILL')
  process.once('exit', orphan)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await running.ended
    process.off('exit', orphan)
  })
  // Who does not read its input to the end (curl after an early refusal) says so in its result.
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input)
  return running
}

/** Runs a program to its end. */
export async function run(program: string, args: readonly string[], options: StartOptions = {}): Promise<Ended> {
  const running = await start(program, args, options)
  return await running.ended
}

function watch(child: ChildProcess): Running {
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  const both: Buffer[] = []
  const listen = (stream: Readable | null, own: Buffer[]) =>
    stream?.on('data', (chunk: Buffer) => {
      own.push(chunk)
      both.push(chunk)
    })
  listen(child.stdout, stdout)
  listen(child.stderr, stderr)
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) =>
      resolve({ code, signal, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }),
    )
  })
  return {
    pid: child.pid ?? -1,
    output: () => Buffer.concat(both).toString(),
    kill: (signal) => void child.kill(signal),
    ended,
  }
}
