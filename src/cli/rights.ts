import { stat } from 'node:fs/promises'
import type { Log } from '../core/log.ts'
import type { Quota } from '../core/rights.ts'
import type { JwtRightsOptions } from '../rights/jwt.ts'
import type { UploadsOptions } from '../uploads.ts'
import { Complaint } from './complaint.ts'
import type { Settings } from './flags.ts'
import { readPem, readSecrets } from './secrets.ts'

/** What the settings say of rights. */
export type Rights = Pick<UploadsOptions, 'authorize' | 'refuseWith' | 'quotas'>

/** Where keys come from, by the options of `jwtRights`. */
const SOURCES = { secret: 'jwt-secret-file', key: 'jwt-key-file', jwksUrl: 'jwt-jwks-url' } as const

/** Of no use without a key. */
const DEPENDENT = ['jwt-issuer', 'jwt-audience', 'jwt-algorithms', 'jwt-clock-tolerance', 'jwt-in-url'] as const

/**
 * Who may do what, and how much of it. Reads secrets and keys; a key set is only fetched once a token comes.
 * @throws Complaint
 */
export async function openRights(settings: Settings, log: Log): Promise<Rights> {
  const source = sourceOf(settings)
  const limits = { refuseWith: settings['refuse-with'] === '403' ? 403 : 404, quotas: quotasOf(settings) } as const
  if (source === null) return limits
  if (/^http:/i.test(settings['jwt-jwks-url'])) {
    const hint = 'whoever is on the way can exchange the keys; https keeps them out'
    log.warn('rights.keys_without_tls', { url: settings['jwt-jwks-url'], hint })
  }
  const options = { ...optionsOf(settings), ...(await keyOf(settings, source)) }
  if (source === 'secret') await warnOfReaders(settings[SOURCES.secret], log)
  const { jwtRights } = await loadJwt(`flag -${SOURCES[source]}`)
  try {
    return { ...limits, authorize: jwtRights(options) }
  } catch (error) {
    throw misused(error, source)
  }
}

/**
 * Loads what needs jose, which is not installed with this package: who asks for no tokens does not need it.
 * @param what needs it
 * @throws Complaint if it is not there
 */
export async function loadJwt(what: string): Promise<typeof import('../rights/jwt.ts')> {
  return await import('../rights/jwt.ts').catch((error: unknown) => {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
    if (!isMissing) throw error
    const advice = 'npm install jose beside tusker'
    throw new Complaint(`${what} needs a package that is not installed: ${advice}`, 1, { cause: error })
  })
}

/** Who can read the secret can be whoever he likes. What is no plain file, such as a pipe, says nothing by its mode; nor does Windows. */
async function warnOfReaders(path: string, log: Log): Promise<void> {
  // What is gone since it was read cannot be read by others
  const info = await stat(path).catch(() => null)
  if (process.platform === 'win32' || info === null || !info.isFile() || (info.mode & 0o004) === 0) return
  const hint = 'every user of this machine can read the secret, and so make tokens: chmod o-r'
  log.warn('rights.secret_readable', { path, hint })
}

type Source = keyof typeof SOURCES

/** Where the keys come from; null if no tokens are asked for. */
function sourceOf(settings: Settings): Source | null {
  const given = (['secret', 'key', 'jwksUrl'] as const).filter((name) => settings[SOURCES[name]] !== '')
  const [source, second] = given
  if (source !== undefined && second !== undefined) {
    throw new Complaint(`flags -${SOURCES[source]} and -${SOURCES[second]} exclude each other: choose one`, 2)
  }
  const idle = DEPENDENT.find((name) => isGiven(settings[name]))
  if (source !== undefined || idle === undefined) return source ?? null
  const ways = Object.values(SOURCES).map((name) => `-${name}`)
  throw new Complaint(`flag -${idle} is of no use alone: give ${ways.join(' or ')}, too`, 2)
}

function isGiven(value: Settings[(typeof DEPENDENT)[number]]): boolean {
  return typeof value === 'object' ? value.length > 0 : Boolean(value)
}

async function keyOf(settings: Settings, source: Source): Promise<Pick<JwtRightsOptions, Source>> {
  const place = settings[SOURCES[source]]
  if (source === 'secret') return { secret: await readSecrets(place, `-${SOURCES.secret}`) }
  if (source === 'jwksUrl') return { jwksUrl: place }
  return { key: await readPem(place, `-${SOURCES.key}`) }
}

function optionsOf(settings: Settings): Omit<JwtRightsOptions, Source> {
  const algorithms = settings['jwt-algorithms']
  return {
    ...(settings['jwt-issuer'] !== '' && { issuer: settings['jwt-issuer'] }),
    ...(settings['jwt-audience'] !== '' && { audience: settings['jwt-audience'] }),
    ...(algorithms.length > 0 && { algorithms }),
    clockTolerance: settings['jwt-clock-tolerance'] / 1000,
    acceptQuery: settings['jwt-in-url'],
    claims: {
      owner: settings['jwt-owner-claim'],
      maxSize: settings['jwt-max-size-claim'],
      maxUploads: settings['jwt-max-uploads-claim'],
      maxBytes: settings['jwt-max-bytes-claim'],
      operations: settings['jwt-operations-claim'],
    },
  }
}

/** What the library says of its options, in words of flags. Anything else is a bug, which deserves its stack. */
function misused(error: unknown, source: Source): unknown {
  if (!(error instanceof TypeError)) return error
  const [name = ''] = /^\w+/.exec(error.message) ?? []
  const flag = name === 'algorithms' ? 'jwt-algorithms' : SOURCES[source]
  return new Complaint(`cannot use -${flag}: ${error.message}`, flag === 'jwt-algorithms' ? 2 : 1, { cause: error })
}

function quotasOf(settings: Settings): NonNullable<UploadsOptions['quotas']> {
  const perOwner: Quota = {
    ...(settings['max-unfinished-uploads'] > 0 && { maxUploads: settings['max-unfinished-uploads'] }),
    ...(settings['max-unfinished-bytes'] > 0 && { maxBytes: settings['max-unfinished-bytes'] }),
    ...(settings['max-creations-per-minute'] > 0 && { creationsPerMinute: settings['max-creations-per-minute'] }),
  }
  const rate = settings['max-creations-per-minute-per-address']
  return {
    ...(Object.keys(perOwner).length > 0 && { perOwner }),
    ...(rate > 0 && { perAddress: { creationsPerMinute: rate } }),
  }
}
