import { Complaint } from './complaint.ts'
import { FLAGS, type Flag, type FlagName, TUSD_ONLY } from './flags.ts'
import { nearest } from './nearest.ts'

const TABLE: ReadonlyMap<string, Flag> = new Map(Object.entries(FLAGS))
const NAMES: ReadonlyMap<string, string> = new Map(
  [...TABLE].flatMap(([name, flag]) => [name, ...(flag.aliases ?? [])].map((word) => [word, name])),
)

/** A row of the table, and the name that it has there. */
export interface Row {
  readonly name: string
  readonly flag: Flag
}

/** What may not be set by a file, and all but the file itself not by the environment: they are commands, not settings. */
export const COMMANDS: readonly string[] = ['help', 'version', 'print-config', 'config'] satisfies readonly FlagName[]

/** Every row, in the order of the table. */
export function rows(): readonly Row[] {
  return [...TABLE].map(([name, flag]) => ({ name, flag }))
}

/** The row that goes by this name or by this older name. */
export function lookUp(word: string): Row | null {
  const name = NAMES.get(word)
  const flag = TABLE.get(name ?? '')
  return name === undefined || flag === undefined ? null : { name, flag }
}

/**
 * What to say about a name that is in no row.
 * @param shown it as it stands where it was found, with what it is: `flag -prot`
 * @param spell how another name would stand there
 */
export function unknown(word: string, shown: string, spell: (name: string) => string): Complaint {
  if (TUSD_ONLY.includes(word)) {
    return new Complaint(`${shown} is known to tusd, but this version of tusker does not support it yet`, 2)
  }
  const near = nearest(word, NAMES.keys())
  const hint = near === null ? 'tusker -help lists the flags' : `did you mean ${spell(near)}?`
  return new Complaint(`unknown ${shown}; ${hint}`, 2)
}
