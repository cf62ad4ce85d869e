import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { requireTools } from './tools.ts'

/** System calls that fail while it lasts. */
export interface Injection {
  /** How many calls were made to fail. */
  count(): number
  /** Lets go of the process; from now on its calls succeed. */
  end(): Promise<void>
}

/**
 * Makes system calls of a running process fail, in all its threads: `fdatasync` with `EIO`. Calls of `file` only, if given:
 * those that name it, or a descriptor of it. Resolves when it works.
 * @param calls names, separated by commas, as in the first column of syscalls(2)
 * @param when as strace has it: `1`, `2+`; every call if left out
 */
export async function inject(
  pid: number,
  calls: string,
  error: string,
  plan: { readonly file?: string; readonly when?: string } = {},
): Promise<Injection> {
  requireTools('strace')
  const { file, when } = plan
  const args = [
    ...['-f', '-p', String(pid), '-e', `trace=${calls}`],
    ...(file === undefined ? [] : ['-P', file]),
    ...['-e', `inject=${calls}:error=${error}${when === undefined ? '' : `:when=${when}`}`],
  ]
  const child = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const exited = once(child, 'exit')
  onTestFinished(() => void child.kill('SIGINT'))
  let text = ''
  const attached = new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (more: string) => {
      text += more
      // "strace: Process 42 attached with 11 threads"
      if (/attached/.test(text)) resolve()
    })
    void exited.then(() => reject(new Error(`strace ended: ${text}`)), reject)
  })
  await attached
  return {
    count: () => text.split('(INJECTED)').length - 1,
    async end() {
      child.kill('SIGINT')
      await exited
    },
  }
}
