import { Complaint } from './complaint.ts'
import { COMMANDS, lookUp, unknown } from './names.ts'
import { quote } from './quote.ts'
import { readSetting, type Setting, type SettingMap } from './setting.ts'

const PREFIX = 'TUSKER_'

/** The environment of a process. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The variable that sets a flag: `TUSKER_UPLOAD_DIR`. */
export function variableOf(name: string): string {
  return PREFIX + name.toUpperCase().replaceAll('-', '_')
}

/**
 * Reads the variables that are named after flags.
 * @throws Complaint with exit code 2: every variable that begins with our name must be one of ours, or a misspelling would go
 * unnoticed
 */
export function readEnvironment(environment: Environment): SettingMap {
  const settings = new Map<string, Setting>()
  const variables = new Map<string, string>()
  for (const [variable, text] of Object.entries(environment)) {
    if (text === undefined || !variable.startsWith(PREFIX) || isServiceLink(variable, text)) continue
    const word = variable.slice(PREFIX.length).toLowerCase().replaceAll('_', '-')
    const row = variable === variableOf(word) ? lookUp(word) : null
    if (row === null) throw unknown(word, `variable ${quote(variable)}`, variableOf)
    const { name, flag } = row
    if (COMMANDS.includes(name) && name !== 'config') {
      throw new Complaint(`${variable} has no effect: -${name} is for the command line only`, 2)
    }
    const other = variables.get(name)
    if (other !== undefined) throw new Complaint(`${other} and ${variable} are the same setting; unset one of them`, 2)
    variables.set(name, variable)
    settings.set(name, readSetting(flag, text, { place: variable, source: variable }))
  }
  return settings
}

/**
 * Kubernetes sets variables like these in every container beside a service that is called tusker, or tusker-something:
 * TUSKER_SERVICE_HOST, TUSKER_PORT=tcp://10.0.0.11:8080, TUSKER_PORT_8080_TCP_ADDR.
 */
function isServiceLink(variable: string, text: string): boolean {
  if (/^TUSKER_(\w+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)$/.test(variable)) return true
  return /^TUSKER_(\w+_)?PORT$/.test(variable) && /^(tcp|udp|sctp):\/\//.test(text)
}
