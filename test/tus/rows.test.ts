import { readdir, readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'

/** Every requirement of tus 1.0.0 that the tests beside this one are named by, from T-001 on; the numbers have gaps. */
const RANGES = [
  [1, 43],
  [50, 55],
  [60, 64],
  [70, 79],
  [80, 83],
  [90, 106],
  [110, 119],
  [121, 123],
] as const

const ROWS = RANGES.flatMap(([first, last]) =>
  Array.from({ length: last - first + 1 }, (_, n) => `T-${String(first + n).padStart(3, '0')}`),
)

/** Ids at the start of the names of tests in `source`. */
function idsIn(source: string): string[] {
  const names = [...source.matchAll(/\b(?:it|test)\b[\s\S]*?['"`]((?:T-\d{3} )+)/g)]
  return names.flatMap(([, ids = '']) => ids.trim().split(' '))
}

describe('the requirements of tus 1.0.0', () => {
  it('are each named by a test', async () => {
    const folder = new URL('.', import.meta.url)
    const files = (await readdir(folder)).filter((name) => name.endsWith('.test.ts') && name !== 'rows.test.ts')
    const sources = await Promise.all(files.map((name) => readFile(new URL(name, folder), 'utf8')))
    const named = new Set(sources.flatMap(idsIn))
    expect(ROWS.filter((row) => !named.has(row))).toEqual([])
    expect([...named].filter((row) => !ROWS.includes(row))).toEqual([])
  })
})
