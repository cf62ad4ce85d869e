import { UploadError } from '../core/errors.ts'

/** Why a holder is told to stop. */
export type RevocationCode = 'upload_interrupted' | 'lock_lost'

/**
 * What stands behind `Lock.revoked`. The signal is made when somebody first asks for it: most locks are held for less
 * than a millisecond and nobody ever looks. The first reason stays.
 */
export class Revocation {
  #reason: UploadError | null = null
  #controller: AbortController | null = null

  /** Fires with an `UploadError`; has fired already if the holder was told to stop before anybody looked. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#reason !== null) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  /** Tells the holder to stop. Safe to repeat. */
  revoke(code: RevocationCode): void {
    if (this.#reason !== null) return
    this.#reason = new UploadError(code)
    this.#controller?.abort(this.#reason)
  }
}
