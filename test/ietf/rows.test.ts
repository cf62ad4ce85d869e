import { readdir, readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'

/** Every requirement of the draft that the tests beside this one are named by; the numbers have gaps. */
const RANGES = [
  [1, 8],
  [10, 15],
  [20, 34],
  [40, 45],
  [50, 63],
  [70, 71],
  [80, 82],
  [90, 92],
  [100, 102],
  [110, 117],
  [120, 121],
] as const

const ROWS = RANGES.flatMap(([first, last]) =>
  Array.from({ length: last - first + 1 }, (_, n) => `R-${String(first + n).padStart(3, '0')}`),
)

/** Ids at the start of the names of tests in `source`; of a table of names, too. */
function idsIn(source: string): string[] {
  const names = [...source.matchAll(/['"`]((?:R-\d{3} )+)/g)]
  return names.flatMap(([, ids = '']) => ids.trim().split(' '))
}

describe('the requirements of the draft', () => {
  it('are each named by a test', async () => {
    const folder = new URL('.', import.meta.url)
    const files = (await readdir(folder)).filter((name) => name.endsWith('.test.ts') && name !== 'rows.test.ts')
    const sources = await Promise.all(files.map((name) => readFile(new URL(name, folder), 'utf8')))
    const named = new Set(sources.flatMap(idsIn))
    expect(ROWS.filter((row) => !named.has(row))).toEqual([])
    expect([...named].filter((row) => !ROWS.includes(row))).toEqual([])
  })
})
