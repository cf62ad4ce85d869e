/** Names and values of labels, in the order in which they are written. */
export type Labels = Readonly<Record<string, string>>

/** One line of a family. */
export interface Sample {
  /** What the name has behind that of the family: `_bucket`. */
  readonly suffix?: string
  readonly labels?: Labels
  readonly value: number
}

/** All lines of one name. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary'
  samples(): readonly Sample[]
}

/** Prometheus text format 0.0.4. */
export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Writes families in the text format: what they are, then their samples. */
export function formatFamilies(families: readonly Family[]): string {
  const lines: string[] = []
  for (const { name, help, type, samples } of families) {
    lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`)
    for (const { suffix = '', labels = {}, value } of samples()) {
      lines.push(`${name}${suffix}${formatLabels(labels)} ${formatNumber(value)}`)
    }
  }
  return `${lines.join('\n')}\n`
}

/** As in Go's strconv: Prometheus knows infinities as +Inf and -Inf. */
export function formatNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  if (value === Number.NEGATIVE_INFINITY) return '-Inf'
  return String(value)
}

function formatLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function escapeValue(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"')
}
