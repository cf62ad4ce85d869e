import { MOMENTS } from './core/hooks.ts'
import type { UploadsOptions } from './uploads.ts'

/** The longest that a timer of Node can wait, in milliseconds: 24.8 days. */
const LONGEST = 2 ** 31 - 1

/** Least and most of the options that are numbers. Less in memory than one read of a socket would let nothing through. */
const RANGES = [
  ['minSize', 0, Number.MAX_SAFE_INTEGER],
  ['maxAppendSize', 0, Number.MAX_SAFE_INTEGER],
  ['minAppendSize', 0, Number.MAX_SAFE_INTEGER],
  ['expireAfter', 0, Number.MAX_SAFE_INTEGER],
  ['networkTimeout', 0, LONGEST],
  ['acquireLockTimeout', 0, LONGEST],
  ['maxRequestsPerSecond', 0, 10_000_000],
  ['maxBufferedBytes', 64 * 1024, Number.MAX_SAFE_INTEGER],
  ['progressInterval', 1, LONGEST],
  ['hookAttempts', 1, 1_000_000],
  ['hookBackoff', 1, LONGEST],
] as const

const SWITCHES = [
  'relativeLocation',
  'disableDownload',
  'disableTermination',
  'disableConcatenation',
  'disableIetf',
  'acceptPlainUploads',
  'partialFinish',
] as const

const KNOWN: ReadonlySet<string> = new Set([
  ...RANGES.map(([name]) => name),
  ...SWITCHES,
  ...['store', 'locker', 'basePath', 'trustProxy', 'cors', 'maxSize', 'recordDigest', 'hooks', 'log', 'observers'],
  ...['authorize', 'refuseWith', 'quotas'],
])

/**
 * Finds what is wrong with options before anything is started: in JavaScript nobody else does.
 * @throws TypeError that names the option
 */
export function checkOptions(options: UploadsOptions): void {
  for (const name of Object.keys(options)) if (!KNOWN.has(name)) throw new TypeError(`${name} is not an option`)
  for (const [name, least, most] of RANGES) checkNumber(name, options[name], least, most)
  for (const name of SWITCHES) check(name, options[name], 'true or false', (value) => typeof value === 'boolean')
  if (typeof options.maxSize !== 'function') checkNumber('maxSize', options.maxSize, 0, Number.MAX_SAFE_INTEGER)
  requireMethods('store', options.store, ['create', 'open', 'list', 'tidy'])
  if (options.locker !== undefined) requireMethods('locker', options.locker, ['acquire', 'tryAcquire'])
  if (options.log !== undefined) requireMethods('log', options.log, ['debug', 'info', 'warn', 'error'])
  check(
    'recordDigest',
    options.recordDigest,
    "'sha256' or 'sha512'",
    (value) => value === 'sha256' || value === 'sha512',
  )
  check('refuseWith', options.refuseWith, '404 or 403', (value) => value === 404 || value === 403)
  check('authorize', options.authorize, 'a function', (value) => typeof value === 'function')
  check('observers', options.observers, 'a list', Array.isArray)
  checkHooks(options.hooks)
  checkQuotas(options.quotas)
}

function check(name: string, value: unknown, wanted: string, sound: (value: unknown) => boolean): void {
  if (value !== undefined && !sound(value)) throw new TypeError(`${name} must be ${wanted}, but is ${shown(value)}`)
}

function checkNumber(name: string, value: unknown, least: number, most: number): void {
  const sound = (given: unknown) =>
    typeof given === 'number' && Number.isInteger(given) && given >= least && given <= most
  check(name, value, `a whole number from ${least} to ${most}`, sound)
}

function requireMethods(name: string, value: object, methods: readonly string[]): void {
  const known: Readonly<Record<string, unknown>> = { ...value }
  const lacking = methods.filter(
    (method) => typeof (known[method] ?? Reflect.get(Object(value), method)) !== 'function',
  )
  if (lacking.length > 0) throw new TypeError(`${name} has no ${lacking.join(', ')}`)
}

function checkHooks(hooks: UploadsOptions['hooks']): void {
  if (hooks === undefined) return
  for (const set of Array.isArray(hooks) ? hooks : [hooks]) {
    if (typeof set !== 'object' || set === null)
      throw new TypeError(`hooks must be an object of functions, but is ${shown(set)}`)
    for (const [name, value] of Object.entries(set)) {
      if (isMoment(name)) check(`hooks.${name}`, value, 'a function', (one) => typeof one === 'function')
      else if (typeof value === 'function' && /^(?:pre|post)/.test(name)) {
        throw new TypeError(`hooks.${name} is not a moment; there are ${MOMENTS.join(', ')}`)
      }
    }
  }
}

function isMoment(name: string): boolean {
  return MOMENTS.some((moment) => moment === name)
}

function checkQuotas(quotas: UploadsOptions['quotas']): void {
  if (quotas === undefined) return
  const { perOwner = {}, perAddress = {} } = quotas
  for (const [where, limits] of Object.entries({ perOwner, perAddress })) {
    for (const [name, value] of Object.entries(limits)) {
      checkNumber(`quotas.${where}.${name}`, value, name === 'maxBytes' ? 0 : 1, Number.MAX_SAFE_INTEGER)
    }
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
