import { readFileSync } from 'node:fs'
import { Complaint } from './complaint.ts'
import type { Flag } from './flags.ts'
import { readJson } from './json.ts'
import { COMMANDS, lookUp, unknown } from './names.ts'
import { escapeJson, quote } from './quote.ts'
import { invalid, type Origin, readSetting, type Setting, type SettingMap } from './setting.ts'

/**
 * Reads a file of settings: a JSON object by the names of the flags.
 * @param path relative to the working directory, as are the paths in the file
 * @param from what named the file, for complaints: `flag -config` or `TUSKER_CONFIG`
 * @throws Complaint with exit code 2
 */
export function readConfigFile(path: string, from: string): SettingMap {
  const shown = quote(path)
  const reading = readJson(readText(path, shown, from))
  if ('found' in reading) {
    const { found, line, column } = reading
    throw new Complaint(`${shown} (${from}) is no JSON: line ${line}, column ${column}: unexpected ${found}`, 2)
  }
  const { value, keys } = reading
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Complaint(`${shown} (${from}) must hold a JSON object, such as {"port": 9000}`, 2)
  }
  const settings = new Map<string, Setting>()
  const written = new Map<string, string>()
  const members = new Map<string, unknown>(Object.entries(value))
  for (const key of keys) {
    const place = `${escapeJson(JSON.stringify(key))} in ${shown}`
    const row = lookUp(key)
    if (row === null) throw unknown(key, `key ${place}`, (name) => JSON.stringify(name))
    const { name, flag } = row
    if (COMMANDS.includes(name)) throw new Complaint(`key ${place} has no effect: -${name} is not for a file`, 2)
    const before = written.get(name)
    if (before === key) throw new Complaint(`key ${place} is there twice`, 2)
    if (before !== undefined) throw new Complaint(`key ${place} is another name of "${before}", which is there, too`, 2)
    written.set(name, key)
    settings.set(name, fromJson(flag, members.get(key), { place, source: shown }))
  }
  return settings
}

function readText(path: string, shown: string, from: string): string {
  try {
    // Editors of Windows put a byte order mark in front
    return readFileSync(path, 'utf8').replace(/^\ufeff/, '')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: 'there is no such file',
      ENOTDIR: 'there is no such file',
      EACCES: 'this user may not read it',
      EISDIR: 'it is a folder',
    }
    const reason = reasons[code] ?? (error instanceof Error ? error.message : String(error))
    throw new Complaint(`cannot read ${shown} (${from}): ${reason}`, 2, { cause: error })
  }
}

/** A value that makes sense in JSON, as the text that would stand on a command line. */
function fromJson(flag: Flag, value: unknown, origin: Origin): Setting {
  const shown = shorten(escapeJson(JSON.stringify(value)))
  if (typeof value === 'string') return readSetting(flag, value, origin, shown)
  const { kind } = flag
  if (typeof value === 'boolean' && kind === 'boolean') return readSetting(flag, String(value), origin, shown)
  // JSON knows no octal numbers: 775 would look like one and be another
  if (typeof value === 'number' && ['integer', 'bytes', 'duration'].includes(kind)) {
    return readSetting(flag, String(value), origin, shown)
  }
  if (Array.isArray(value) && kind === 'list' && value.every((word) => typeof word === 'string')) {
    return readSetting(flag, value.join(','), origin, shown)
  }
  throw invalid(shown, origin, `it must be ${WANTED[kind]}`)
}

const WANTED: Readonly<Record<Flag['kind'], string>> = {
  boolean: 'true or false',
  string: 'a string',
  list: 'an array of strings, or one string with commas',
  pattern: 'a string',
  choice: 'a string',
  octal: 'a string, such as "775"',
  integer: 'a number',
  bytes: 'a number, or a string with a unit',
  duration: 'a string with a unit, such as "20s"',
}

function shorten(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}...` : text
}
