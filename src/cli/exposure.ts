import { silent } from '../core/log.ts'
import { createCors } from '../http/cors.ts'
import { createLocation } from '../http/location.ts'
import { createProxies } from '../http/proxy.ts'
import type { UploadsOptions } from '../uploads.ts'
import { Complaint } from './complaint.ts'
import type { FlagName, Settings } from './flags.ts'

/** How the outside sees the server: the URLs of uploads, the proxies in front, and pages of other origins. */
export type Exposure = Required<Pick<UploadsOptions, 'basePath' | 'relativeLocation' | 'trustProxy' | 'cors'>>

/** @throws Complaint with exit code 2 that names the flag */
export function exposure(settings: Settings): Exposure {
  const trusted = settings['trusted-proxies']
  if (settings['behind-proxy'] && trusted.length === 0) {
    throw new Complaint('flag -behind-proxy believes nobody if -trusted-proxies is empty', 2)
  }
  if (trusted.length > 0) check('trusted-proxies', () => createProxies({ trustProxy: trusted }, silent))
  const [basePath, relativeLocation] = [settings['base-path'], settings['relative-location']]
  check('relative-location', () => createLocation({ basePath, relativeLocation }))
  return { basePath, relativeLocation, trustProxy: settings['behind-proxy'] && trusted, cors: corsOf(settings) }
}

function corsOf(settings: Settings): Exposure['cors'] {
  const allowMethods = settings['cors-allow-methods']
  const allowHeaders = settings['cors-allow-headers']
  const exposeHeaders = settings['cors-expose-headers']
  check('cors-allow-methods', () => createCors({ allowMethods }))
  check('cors-allow-headers', () => createCors({ allowHeaders }))
  check('cors-expose-headers', () => createCors({ exposeHeaders }))
  if (settings['disable-cors']) return false
  return {
    allowOrigin: settings['cors-allow-origin'],
    allowCredentials: settings['cors-allow-credentials'],
    allowMethods,
    allowHeaders,
    exposeHeaders,
    maxAge: settings['cors-max-age'],
  }
}

/** Lets the one who uses a value judge it, and says it again with the name of the flag in the place of the option's. */
function check(flag: FlagName, use: () => unknown): void {
  try {
    use()
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    const reason = error.message.replace(/^[\w.]+:? /, '')
    throw new Complaint(`invalid value for flag -${flag}: ${reason}`, 2, { cause: error })
  }
}
