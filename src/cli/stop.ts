import type { Log } from '../core/log.ts'
import { formatDuration } from './values.ts'

/** Time on top of the grace after which a shutdown that hangs is given up, in milliseconds. */
const HANGING = 5000

/** npm passes Ctrl-C on to us although the terminal has told us already: within this time, in milliseconds, it is one key. */
const SAME_KEY = 100

/**
 * Ends the process in order on SIGTERM and SIGINT, with exit code 0, and at once on the second one, with 1.
 *
 * An exception that nobody caught ends it in order, too, with exit code 1. After a bug of that kind nobody knows what state
 * is left, so to run on is worse than to stop: a restart costs little, as offsets come from the bytes and clients resume.
 * Other uploads are not to blame, though, and get the same time to save what came as on a signal.
 * @param close ends the server within `grace` milliseconds
 */
export function stopInOrder(
  close: (grace: number) => Promise<void>,
  grace: number,
  say: (line: string) => void,
  log: Log,
): void {
  let stopping = false
  let exitCode = 0
  const stop = async (): Promise<void> => {
    if (stopping) return
    stopping = true
    setTimeout(() => {
      log.error('shutdown.hangs', { hint: 'the storage may not answer; bytes that were acknowledged are kept' })
      process.exit(1)
    }, grace + HANGING)
    try {
      await close(grace)
    } catch (error) {
      exitCode = 1
      log.error('shutdown.failed', {}, error)
    }
    if (exitCode === 0) say('stopped')
    process.exit(exitCode)
  }
  let lastInterrupt = -Infinity
  const onSignal = (signal: NodeJS.Signals) => {
    const repeated = signal === 'SIGINT' && performance.now() - lastInterrupt < SAME_KEY
    if (signal === 'SIGINT') lastInterrupt = performance.now()
    if (repeated) return
    if (stopping) {
      say(`second ${signal}: exiting at once`)
      process.exit(1)
    }
    say(`${signal}: stopping; running requests get ${formatDuration(grace)} to save what came`)
    void stop()
  }
  onceAbandoned(() => {
    say('npm has ended: stopping')
    void stop()
  })
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  // Rejections that nobody handled arrive here as well
  process.on('uncaughtException', (error, origin) => {
    exitCode = 1
    log.error('process.fault', { origin, hint: 'a bug in tusker, please report it; the server stops' }, error)
    void stop()
  })
}

/**
 * A signal to npm ends the shell between npm and us, and npm after it, but never reaches us: a server would be left that
 * nobody sees and that keeps its port. All we can notice is that our parent is another one.
 */
function onceAbandoned(act: () => void): void {
  if (process.env['npm_lifecycle_event'] === undefined) return
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    act()
  }, 250)
  // Owned by the process, like the signal handlers; it keeps nothing alive
  watch.unref()
}
