import { statSync } from 'node:fs'
import { type Hooks, MOMENTS, type Moment } from '../core/hooks.ts'
import type { UploadsOptions } from '../uploads.ts'
import { Complaint } from './complaint.ts'
import { type Configuration, refuse } from './configure.ts'
import type { Environment } from './environment.ts'
import type { FlagName, Settings } from './flags.ts'
import { loadPlugin } from './hooks-plugin.ts'
import { nearest } from './nearest.ts'
import { readPem, readSecrets } from './secrets.ts'

/** What hooks are called, and when. */
export type HookOptions = Pick<UploadsOptions, 'hooks' | 'progressInterval' | 'partialFinish' | 'hookAttempts'>

/** Certificates and key for gRPC over TLS. */
const GRPC_FILES = [
  'hooks-grpc-server-tls-certificate',
  'hooks-grpc-client-tls-certificate',
  'hooks-grpc-client-tls-key',
] as const

/** Events by tusd's names: `pre-create`. */
const EVENTS: ReadonlyMap<string, Moment> = new Map(
  MOMENTS.map((moment) => [moment.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), moment]),
)

/**
 * Finds what is wrong with the flags of hooks, before anything is started.
 * @throws Complaint with exit code 2
 */
export function checkHooks(configuration: Configuration): void {
  const { settings } = configuration
  for (const flag of EVENT_FLAGS) {
    for (const word of settings[flag]) if (!EVENTS.has(word)) throw refuse(configuration, flag, unknownEvent(word))
  }
  if (settings['hooks-http'] !== '' && !isHttp(settings['hooks-http'])) {
    throw refuse(configuration, 'hooks-http', 'not a URL that begins with http:// or https://')
  }
  const isFolder = statSync(settings['hooks-dir'] || '.', { throwIfNoEntry: false })?.isDirectory() ?? false
  if (!isFolder) throw refuse(configuration, 'hooks-dir', 'there is no such folder')
  const idle = settings['hooks-grpc-secure'] ? undefined : GRPC_FILES.find((flag) => settings[flag] !== '')
  // Whoever gives them does not mean to speak in the clear
  const [certificate, key] = ['hooks-grpc-client-tls-certificate', 'hooks-grpc-client-tls-key'] as const
  if ((settings[certificate] === '') !== (settings[key] === '')) {
    const [lacking, given] = settings[key] === '' ? [key, certificate] : [certificate, key]
    throw refuse(configuration, given, `it needs -${lacking}, too`)
  }
  if (idle !== undefined) throw refuse(configuration, idle, 'it needs -hooks-grpc-secure, too')
}

const EVENT_FLAGS = [
  'hooks-enabled-events',
  'hooks-dir-events',
  'hooks-http-events',
  'hooks-grpc-events',
  'hooks-plugin-events',
] as const satisfies readonly FlagName[]

function unknownEvent(word: string): string {
  const near = nearest(word, EVENTS.keys())
  return near === null ? `${word} is no event` : `${word} is no event; did you mean ${near}?`
}

function isHttp(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
}

/**
 * The hooks that the settings ask for, in the order in which they are asked: module, files, HTTP, gRPC.
 * @param environment for the files
 * @throws Complaint with exit code 1 if a file or a package that they need cannot be used
 */
export async function openHooks(settings: Settings, environment: Environment): Promise<HookOptions> {
  const hooks: Hooks[] = []
  if (settings['hooks-plugin'] !== '') {
    hooks.push(await loadPlugin(settings['hooks-plugin'], momentsOf(settings, 'hooks-plugin-events')))
  }
  if (settings['hooks-dir'] !== '') hooks.push(await openExec(settings, environment))
  if (settings['hooks-http'] !== '') hooks.push(await openHttp(settings))
  if (settings['hooks-grpc'] !== '') hooks.push(await openGrpc(settings))
  return {
    ...(hooks.length > 0 && { hooks }),
    progressInterval: settings['progress-hooks-interval'],
    partialFinish: settings['hooks-partial-finish'],
    hookAttempts: settings['hooks-attempts'],
  }
}

/** For the operator, at the start: where hooks are, and for which events. */
export function hookLines(settings: Settings): readonly string[] {
  const lines = [
    ['hooks-plugin', 'hooks-plugin-events', 'hooks by the module'],
    ['hooks-dir', 'hooks-dir-events', 'hooks by the files in'],
    ['hooks-http', 'hooks-http-events', 'hooks by HTTP at'],
    ['hooks-grpc', 'hooks-grpc-events', 'hooks by gRPC at'],
  ] as const
  return lines.flatMap(([flag, events, what]) => {
    if (settings[flag] === '') return []
    const names = [...EVENTS].filter(([, moment]) => momentsOf(settings, events).includes(moment)).map(([name]) => name)
    return [`${what} ${withoutSecrets(settings[flag])}: ${names.join(', ')}`]
  })
}

function withoutSecrets(place: string): string {
  if (!isHttp(place)) return place
  const { origin, pathname } = new URL(place)
  return `${origin}${pathname}`
}

/** Its own events, or those of all. None is every one. */
function momentsOf(settings: Settings, flag: (typeof EVENT_FLAGS)[number]): readonly Moment[] {
  const words = settings[flag].length > 0 ? settings[flag] : settings['hooks-enabled-events']
  const moments = words.flatMap((word) => EVENTS.get(word) ?? [])
  return moments.length > 0 ? moments : MOMENTS
}

async function openExec(settings: Settings, environment: Environment): Promise<Hooks> {
  const { execHooks } = await import('../hooks/exec.ts')
  return execHooks({
    directory: settings['hooks-dir'],
    moments: momentsOf(settings, 'hooks-dir-events'),
    timeout: settings['hooks-dir-timeout'],
    environment,
  })
}

async function openHttp(settings: Settings): Promise<Hooks> {
  const { httpHooks } = await import('../hooks/http.ts')
  const file = settings['hooks-http-secret-file']
  const secret = file === '' ? [] : await readSecrets(file, '-hooks-http-secret-file')
  try {
    return httpHooks({
      url: settings['hooks-http'],
      moments: momentsOf(settings, 'hooks-http-events'),
      attempts: Math.max(1, settings['hooks-http-retry']),
      backoff: settings['hooks-http-backoff'],
      timeout: settings['hooks-http-timeout'],
      maxResponse: settings['hooks-http-size-limit'],
      forwardHeaders: settings['hooks-http-forward-headers'],
      skipVerify: settings['hooks-http-skip-verify'],
      secret,
    })
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new Complaint(`-hooks-http-secret-file: ${error.message}`, 1, { cause: error })
  }
}

async function openGrpc(settings: Settings): Promise<Hooks> {
  const pem = async (flag: (typeof GRPC_FILES)[number]) => {
    const path = settings[flag]
    return path === '' ? null : await readPem(path, `-${flag}`)
  }
  const [server = null, client = null, key = null] = await Promise.all(GRPC_FILES.map(pem))
  const tls = {
    ...(server !== null && { serverCertificate: server }),
    ...(client !== null && { clientCertificate: client }),
    ...(key !== null && { clientKey: key }),
  }
  const { grpcHooks } = await loadGrpc()
  return grpcHooks({
    address: settings['hooks-grpc'],
    moments: momentsOf(settings, 'hooks-grpc-events'),
    attempts: Math.max(1, settings['hooks-grpc-retry']),
    backoff: settings['hooks-grpc-backoff'],
    forwardHeaders: settings['hooks-grpc-forward-headers'],
    tls: settings['hooks-grpc-secure'] ? tls : null,
  })
}

const GRPC_PACKAGES = '@connectrpc/connect @connectrpc/connect-node @bufbuild/protobuf'

async function loadGrpc() {
  try {
    return await import('../hooks/grpc.ts')
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    const message = `-hooks-grpc needs packages that are not installed: npm install ${GRPC_PACKAGES}`
    throw new Complaint(message, 1, { cause: error })
  }
}
