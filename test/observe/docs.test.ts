import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { prometheusMetrics } from '../../src/metrics/prometheus.ts'
import { familiesIn } from './support/samples.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(root, 'docs', 'monitoring.md'), 'utf8')
const families = familiesIn(prometheusMetrics().text())

/** Rows of the tables whose first cell is code: the cells, without the marks of code. */
const rows = [...page.matchAll(/^\| `(\S+)` \|(.*)\|$/gm)].map(([, name = '', rest = '']) => [
  name,
  ...rest.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('`', '')),
])

describe('docs/monitoring.md', () => {
  it('has every metric, by name and type, and no other', () => {
    const told = rows.filter(([, type]) => ['counter', 'gauge', 'histogram', 'summary'].includes(type ?? ''))
    expect(new Map(told.map(([name = '', type = '']) => [name, type]))).toEqual(new Map([...families].sort(by(told))))
  })

  it('has every event of the log, by name and level, and no other', () => {
    const told = rows.filter(([, level]) => ['info', 'warn', 'error'].includes(level ?? ''))
    const source = ['engine', 'http', 'uploads.ts'].flatMap(textsOf).join('\n')
    const logged = [...source.matchAll(/\blog\.(info|warn|error)\(\s*'([a-z._]+)'/g)].map(
      ([, level, name]) => `${name} ${level}`,
    )
    const inBackground = [...source.matchAll(/\.background\('([a-z._]+)'/g)].map(([, name]) => `${name} warn`)
    const all = [...new Set([...logged, ...inBackground])]
    expect(told.map(([name, level]) => `${name} ${level}`).sort()).toEqual(all.sort())
  })

  it('speaks of no metric that is not there', () => {
    const named = [...page.matchAll(/\b(?:tusker|tusd|process)_[a-z0-9_]+/g)].map(([name]) => name)
    expect(named.filter((name) => !isSample(name))).toEqual([])
  })
})

describe('docs/grafana-dashboard.json', () => {
  const dashboard = JSON.parse(readFileSync(join(root, 'docs', 'grafana-dashboard.json'), 'utf8'))

  it('asks for metrics that are there, in panels that do not overlap', () => {
    const panels: { targets: { expr: string }[]; gridPos: { x: number; y: number } }[] = dashboard.panels
    expect(panels.length).toBeGreaterThan(5)
    const named = panels
      .flatMap(({ targets }) => targets.map(({ expr }) => expr))
      .flatMap((expr) => [...expr.matchAll(/\b(?:tusker|process|nodejs)_[a-z0-9_]+/g)].map(([name]) => name))
    expect(named.length).toBeGreaterThan(5)
    expect(named.filter((name) => !isSample(name))).toEqual([])
    expect(new Set(panels.map(({ gridPos: { x, y } }) => `${x} ${y}`)).size).toBe(panels.length)
  })
})

function isSample(name: string): boolean {
  const family = name.replace(/_(?:bucket|sum|count)$/, '')
  return families.has(name) || families.get(family) === 'histogram'
}

/** In the order of the page, so that a difference is easy to read. */
function by(told: readonly (readonly string[])[]) {
  const order = told.map(([name]) => name)
  return ([one]: [string, string], [other]: [string, string]) => order.indexOf(one) - order.indexOf(other)
}

function textsOf(path: string): readonly string[] {
  const full = join(root, 'src', path)
  if (path.endsWith('.ts')) return [readFileSync(full, 'utf8')]
  const names = readdirSync(full, { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => readFileSync(join(full, name), 'utf8'))
}
