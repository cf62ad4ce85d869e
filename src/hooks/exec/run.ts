import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UploadError } from '../../core/errors.ts'

/** What is to be run. */
export interface Program {
  readonly path: string
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** For its standard input. */
  readonly input: string
  /** In milliseconds; 0 is for ever. */
  readonly timeout: number
  /** In bytes. */
  readonly maxOutput: number
}

/** How it ended. */
export interface Ended {
  /** Null if all went well; else how it failed: `ended with the exit code 1`. */
  readonly exit: string | null
  /** What it printed. */
  readonly output: string
}

/** Milliseconds between two looks at how much a program has printed. */
const WATCH = 50

/** Runs a program to its end. Throws `hook_failed` if it cannot be started, takes too long, or prints too much. */
export type Run = (program: Program) => Promise<Ended>

/**
 * Runs programs whose standard input and output are files without a name, not the sockets that Node gives a child: programs open
 * /dev/stdin, write to /dev/stdout, and leave children of their own behind that keep them open, and none of it may keep us waiting.
 * Those that still run when the process ends are killed: nobody else would know of them, and limit their time.
 */
export function createRunner(): Run {
  const running = new Set<ChildProcess>()
  const killAll = () => running.forEach(kill)
  const own = (child: ChildProcess): void => {
    if (running.size === 0) process.on('exit', killAll)
    running.add(child)
  }
  const disown = (child: ChildProcess): void => {
    running.delete(child)
    if (running.size === 0) process.off('exit', killAll)
  }
  return async (program) => {
    const [input, output] = [await nameless(program.path), await nameless(program.path)]
    try {
      // At a position, so that the file is read from its beginning.
      const bytes = Buffer.from(program.input)
      for (let at = 0; at < bytes.length; ) at += (await input.write(bytes, at, bytes.length - at, at)).bytesWritten
      const child = begin(program, input, output)
      own(child)
      const exit = await ended(child, program, output).finally(() => disown(child))
      const { size } = await output.stat()
      if (size > program.maxOutput) throw tooMuch(program)
      return { exit, output: await textOf(output, size) }
    } finally {
      await input.close()
      await output.close()
    }
  }
}

/** Some of what keeps a program from starting is thrown by Node, such as a file that is being written; the child tells the rest. */
function begin({ path, cwd, env }: Program, input: FileHandle, output: FileHandle): ChildProcess {
  try {
    // The leader of a group of its own, so that it can be killed with all that it started.
    return spawn(path, [], { cwd, env, stdio: [input.fd, output.fd, 'inherit'], detached: true })
  } catch (cause) {
    throw unstartable(path, cause)
  }
}

function ended(child: ChildProcess, program: Program, output: FileHandle): Promise<string | null> {
  const { path, timeout, maxOutput } = program
  return new Promise((done, failed) => {
    let reason: UploadError | null = null
    const stop = (error: UploadError): void => {
      reason ??= error
      kill(child)
    }
    const late = () => stop(failure(`the hook ${path} took longer than ${timeout} ms and was killed`))
    const timer = timeout > 0 ? setTimeout(late, timeout) : null
    const watch = setInterval(() => {
      output.stat().then(
        ({ size }) => size > maxOutput && stop(tooMuch(program)),
        // It has ended meanwhile.
        () => undefined,
      )
    }, WATCH)
    const over = (): void => {
      if (timer !== null) clearTimeout(timer)
      clearInterval(watch)
    }
    child.once('error', (cause) => {
      over()
      failed(unstartable(path, cause))
    })
    child.once('exit', (code, signal) => {
      over()
      if (reason !== null) failed(reason)
      else if (signal !== null) done(`was ended by ${signal}`)
      else done(code === 0 ? null : `ended with the exit code ${code}`)
    })
  })
}

function kill({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

/** A file that is gone when it is closed. */
async function nameless(hook: string): Promise<FileHandle> {
  const path = join(tmpdir(), `tusker-hook-${randomUUID()}`)
  try {
    // What several processes print into one file must not fall over each other.
    const file = await open(path, 'ax+', 0o600)
    await rm(path, { force: true })
    return file
  } catch (cause) {
    throw failure(`the hook ${hook} cannot be run: no file can be made in ${tmpdir()}`, cause)
  }
}

async function textOf(file: FileHandle, size: number): Promise<string> {
  const bytes = Buffer.alloc(size)
  let filled = 0
  for (let count = -1; filled < size && count !== 0; filled += count) {
    count = (await file.read(bytes, filled, size - filled, filled)).bytesRead
  }
  return bytes.toString('utf8', 0, filled)
}

function tooMuch({ path, maxOutput }: Program): UploadError {
  return failure(`the hook ${path} printed more than ${maxOutput} bytes`)
}

function unstartable(path: string, cause: unknown): UploadError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return failure(`the hook ${path} cannot be run: ${why}; is it executable, and its interpreter there?`, cause)
}

function failure(hint: string, cause?: unknown): UploadError {
  return new UploadError('hook_failed', { hint }, { cause })
}
