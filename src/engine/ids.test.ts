import { expect, it } from 'vitest'
import { idSource } from './ids.ts'

it('ids are 128 random bits each, and none comes twice, also beyond one draw and from two sources', () => {
  const sources = [idSource(), idSource()]
  const ids = sources.flatMap((newId) => Array.from({ length: 600 }, newId))
  expect(new Set(ids).size).toBe(1200)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/)
  // No two share a half either, as they would if a byte were used twice.
  expect(new Set(ids.flatMap((id) => [id.slice(0, 16), id.slice(16)])).size).toBe(2400)
})
