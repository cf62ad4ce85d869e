import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Hooks, MOMENTS, type Moment } from '../core/hooks.ts'
import { Complaint } from './complaint.ts'
import { nearest } from './nearest.ts'

/**
 * The hooks of a module: functions by the names of moments that it exports, one by one or as its default; or what a function that is its
 * default returns, which may take its time.
 * @throws Complaint if the module cannot be loaded, or has no hooks
 */
export async function loadPlugin(path: string, moments: readonly Moment[]): Promise<Hooks> {
  const refuse = (why: string, cause?: unknown) => new Complaint(`-hooks-plugin: ${path} ${why}`, 1, { cause })
  let exported: Members
  let made: unknown
  try {
    exported = await import(pathToFileURL(resolve(path)).href)
    const given = exported['default']
    made = typeof given === 'function' ? await given() : given
  } catch (error) {
    throw refuse(`cannot be loaded: ${error instanceof Error ? error.message : String(error)}`, error)
  }
  const found = isObject(made) ? made : exported
  const members = Object.entries(methodsOf(found))
  for (const [name, value] of members) {
    // What else a module exports is its own affair, unless it was meant for us.
    if (isMoment(name) && typeof value !== 'function') throw refuse(`has a ${name} that is no function`)
    if (isMoment(name) || typeof value !== 'function' || !looksLikeMoment(name)) continue
    const near = nearest(name, MOMENTS)
    throw refuse(`has a function ${name}, which is no moment${near === null ? '' : `; did you mean ${near}?`}`)
  }
  // A module in CommonJS exports the members of its default by their names, too.
  const beside = Object.keys(exported).find((name) => isMoment(name) && exported[name] !== found[name])
  if (beside !== undefined) throw refuse(`has a function ${beside} beside its default, which holds the hooks`)
  const hooks = members.filter(([name]) => isMoment(name))
  if (hooks.length === 0) throw refuse(`has no hooks: it must export functions such as ${MOMENTS[0]}`)
  const wanted = hooks.filter(([name]) => moments.some((moment) => moment === name))
  return Object.fromEntries(wanted.map(([name, call]) => [name, bound(call, found)]))
}

type Members = Readonly<Record<string, unknown>>

/** Members of an object, those of its class included. */
function methodsOf(object: Members): Members {
  const named = MOMENTS.map((moment) => [moment, object[moment]] as const)
  return { ...object, ...Object.fromEntries(named.filter(([, value]) => value !== undefined)) }
}

function bound(call: unknown, self: unknown): unknown {
  return typeof call === 'function' ? call.bind(self) : call
}

function isMoment(name: string): boolean {
  return MOMENTS.some((moment) => moment === name)
}

/** `preCraete`, but also `precreate` and tusd's `pre-create`. */
function looksLikeMoment(name: string): boolean {
  const plain = name.replaceAll(/[-_]/g, '').toLowerCase()
  return /^(?:pre|post)[A-Z]/.test(name) || MOMENTS.some((moment) => moment.toLowerCase() === plain)
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null
}
