import { resolve } from 'node:path'
import { createLocation } from '../http/location.ts'
import type { Uploads } from '../uploads.ts'
import type { Settings } from './flags.ts'
import { hookLines } from './hooks.ts'
import type { Endpoint } from './listen.ts'
import type { Storage } from './storage.ts'
import { formatBytes, formatDuration } from './values.ts'
import { versionLine } from './version.ts'

/** What a server says of itself when it starts: where it listens and stores, and what it can do. */
export function announcement(
  uploads: Uploads,
  settings: Settings,
  { lines, maxSize }: Storage,
  endpoint: Endpoint,
): readonly string[] {
  const { basePath } = createLocation({ basePath: settings['base-path'] })
  return [
    versionLine(),
    ...lines,
    `largest upload: ${maxSize === 0 ? 'no limit' : formatBytes(maxSize)}`,
    ...(settings['expire-after'] === 0
      ? []
      : [`unfinished uploads expire after ${formatDuration(settings['expire-after'])}`]),
    `tus extensions: ${uploads.extensions.join(', ')}`,
    ...draftLines(uploads, settings),
    ...hookLines(settings),
    `listening on ${address(endpoint, basePath, settings['tls-certificate'] === '' ? 'http' : 'https')}`,
  ]
}

/** What is spoken of the IETF draft, and that nobody needs to turn it on. */
function draftLines({ interopVersions }: Uploads, settings: Settings): readonly string[] {
  if (interopVersions.length === 0) return []
  return [
    `IETF draft, interop versions: ${interopVersions.join(', ')}`,
    ...(settings['enable-experimental-protocol']
      ? ['flag -enable-experimental-protocol does nothing: the IETF draft is spoken anyway']
      : []),
  ]
}

/** A URL that can be clicked, and what is bound where the two differ. */
function address(endpoint: Endpoint, basePath: string, scheme: 'http' | 'https'): string {
  if (endpoint.kind === 'unix') return `the socket ${resolve(endpoint.path)}, base path ${basePath}`
  const { host, port } = endpoint
  const literal = host.includes(':') ? `[${host}]` : host
  if (host !== '0.0.0.0' && host !== '::') return `${scheme}://${literal}:${port}${basePath}`
  return `${scheme}://localhost:${port}${basePath} (on every interface: ${literal}:${port})`
}
