import { type Log, silent } from '../core/log.ts'
import type { Arrival } from './arrival.ts'
import { METHODS, REQUEST_HEADERS, RESPONSE_HEADERS } from './cors/names.ts'
import { type AllowOrigin, createOrigins } from './cors/origins.ts'

export type { AllowOrigin } from './cors/origins.ts'

/** What pages of other origins may do. The lists are added to what the protocols need. */
export interface CorsOptions {
  /**
   * Whose pages: a pattern that must occur in the origin (anchor it), a list of origins as browsers write them
   * (`https://app.example`), or a function that answers true or false. Default: everybody's.
   */
  readonly allowOrigin?: AllowOrigin
  /** Whether these pages may send cookies and other credentials. Default: false. */
  readonly allowCredentials?: boolean
  /** Methods that a preflight allows. */
  readonly allowMethods?: readonly string[]
  /** Request headers that a preflight allows even if it does not ask for them; those that it asks for are allowed anyway. */
  readonly allowHeaders?: readonly string[]
  /** Response headers that pages may read. */
  readonly exposeHeaders?: readonly string[]
  /** Seconds for which a browser may remember a preflight, up to 2,147,483,647. Default: 86,400. */
  readonly maxAge?: number
}

type Asked = Pick<Arrival, 'method' | 'header'>
type Fields = Readonly<Record<string, string>>

/** Lets browsers use the server from pages of other origins (the Fetch standard, section 3.3, "CORS protocol"). */
export interface Cors {
  /** `headers` of the answer to `arrival`, be it a success or an error, with what a browser needs to see beside them. */
  apply(arrival: Asked, headers: Fields): Fields
  /**
   * Whether it is a preflight from an origin that is not allowed. Only browsers send these, and nothing else has to be refused:
   * without a preflight they send nothing that changes an upload, and without permission they show no answer to a page.
   */
  refuses(arrival: Asked): boolean
}

const MAX_AGE = 86_400
const LONGEST_AGE = 2 ** 31 - 1

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/**
 * `false` turns it off (a proxy does it). `log` gets what is probably not meant.
 * @throws TypeError that names the option
 */
export function createCors(options: false | CorsOptions = {}, log: Log = silent): Cors {
  if (options === false) return { apply: (_, headers) => headers, refuses: () => false }
  const { allowOrigin, allowCredentials = false, maxAge = MAX_AGE } = checked(options)
  const origins = createOrigins(allowOrigin, log)
  if (allowCredentials && typeof allowOrigin !== 'function' && origins('https://anybody.invalid')) {
    const hint = 'any web page may act with the cookies of its visitors: allow the origins of your own pages only'
    log.warn('cors.credentials_for_everybody', { hint })
  }
  const methods = joined(METHODS, options.allowMethods)
  const expose = joined(RESPONSE_HEADERS, options.exposeHeaders)
  const headersFor = createAllowed(joined(REQUEST_HEADERS, options.allowHeaders))

  return {
    apply(arrival, headers) {
      const origin = arrival.header('origin')
      const preflight = arrival.method === 'OPTIONS'
      // For another origin or not: a download that an <img> brought into the browser's cache must not be what a later
      // cross-origin fetch of the same URL gets, as it came without permission.
      const depends = preflight ? 'Origin, Access-Control-Request-Headers' : 'Origin'
      const other = headers['Vary']
      // Not spread into literals: that takes V8 many times as long, and every answer comes by here.
      const varied = Object.assign({}, headers, { Vary: other === undefined ? depends : `${other}, ${depends}` })
      if (origin === null || !origins(origin)) return varied
      // Never `*`, which means nothing where credentials are sent.
      const granted: Record<string, string> = varied
      granted['Access-Control-Allow-Origin'] = origin
      granted['Access-Control-Expose-Headers'] = expose
      if (allowCredentials) granted['Access-Control-Allow-Credentials'] = 'true'
      if (!preflight) return granted
      granted['Access-Control-Allow-Methods'] = methods
      granted['Access-Control-Allow-Headers'] = headersFor(arrival.header('access-control-request-headers'))
      granted['Access-Control-Max-Age'] = String(maxAge)
      return granted
    },
    refuses(arrival) {
      if (arrival.method !== 'OPTIONS' || arrival.header('access-control-request-method') === null) return false
      const origin = arrival.header('origin')
      return origin !== null && !origins(origin)
    },
  }
}

function checked(options: CorsOptions): CorsOptions {
  for (const [name, what] of [
    ['allowMethods', 'a method'],
    ['allowHeaders', 'a header'],
    ['exposeHeaders', 'a header'],
  ] as const) {
    const list = options[name] ?? []
    if (!Array.isArray(list)) throw new TypeError(`cors.${name} must be a list`)
    const bad = list.find((word) => typeof word !== 'string' || !TOKEN.test(word))
    if (bad !== undefined) throw new TypeError(`cors.${name}: not the name of ${what}: ${JSON.stringify(bad)}`)
  }
  const { maxAge = 0, allowCredentials = false } = options
  if (!Number.isInteger(maxAge) || maxAge < 0 || maxAge > LONGEST_AGE) {
    throw new TypeError(`cors.maxAge must be a whole number from 0 to ${LONGEST_AGE}, but is ${maxAge}`)
  }
  if (typeof allowCredentials !== 'boolean') throw new TypeError('cors.allowCredentials must be true or false')
  return options
}

/** Both lists, without what is there already. Names of headers differ in case only for people, methods do not. */
function joined(needed: readonly string[], added: readonly string[] = []): string {
  const known = new Set(needed.map((name) => name.toLowerCase()))
  return [...needed, ...added.filter((name) => !known.has(name.toLowerCase()))].join(', ')
}

/** Whatever a client needs to send (tokens, trace ids), it may. A `*` would not cover Authorization. */
function createAllowed(always: string): (requested: string | null) => string {
  const known = new Set(always.toLowerCase().split(', '))
  return (requested) => {
    if (requested === null) return always
    const others = new Set<string>()
    for (const part of requested.split(',')) {
      const name = part.trim().toLowerCase()
      if (TOKEN.test(name) && !known.has(name)) others.add(name)
    }
    return [always, ...others].join(', ')
  }
}
