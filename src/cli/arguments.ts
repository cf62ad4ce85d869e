import { Complaint } from './complaint.ts'
import type { Flag } from './flags.ts'
import { lookUp, unknown } from './names.ts'
import { quote } from './quote.ts'
import { readSetting, type Setting, type SettingMap } from './setting.ts'
import { readValue } from './values.ts'

/**
 * Reads a command line as Go's flag package does, so that one written for tusd works: `-name` and `--name`, the value after
 * `=` or in the next argument, booleans without a value; a flag given twice counts as given last.
 *
 * Not `parseArgs` of node:util: to it `-port` is four short flags, and a boolean cannot be given a value.
 * @throws Complaint with exit code 2
 */
export function readArguments(args: readonly string[]): SettingMap {
  const settings = new Map<string, Setting>()
  for (let at = 0; at < args.length; at++) {
    // It ends the flags, and nothing may follow them; some package managers pass on the one that was meant for them
    if (args[at] === '--') continue
    const written = splitFlag(args[at] ?? '')
    if (written === null) throw unexpected(args, at)
    const { word } = written
    const row = lookUp(word)
    if (row === null) throw unknown(word, `flag ${quote(`-${word}`)}`, (name) => `-${name}`)
    const { name, flag } = row
    const text = written.text ?? (flag.kind === 'boolean' ? 'true' : following(args, ++at, word, flag))
    settings.set(name, readSetting(flag, text, { place: `flag -${word}`, source: 'flag' }))
  }
  return settings
}

/** `-name`, `--name`, `-name=text`; null for what is no flag. */
function splitFlag(argument: string): { readonly word: string; readonly text: string | null } | null {
  const match = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(argument)
  return match === null ? null : { word: match[1] ?? '', text: match[2] ?? null }
}

/** The argument after a flag, as its value. Go takes any; the name of another flag is rather a value that was forgotten. */
function following(args: readonly string[], at: number, word: string, flag: Flag): string {
  const text = args[at]
  const isFlag = text !== undefined && lookUp(splitFlag(text)?.word ?? '') !== null
  if (text === undefined || isFlag) throw complaint(`flag -${word} needs a value: -${word} ${placeholder(flag)}`)
  return text
}

function unexpected(args: readonly string[], at: number): Complaint {
  const argument = args[at] ?? ''
  const before = splitFlag(args[at - 1] ?? '')
  const afterBoolean = before?.text === null && lookUp(before.word)?.flag.kind === 'boolean'
  if (afterBoolean && 'value' in readValue({ kind: 'boolean' }, argument)) {
    return complaint(`unexpected argument ${JSON.stringify(argument)}; did you mean -${before.word}=${argument}?`)
  }
  const hint = lookUp(argument) !== null ? `did you mean -${argument}?` : 'flags begin with a dash'
  return complaint(`unexpected argument ${JSON.stringify(argument)}; ${hint}`)
}

function complaint(message: string): Complaint {
  return new Complaint(message, 2)
}

/** What `--help` and complaints show in the place of a flag's value; empty for a boolean. */
export function placeholder(flag: Flag): string {
  if (flag.value !== undefined) return flag.value
  if (flag.kind === 'choice') return flag.choices.join('|')
  const words = {
    boolean: '',
    string: '<text>',
    list: '<words>',
    pattern: '<pattern>',
    octal: '<mode>',
    integer: '<number>',
    bytes: '<size>',
    duration: '<time>',
  }
  return words[flag.kind]
}
