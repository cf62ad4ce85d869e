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
  let found: Readonly<Record<string, unknown>>
  try {
    const module: Readonly<Record<string, unknown>> = await import(pathToFileURL(resolve(path)).href)
    const { default: given } = module
    const made: unknown = typeof given === 'function' ? await given() : given
    found = isObject(made) ? made : module
  } catch (error) {
    throw refuse(`cannot be loaded: ${error instanceof Error ? error.message : String(error)}`, error)
  }
  const functions = Object.entries(methodsOf(found)).filter(([, value]) => typeof value === 'function')
  for (const [name] of functions) {
    // What else a module exports is its own affair, unless it was meant for us.
    if (isMoment(name) || !/^(?:pre|post)[A-Z]/.test(name)) continue
    const near = nearest(name, MOMENTS)
    throw refuse(`has a function ${name}, which is no moment${near === null ? '' : `; did you mean ${near}?`}`)
  }
  const hooks = functions.filter(([name]) => isMoment(name))
  if (hooks.length === 0) throw refuse(`has no hooks: it must export functions such as ${MOMENTS[0]}`)
  const wanted = hooks.filter(([name]) => moments.some((moment) => moment === name))
  return Object.fromEntries(wanted.map(([name, call]) => [name, bound(call, found)]))
}

/** Members of an object, those of its class included. */
function methodsOf(object: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const named = MOMENTS.map((moment) => [moment, object[moment]] as const)
  return { ...object, ...Object.fromEntries(named.filter(([, value]) => value !== undefined)) }
}

function bound(call: unknown, self: unknown): unknown {
  return typeof call === 'function' ? call.bind(self) : call
}

function isMoment(name: string): boolean {
  return MOMENTS.some((moment) => moment === name)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
