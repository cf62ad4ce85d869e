import type { FlagKind } from './flags/flag.ts'

/** What the text of a flag means, or what is wrong with it. */
export type Reading = { readonly value: Value } | { readonly wrong: string }

export type Value = string | number | boolean | RegExp | readonly string[]

/** Reads the text of a value as its flag asks. Every default, argument and variable takes this way. */
export function readValue(flag: FlagKind, text: string): Reading {
  switch (flag.kind) {
    case 'string':
      return flag.required === true && text === '' ? { wrong: 'must not be empty' } : { value: text }
    case 'boolean':
      return readBoolean(text)
    case 'list':
      return {
        value: text
          .split(',')
          .map((word) => word.trim())
          .filter((word) => word !== ''),
      }
    case 'pattern':
      return readPattern(text)
    case 'choice':
      return flag.choices.includes(text) ? { value: text } : { wrong: `choose one of ${flag.choices.join(', ')}` }
    case 'octal':
      return /^(0o)?[0-7]{1,5}$/.test(text) && parseInt(text.replace('0o', ''), 8) <= 0o7777
        ? { value: parseInt(text.replace('0o', ''), 8) }
        : { wrong: 'not an octal mode, such as 775' }
    case 'integer':
      return within(flag, /^\d+$/.test(text) ? Number(text) : null, 'a whole number', String)
    case 'bytes':
      return within(flag, readBytes(text), 'a size in bytes or with a unit, such as 1048576, 64MiB or 2GB', formatBytes)
    case 'duration':
      return within(flag, readDuration(text), 'a time with a unit, such as 500ms, 20s, 1m30s or 1.5h', formatDuration)
  }
}

/** The words that Go's flag package takes for a boolean. */
function readBoolean(text: string): Reading {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return { value: true }
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return { value: false }
  return { wrong: 'neither true nor false' }
}

/** Go's inline flag for case is the one that configurations of tusd use; JavaScript knows it as a flag of its own. */
function readPattern(text: string): Reading {
  const ignoresCase = text.startsWith('(?i)')
  try {
    return { value: new RegExp(ignoresCase ? text.slice('(?i)'.length) : text, ignoresCase ? 'i' : '') }
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : 'not a regular expression' }
  }
}

const SIZES: Readonly<Record<string, number>> = {
  ...{ b: 1, kb: 1000, mb: 1000 ** 2, gb: 1000 ** 3, tb: 1000 ** 4 },
  ...{ kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3, tib: 1024 ** 4 },
}

/** A plain number is bytes, as in tusd. `M` alone is refused: it means one thing to dd and another to curl. */
function readBytes(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)([a-z]*)$/i.exec(text)
  const number = match?.[1] ?? ''
  const unit = match?.[2] ?? ''
  if (unit === '') return /^\d+$/.test(number) ? Number(number) : null
  const size = SIZES[unit.toLowerCase()]
  return size === undefined ? null : Math.floor(Number(number) * size)
}

/** Milliseconds of each unit that Go writes; both spellings of micro (U+00B5, U+03BC), as there. */
const UNITS: Readonly<Record<string, number>> = {
  ...{ ns: 1e-6, us: 1e-3, '\u00b5s': 1e-3, '\u03bcs': 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 },
}

/** Durations as Go's time.ParseDuration takes them, but for signs; whole milliseconds, rounded up so that some stays some. */
function readDuration(text: string): number | null {
  if (text === '0') return 0
  if (!/^((\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h))+$/.test(text)) return null
  let total = 0
  for (const [, number, unit] of text.matchAll(/([\d.]+)([^\d.]+)/g)) total += Number(number) * (UNITS[unit ?? ''] ?? 0)
  // 1.1 * 60_000 is 66,000.00000000001: dust of binary fractions is no reason to round up
  return Math.ceil(Number(total.toFixed(6)))
}

/** `number` if it is one, exact, and allowed. */
function within(
  { min = 0, max = Number.MAX_SAFE_INTEGER }: { readonly min?: number; readonly max?: number },
  number: number | null,
  meaning: string,
  format: (number: number) => string,
): Reading {
  if (number === null) return { wrong: `not ${meaning}` }
  if (number < min) return { wrong: `the least is ${format(min)}` }
  if (number > max) return { wrong: `the most is ${format(max)}` }
  return { value: number }
}

/** Bytes for people, exact or with one decimal: `64 MiB`. */
export function formatBytes(bytes: number): string {
  let [value, unit] = [bytes, 'bytes']
  for (const next of ['KiB', 'MiB', 'GiB', 'TiB']) {
    if (value < 1024) break
    value /= 1024
    unit = next
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${unit}`
}

/** Milliseconds for people, in Go's manner: `1m30s`. Below a second in milliseconds. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s'
  const parts = [
    [Math.floor(milliseconds / 3_600_000), 'h'],
    [Math.floor(milliseconds / 60_000) % 60, 'm'],
    [Math.floor(milliseconds / 1000) % 60, 's'],
    [milliseconds % 1000, 'ms'],
  ] as const
  return parts.map(([count, unit]) => (count === 0 ? '' : `${count}${unit}`)).join('')
}
