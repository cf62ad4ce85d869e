import type { Log } from '../core/log.ts'

/**
 * Calls `reload` on SIGHUP, as tools that renew certificates send it. A reload that fails changes nothing, and is logged. The
 * process owns the listener, like those of its other signals.
 */
export function reloadOnHangUp(reload: () => void, log: Log): void {
  process.on('SIGHUP', () => {
    try {
      reload()
      log.info('tls.reloaded')
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      const hint = 'the certificate from before is still in use; mend the files and send SIGHUP again'
      log.error('tls.reload_failed', { reason, hint })
    }
  })
}
