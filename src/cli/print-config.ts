import type { Configuration } from './configure.ts'
import { GROUPS } from './flags.ts'
import { COMMANDS } from './names.ts'
import { quote } from './quote.ts'
import type { Setting } from './setting.ts'

/** Longest value that the column of sources makes room for. */
const WIDEST = 40

/** The text of `-print-config`: every setting, its value as one would write it, and where it was written. */
export function configText({ origins }: Configuration): string {
  const groups = Object.entries(GROUPS).map(([heading, flags]) => ({
    heading,
    lines: Object.keys(flags).flatMap((name) => {
      const setting = origins.get(name)
      // The file is named even if nothing in it counts: whoever looks for a setting looks there next
      const isCommand = COMMANDS.includes(name) && name !== 'config'
      return setting === undefined || isCommand ? [] : [[name, shown(setting), setting.origin.source] as const]
    }),
  }))
  const lines = groups.flatMap((group) => group.lines)
  const names = Math.max(...lines.map(([name]) => name.length)) + 2
  const values = Math.min(Math.max(...lines.map(([, value]) => value.length)), WIDEST) + 2
  return groups
    .map(({ heading, lines }) => {
      const texts = lines.map(([name, value, source]) => `  ${name.padEnd(names)}${value.padEnd(values)} ${source}\n`)
      return `${heading}:\n${texts.join('')}`
    })
    .join('\n')
}

function shown({ value, text }: Setting): string {
  if (typeof value === 'boolean') return String(value)
  return /^[\x21\x23-\x26\x28-\x7e]+$/.test(text) ? text : quote(text)
}
