import { lstat, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { UploadError } from '../core/errors.ts'
import { type Hooks, MOMENTS, type Moment } from '../core/hooks.ts'
import { createRunner } from './exec/run.ts'
import { excerpt, parseAnswer, printCall, wireName } from './message.ts'
import { type HookAnswer, type HookCall, remoteHooks } from './remote.ts'
import { withoutSecrets } from './secrets.ts'

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
 * failure, whatever was printed. What still runs when the process ends is killed.
 */
export function execHooks(options: ExecHooksOptions): Hooks {
  const directory = resolve(options.directory)
  const { moments = MOMENTS, timeout = 30_000, maxOutput = 1024 * 1024, environment = { PATH } } = options
  const run = createRunner()
  return remoteHooks({ ask: (call) => ask(call) }, moments)

  async function ask(call: HookCall): Promise<HookAnswer> {
    const name = wireName(call.moment)
    const path = join(directory, name)
    if (!(await isThere(directory, name))) return {}
    const text = printCall(call)
    const env = { ...environment, ...variables(call) }
    const shown = (said: string) => excerpt(withoutSecrets(said, call.request, []))
    const { exit, output } = await run({ path, cwd: directory, env, input: text, timeout, maxOutput })
    if (exit !== null) {
      const said = output === '' ? '' : `; it printed ${shown(output)}`
      throw new UploadError('hook_failed', { hint: `the hook ${name} ${exit}${said}` })
    }
    return output.trim() === '' ? {} : parseAnswer(output, shown)
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

/**
 * Whether there is a file of this name. Only one that was not put there is passed over: a folder that cannot be looked into, or that is not
 * mounted any more, must not open what its hooks keep closed; nor must a link that leads nowhere.
 */
async function isThere(directory: string, name: string): Promise<boolean> {
  const broken = (why: string, cause: unknown) =>
    new UploadError('hook_failed', { hint: `the hook ${name} cannot be run: ${why}` }, { cause })
  try {
    await lstat(join(directory, name))
    return true
  } catch (error) {
    if (!isMissing(error)) throw broken(error instanceof Error ? error.message : String(error), error)
  }
  await stat(directory).catch((error: unknown) => {
    throw broken(`there is no folder ${directory}`, error)
  })
  return false
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
