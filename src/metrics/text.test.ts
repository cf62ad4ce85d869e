import { describe, expect, it } from 'vitest'
import { Counter, gauge, Histogram, histograms } from './cells.ts'
import { formatFamilies, formatNumber } from './text.ts'

describe('the text of metrics', () => {
  it('says what a family is before its samples, each on a line of its own', () => {
    const counter = new Counter({ name: 'a_total', help: 'Counts.' })
    counter.add(2)
    counter.add(0.5)
    expect(formatFamilies([counter])).toBe('# HELP a_total Counts.\n# TYPE a_total counter\na_total 2.5\n')
  })

  it('escapes what would end a value, a help or a line', () => {
    const nasty = gauge({ name: 'g', help: 'a \\ b\nc "d"' }, () => [{ labels: { l: 'x\\y\n"z"' }, value: 1 }])
    expect(formatFamilies([nasty])).toBe('# HELP g a \\\\ b\\nc "d"\n# TYPE g gauge\ng{l="x\\\\y\\n\\"z\\""} 1\n')
  })

  it.each([
    [Number.POSITIVE_INFINITY, '+Inf'],
    [Number.NEGATIVE_INFINITY, '-Inf'],
    [Number.NaN, 'NaN'],
    [0, '0'],
    [1e21, '1e+21'],
  ])('writes %s as %s', (number, text) => {
    expect(formatNumber(number)).toBe(text)
  })

  it('shows a counter without labels as 0 before anything happened, and one with labels only where it is preset', () => {
    const bare = new Counter({ name: 'bare_total', help: 'h' })
    const preset = new Counter({ name: 'preset_total', help: 'h' }, ['kind'], [['one'], ['two']])
    const open = new Counter({ name: 'open_total', help: 'h' }, ['kind'])
    preset.add(3, 'two')
    preset.add(4, 'three')
    const text = formatFamilies([bare, preset, open])
    expect(text.split('\n').filter((line) => !line.startsWith('#'))).toEqual([
      'bare_total 0',
      'preset_total{kind="one"} 0',
      'preset_total{kind="two"} 3',
      'preset_total{kind="three"} 4',
      '',
    ])
    expect(preset.total).toBe(7)
  })

  it('keeps values of labels apart whatever is in them', () => {
    const counter = new Counter({ name: 'c_total', help: 'h' }, ['a', 'b'])
    counter.add(1, 'x', 'y')
    counter.add(1, 'x', 'z')
    counter.add(1, 'x', 'y')
    expect(counter.samples()).toEqual([
      { labels: { a: 'x', b: 'y' }, value: 2 },
      { labels: { a: 'x', b: 'z' }, value: 1 },
    ])
  })

  it('makes buckets cumulative, with an upper end that belongs to them, and +Inf for what is beyond', () => {
    const cell = new Histogram([0.1, 1])
    for (const value of [0.05, 0.1, 0.5, 1, 7]) cell.observe(value)
    const family = histograms({ name: 'h_seconds', help: 'h' }, 'call', { open: cell })
    expect(formatFamilies([family]).split('\n').slice(2)).toEqual([
      'h_seconds_bucket{call="open",le="0.1"} 2',
      'h_seconds_bucket{call="open",le="1"} 4',
      'h_seconds_bucket{call="open",le="+Inf"} 5',
      'h_seconds_sum{call="open"} 8.65',
      'h_seconds_count{call="open"} 5',
      '',
    ])
  })
})
