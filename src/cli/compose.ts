import type { Log } from '../core/log.ts'
import type { UploadsOptions } from '../uploads.ts'
import { exposure } from './exposure.ts'
import type { Settings } from './flags.ts'
import type { HookOptions } from './hooks.ts'
import type { Storage } from './storage.ts'

/**
 * Turns what the command line says into options.
 * @throws Complaint with exit code 2
 */
export function compose(
  settings: Settings,
  { store, locker, maxSize }: Storage,
  hooks: HookOptions,
  log: Log,
): UploadsOptions {
  return {
    store,
    locker,
    ...exposure(settings),
    ...hooks,
    maxSize,
    expireAfter: settings['expire-after'],
    disableDownload: settings['disable-download'],
    disableTermination: settings['disable-termination'],
    disableConcatenation: settings['disable-concatenation'],
    ...(settings['record-digest'] !== 'none' && { recordDigest: settings['record-digest'] }),
    disableIetf: settings['disable-ietf'],
    minSize: settings['min-size'],
    maxAppendSize: settings['max-append-size'],
    minAppendSize: settings['min-append-size'],
    acceptPlainUploads: settings['accept-plain-uploads'],
    networkTimeout: settings['network-timeout'],
    acquireLockTimeout: settings['acquire-lock-timeout'],
    maxRequestsPerSecond: settings['max-requests-per-second'],
    maxBufferedBytes: settings['max-buffered-bytes'],
    log,
  }
}
