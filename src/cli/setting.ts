import { Complaint } from './complaint.ts'
import type { Flag } from './flags.ts'
import { readValue, type Value } from './values.ts'

/** Where a value was written. */
export interface Origin {
  /** For complaints: `flag -port`, `TUSKER_PORT`, `"port" in tusker.json`. */
  readonly place: string
  /** For `-print-config`: `default`, the path of a file, the name of a variable, or `flag`. */
  readonly source: string
}

/** A value of a flag. */
export interface Setting {
  readonly flag: Flag
  readonly value: Value
  /** As one would write it on a command line. */
  readonly text: string
  readonly origin: Origin
}

/** Settings by the names of their flags. */
export type SettingMap = ReadonlyMap<string, Setting>

/**
 * Reads a value.
 * @param shown the value as it stands at its origin
 * @throws Complaint that says what is wrong, and where
 */
export function readSetting(flag: Flag, text: string, origin: Origin, shown = JSON.stringify(text)): Setting {
  const reading = readValue(flag, text)
  if ('value' in reading) return { flag, value: reading.value, text, origin }
  throw invalid(shown, origin, reading.wrong)
}

/** What to say about a value that is wrong. */
export function invalid(shown: string, origin: Origin, wrong: string): Complaint {
  return new Complaint(`invalid value ${shown} for ${origin.place}: ${wrong}`, 2)
}
