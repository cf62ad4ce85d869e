import { readFileSync } from 'node:fs'

const page = readFileSync(new URL('../../../../docs/proxies.md', import.meta.url), 'utf8')

/** The configuration that docs/proxies.md marks with that name. */
export function documented(name: string): string {
  const found = new RegExp(`<!-- tested: ${name} -->\\n\`\`\`\\w+\\n([\\s\\S]*?)\`\`\`\\n`).exec(page)?.[1]
  if (found === undefined) throw new Error(`docs/proxies.md has no configuration that is marked "${name}"`)
  return found
}

/** What a line sets: its first word, and where that may be repeated, what it is about. */
const SETS = /^\s*(handle|location|proxy_set_header \S+|header_up [+-]?[\w-]+|[\w]+)/

/**
 * A configuration with lines that are different in it, as a reader of the page would change it: each takes the place of the
 * line that sets the same, or is added to the innermost block.
 */
export function changed(configuration: string, fragment: string): string {
  const lines = configuration.trimEnd().split('\n')
  for (const line of fragment.trimEnd().split('\n')) {
    const key = keyOf(line)
    const at = lines.findIndex((each) => keyOf(each) === key)
    if (at === -1) lines.splice(lines.findLastIndex((each) => each.endsWith('{')) + 1, 0, line)
    else lines[at] = line
  }
  return `${lines.join('\n')}\n`
}

function keyOf(line: string): string | null {
  return SETS.exec(line)?.[1]?.replace(/ [+-]/, ' ') ?? null
}

/** Replaces what stands in the page by what the test has; each must be there. */
export function filledIn(configuration: string, values: readonly (readonly [string, string])[]): string {
  return values.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the configuration does not have ${JSON.stringify(from)}:\n${text}`)
    return text.replaceAll(from, to)
  }, configuration)
}
