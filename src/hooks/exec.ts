import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { UploadError } from '../core/errors.ts'
import { type Hooks, MOMENTS, type Moment } from '../core/hooks.ts'
import { run } from './exec/run.ts'
import { excerpt, parseAnswer, printCall, wireName } from './message.ts'
import { type HookAnswer, type HookCall, remoteHooks } from './remote.ts'

export interface ExecHooksOptions {
  /** Folder of executable files, named by their moments: `pre-create`. One that is not there is passed over. */
  readonly directory: string
  /** Moments at which they are run. Default: all. */
  readonly moments?: readonly Moment[]
  /** Longest time that one may run, in milliseconds; then it is killed, with all that it started. Default: 30,000; 0 is for ever. */
  readonly timeout?: number
  /** Most bytes of an answer. Default: 1 MiB. */
  readonly maxOutput?: number
  /**
   * Environment of the hooks, to which TUS_ID, TUS_SIZE, TUS_OFFSET and TUSKER_EVENT_ID are added: `process.env`. Default: a PATH and
   * nothing else, as they need not know our secrets.
   */
  readonly environment?: Readonly<Record<string, string | undefined>>
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * Runs executable files, as tusd does: the message on the standard input (also as /dev/stdin), the answer on the standard output, or
 * none; the standard error goes to ours; the folder of the hooks is the working directory. An exit code other than 0 is a
 * failure, whatever was printed.
 */
export function execHooks(options: ExecHooksOptions): Hooks {
  const directory = resolve(options.directory)
  const { moments = MOMENTS, timeout = 30_000, maxOutput = 1024 * 1024, environment = { PATH } } = options
  return remoteHooks({ ask: (call) => ask(call) }, moments)

  async function ask(call: HookCall): Promise<HookAnswer> {
    const name = wireName(call.moment)
    const path = join(directory, name)
    if (!(await exists(path))) return {}
    const text = printCall(call)
    const env = { ...environment, ...variables(call) }
    const { exit, output } = await run({ path, cwd: directory, env, input: text, timeout, maxOutput })
    if (exit !== null) {
      const said = output === '' ? '' : `; it printed ${excerpt(output)}`
      throw new UploadError('hook_failed', { hint: `the hook ${name} ${exit}${said}` })
    }
    return output.trim() === '' ? {} : parseAnswer(output)
  }
}

function variables({ moment, upload, occasion }: HookCall): Readonly<Record<string, string>> {
  return {
    TUS_ID: moment === 'preCreate' ? '' : upload.id,
    TUS_SIZE: String(upload.length ?? 0),
    TUS_OFFSET: String('offset' in upload ? upload.offset : 0),
    TUSKER_EVENT_ID: occasion.id,
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path, constants.F_OK)
    return true
  } catch {
    return false
  }
}
