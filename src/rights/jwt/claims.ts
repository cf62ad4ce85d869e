import type { Operation, Quota } from '../../core/rights.ts'
import type { ClaimNames, Claims } from './options.ts'

/** Operations that a token can name. To complete an upload belongs to `create` and `append`. */
export const OPERATIONS = [
  'create',
  'head',
  'append',
  'read',
  'terminate',
  'concat',
] as const satisfies readonly Exclude<Operation, 'finish'>[]

/** What the claims of a token mean. */
export interface Meaning {
  readonly owner: string | null
  readonly maxSize: number | null
  /** Null if no claim speaks of it. */
  readonly quota: Quota | null
  /** Null for all. */
  readonly operations: ReadonlySet<string> | null
  /** Id of the only upload that it is for; null for any. */
  readonly upload: string | null
  readonly admin: boolean
}

/** The meaning of claims, or the name of one that is not what it must be. */
export function meaningOf(claims: Claims, names: Required<ClaimNames>): Meaning | { readonly wrong: string } {
  const wrong: string[] = []
  const read = <T>(name: string, parse: (value: unknown) => T | null): T | null => {
    const value = lookUp(claims, name)
    if (value === undefined) return null
    const parsed = parse(value)
    if (parsed === null) wrong.push(name)
    return parsed
  }
  const maxUploads = read(names.maxUploads, count)
  const maxBytes = read(names.maxBytes, count)
  const creationsPerMinute = read(names.creationsPerMinute, count)
  const quota: Quota = {
    ...(maxUploads !== null && { maxUploads }),
    ...(maxBytes !== null && { maxBytes }),
    ...(creationsPerMinute !== null && { creationsPerMinute }),
  }
  const meaning = {
    owner: read(names.owner, named),
    maxSize: read(names.maxSize, count),
    quota: Object.keys(quota).length === 0 ? null : quota,
    operations: read(names.operations, words),
    upload: read(names.upload, text),
    admin: read(names.admin, flag) ?? false,
  }
  const [first] = wrong
  return first === undefined ? meaning : { wrong: first }
}

/** Whether what the token names includes this: to complete an upload belongs to whoever may bring its bytes. */
export function includes({ operations }: Meaning, operation: Operation): boolean {
  if (operations === null) return true
  return operation === 'finish' ? operations.has('append') || operations.has('create') : operations.has(operation)
}

/**
 * Whether the token is for the upload of this id. Ids in a bucket have a part behind a `+` that is known only once the upload is begun.
 */
export function isFor({ upload }: Meaning, id: string): boolean {
  return upload === null || id === upload || id.startsWith(`${upload}+`)
}

/** A claim by its name, or by the path to it. Undefined if there is none. */
function lookUp(claims: Claims, name: string): unknown {
  // Names that are URLs have dots, too (RFC 7519, section 4.2)
  if (Object.hasOwn(claims, name)) return claims[name]
  let value: unknown = claims
  for (const step of name.split('.')) {
    if (!isObject(value) || !Object.hasOwn(value, step)) return undefined
    value = value[step]
  }
  return value
}

function isObject(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** Numbers of users are common. Only exact ones: from 2^53 on, JSON makes one number of two, and so one owner of two. */
function named(value: unknown): string | null {
  return Number.isSafeInteger(value) ? String(value) : text(value)
}

/** Not 0, of which nobody would know whether it is nothing or no limit. */
function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null
}

function flag(value: unknown): boolean | null {
  return typeof value === 'boolean' ? value : null
}

function words(value: unknown): ReadonlySet<string> | null {
  const list: unknown = typeof value === 'string' ? value.split(' ').filter((word) => word !== '') : value
  return Array.isArray(list) && list.every((word) => typeof word === 'string') ? new Set(list) : null
}
