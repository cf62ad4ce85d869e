import type { Upload } from '../../core/upload.ts'
import type { Witness } from '../../engine/commands.ts'
import type { UploadRequest } from '../exchange.ts'
import { type Speech, versionField } from './interop.ts'
import { type Limits, uploadLimits } from './limits.ts'

/** Upload Resumption Supported (section 104). */
const RESUMPTION_SUPPORTED = 104

/** Milliseconds between two interim responses at least. */
const PAUSE = 1000

/** Tells a client how its request goes on while it is still sending; needs an end. */
export interface Narrator {
  readonly witness: Witness
  /** Says nothing more. Must be called before the final response is sent. */
  end(): void
}

/**
 * Interim responses to one request: where the upload is as soon as it exists, and then how far it has come, once a second at
 * most. Says nothing to who does not name a version that we know (section Draft Version Identification), nor through a door
 * that cannot.
 */
export function narrate(request: UploadRequest, { rules, named }: Speech, limits: Limits): Narrator {
  if (!named || request.interim === undefined) return { witness: {}, end: () => undefined }
  let timer: NodeJS.Timeout | null = null
  let latest = 0
  let spoken = performance.now()
  const say = (headers: Readonly<Record<string, string>>): void => {
    spoken = performance.now()
    request.interim?.(RESUMPTION_SUPPORTED, { ...versionField(rules), ...headers })
  }
  const tell = (): void => {
    timer = null
    // Never the Location again (section Upload Append).
    say({ 'Upload-Offset': String(latest) })
  }
  return {
    witness: {
      created: (upload: Upload) =>
        say({
          Location: request.urlOf(upload.id),
          ...(rules.lifetime !== null && { 'Upload-Limit': uploadLimits(limits, rules.lifetime, upload) }),
        }),
      ...(rules.progress && {
        saved(offset: number) {
          latest = offset
          // Most requests are over before anything is said.
          timer ??= setTimeout(tell, Math.max(0, spoken + PAUSE - performance.now()))
        },
      }),
    },
    end() {
      if (timer !== null) clearTimeout(timer)
    },
  }
}
