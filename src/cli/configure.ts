import { readArguments } from './arguments.ts'
import type { Complaint } from './complaint.ts'
import { readConfigFile } from './config-file.ts'
import { type Environment, readEnvironment } from './environment.ts'
import type { FlagName, Settings } from './flags.ts'
import { rows } from './names.ts'
import { invalid, readSetting, type Setting, type SettingMap } from './setting.ts'

/** What the operator wants, and where they said so. */
export interface Configuration {
  readonly settings: Settings
  /** All flags, in the order of the table. */
  readonly origins: SettingMap
}

const DEFAULT = { place: 'the default', source: 'default' }

/**
 * Puts together what flags, environment and file say: a flag goes over a variable, a variable over the file, the file over the
 * default. All of them are checked, also what another goes over.
 * @throws Complaint with exit code 2
 */
export function configure(args: readonly string[], environment: Environment): Configuration {
  const flags = readArguments(args)
  const asks = (name: FlagName) => flags.get(name)?.value === true
  // Who is told to look at `-help` should see it, whatever is wrong elsewhere
  const elsewhere = asks('help') || asks('version') ? new Map<string, Setting>() : readElsewhere(flags, environment)
  const defaults = rows().map(({ name, flag }) => [name, readSetting(flag, flag.default, DEFAULT)] as const)
  const origins = new Map<string, Setting>([...defaults, ...elsewhere, ...flags])
  const values = [...origins].map(([name, { value }]) => [name, value])
  // The one place where text becomes `Settings`: every name of the table is there, read by its own kind
  return { settings: Object.fromEntries(values) as Settings, origins }
}

function readElsewhere(flags: SettingMap, environment: Environment): SettingMap {
  const variables = readEnvironment(environment)
  const config = flags.get('config') ?? variables.get('config')
  const file = config === undefined || config.text === '' ? [] : readConfigFile(config.text, config.origin.place)
  return new Map([...file, ...variables])
}

/**
 * What to say about a setting that its kind alone would allow, naming where it was written.
 * @param wrong what is wrong with it
 */
export function refuse(configuration: Configuration, name: FlagName, wrong: string): Complaint {
  const setting = configuration.origins.get(name)
  if (setting === undefined) throw new Error(`no setting ${name}`)
  return invalid(JSON.stringify(setting.text), setting.origin, wrong)
}
