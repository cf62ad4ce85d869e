import type { Log } from '../../core/log.ts'

/** Which origins are allowed: a pattern that must occur in them, a list of them, or a function that says so. */
export type AllowOrigin = RegExp | readonly string[] | ((origin: string) => boolean)

/** A serialised origin (RFC 6454, section 6.2), roughly: what may be repeated in a header. */
const SERIALISED = /^[\x21-\x2b\x2d-\x7e]{1,512}$/
/** Origins of apps and extensions, of which the URL parser makes nothing: `capacitor://localhost`. */
const OTHER_SCHEME = /^(?!https?:)[a-z][a-z0-9+.-]*:\/\/[^/?#@\s,]+$/

/** Whoever asks for `.*` means it. */
const EVERYTHING: ReadonlySet<string> = new Set(['.*', '^.*$'])

/**
 * Whether an origin is allowed. A function that throws or answers something else than a boolean (a promise would be truthy)
 * allows nothing, and the log is told.
 * @throws TypeError that names the option
 */
export function createOrigins(allow: AllowOrigin | undefined, log: Log): (origin: string) => boolean {
  const matches = matcherOf(allow, log)
  return (origin) => SERIALISED.test(origin) && matches(origin)
}

function matcherOf(allow: AllowOrigin | undefined, log: Log): (origin: string) => boolean {
  if (allow === undefined) return () => true
  if (allow instanceof RegExp) return byPattern(allow, log)
  if (typeof allow === 'function') return byFunction(allow, log)
  if (!Array.isArray(allow)) throw new TypeError('cors.allowOrigin must be a RegExp, a list of origins, or a function')
  for (const origin of allow) checkOrigin(origin)
  const origins: ReadonlySet<unknown> = new Set(allow)
  return (origin) => origins.has(origin)
}

/** A copy, so that nobody else moves its lastIndex (flags g and y), which is where it would go on from. */
function byPattern(pattern: RegExp, log: Log): (origin: string) => boolean {
  if (!EVERYTHING.has(pattern.source) && !isAnchored(pattern.source)) {
    const hint = 'it allows every origin that contains a match: put ^ in front of it and $ behind'
    log.warn('cors.pattern_not_anchored', { pattern: pattern.source, hint })
  }
  const own = new RegExp(pattern)
  return (origin) => {
    own.lastIndex = 0
    return own.test(origin)
  }
}

function byFunction(allow: (origin: string) => unknown, log: Log): (origin: string) => boolean {
  return (origin) => {
    try {
      const answer = allow(origin)
      if (typeof answer === 'boolean') return answer
      throw new TypeError(`cors.allowOrigin answered neither true nor false, but ${typeof answer}`)
    } catch (error) {
      log.error('cors.failed', { hint: 'cors.allowOrigin must answer true or false, at once' }, error)
      return false
    }
  }
}

function checkOrigin(origin: unknown): void {
  if (origin === 'null' || (typeof origin === 'string' && OTHER_SCHEME.test(origin))) return
  const own = typeof origin === 'string' && URL.canParse(origin) ? new URL(origin).origin : 'null'
  if (own !== 'null' && own === origin) return
  const example = own === 'null' ? 'https://app.example' : own
  throw new TypeError(
    `cors.allowOrigin: not an origin as browsers write it, such as ${example}: ${JSON.stringify(origin)}`,
  )
}

/** Whether every alternative of the pattern begins with `^` and ends with `$`. Says no rather too often: it is for a hint. */
function isAnchored(source: string): boolean {
  return alternativesOf(source).every((part) => part.startsWith('^') && /(?:^|[^\\])(?:\\\\)*\$$/.test(part))
}

/** Splits at each `|` outside of groups and classes. */
function alternativesOf(source: string): readonly string[] {
  const parts: string[] = []
  let depth = 0
  let inClass = false
  let start = 0
  for (const { 0: found, index } of source.matchAll(/\\.|[[\]()|]/gs)) {
    if (found === '[') inClass = true
    else if (found === ']') inClass = false
    else if (inClass) continue
    else if (found === '(') depth++
    else if (found === ')') depth--
    else if (found === '|' && depth === 0) {
      parts.push(source.slice(start, index))
      start = index + 1
    }
  }
  return [...parts, source.slice(start)]
}
