import { UploadError } from '../core/errors.ts'
import { createLocation } from '../http/location.ts'
import { createUploads, type Uploads, type UploadsOptions } from '../uploads.ts'
import { announcement } from './announce.ts'
import { Complaint } from './complaint.ts'
import { compose } from './compose.ts'
import { type Configuration, configure, refuse } from './configure.ts'
import type { Environment } from './environment.ts'
import { exposure } from './exposure.ts'
import type { Settings } from './flags.ts'
import { helpText } from './help.ts'
import { checkHooks, openHooks } from './hooks.ts'
import { createOutput } from './log.ts'
import { createMonitor } from './monitor.ts'
import { checkPages, createPages } from './pages.ts'
import { configText } from './print-config.ts'
import { reloadOnHangUp } from './reload.ts'
import { openRights } from './rights.ts'
import { checkS3, type Target, targetOf } from './s3/target.ts'
import { serve } from './serve.ts'
import { signUrl } from './sign-url.ts'
import { stopInOrder } from './stop.ts'
import { openStorage } from './storage.ts'
import { transportOf } from './transport.ts'
import { versionLine } from './version.ts'

/**
 * The program: does what the arguments and the environment say, and answers a mistake in them or a failed start with one
 * line on stderr and an exit code of 2 or 1.
 * @param args without the names of node and of the program
 */
export async function main(args: readonly string[], environment: Environment): Promise<void> {
  // Whoever reads our output may go before us (`| head`, a log collector that restarts); a server does not stop for that
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
  try {
    if (args[0] === 'sign-url') return write(await signUrl(args.slice(1)))
    const configuration = configure(args, environment)
    const { settings } = configuration
    if (settings.help) return write(helpText())
    if (settings.version) return write(`${versionLine()}\n`)
    checkBasePath(configuration)
    checkPages(settings)
    exposure(settings)
    checkS3(configuration, environment)
    checkHooks(configuration)
    if (settings['print-config']) write(configText(configuration))
    else await start(settings, targetOf(settings, environment), environment)
  } catch (error) {
    if (!(error instanceof Complaint)) throw error
    process.stderr.write(`tusker: ${error.message}\n`)
    process.exitCode = error.exitCode
  }
}

async function start(settings: Settings, target: Target | null, environment: Environment): Promise<void> {
  const { log, say } = createOutput(settings['log-format'], write, settings.verbose)
  const { metrics, observers } = await createMonitor(settings)
  const hooks = await openHooks(settings, environment)
  const rights = await openRights(settings, log)
  const storage = await openStorage(settings, target, log, metrics === null ? [] : [metrics.s3])
  const uploads = await open({ ...compose(settings, storage, hooks, log), ...rights, observers })
  const pages = createPages(settings, uploads, metrics)
  const served = await serve(uploads, pages, transportOf(settings), log).catch(async (error: unknown) => {
    await uploads.close(0)
    throw error
  })
  // Before the first line: whoever waits for it may send a signal at once
  stopInOrder((grace) => served.close(grace), settings['shutdown-timeout'], say, log)
  if (served.reload !== null) reloadOnHangUp(served.reload, log)
  if (!settings['show-startup-logs']) return
  for (const line of announcement(uploads, settings, storage, served.endpoint)) say(line)
}

function checkBasePath(configuration: Configuration): void {
  try {
    createLocation({ basePath: configuration.settings['base-path'] })
  } catch {
    throw refuse(configuration, 'base-path', 'not the plain path of a URL, such as /files/')
  }
}

async function open(options: UploadsOptions): Promise<Uploads> {
  try {
    return await createUploads(options)
  } catch (error) {
    const reason = reasonOf(error)
    if (reason === null) throw error
    throw new Complaint(`cannot start: ${reason}`, 1, { cause: error })
  }
}

/** Why store or locker cannot serve, for the operator; null if it is a bug, which deserves its stack. */
function reasonOf(error: unknown): string | null {
  if (error instanceof UploadError) {
    const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
    return error.details.hint ?? `${error.message}${cause}`
  }
  return error instanceof Error && 'syscall' in error ? error.message : null
}

function write(text: string): void {
  process.stdout.write(text)
}
