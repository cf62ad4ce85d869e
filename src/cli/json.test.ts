import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from 'vitest'
import { readJson } from './json.ts'

test('the keys of the outermost object come in order, and as often as they are written', () => {
  const text = '{ "b": {"x": 1, "y": [{"z": 2}]}, "a": [], "b": 3, "\\u0061": 4 }'
  expect(readJson(text)).toEqual({ value: { b: 3, a: 4 }, keys: ['b', 'a', 'b', 'a'] })
})

test.each([
  ['', 'end', 1, 1],
  ['{', 'end', 1, 2],
  ['{"port": 1', 'end', 1, 11],
  ['{\n  "port": 1,\n}', '"}"', 3, 1],
  ['{\n  "port": 1\n  "host": ""\n}', '"\\""', 3, 3],
  ["{'port': 1}", '"\'"', 1, 2],
  ['{"port": 1} x', '"x"', 1, 13],
  ['{"a": 1,\r\n "b": 01}', '"1"', 2, 8],
  ['{"a": tru}', '"t"', 1, 7],
  ['{"a": "line\nbreak"}', '"\\""', 1, 7],
  ['// words\n{}', '"/"', 1, 1],
  ['[1, 2', 'end', 1, 6],
  ['😀', '"😀"', 1, 1],
])('%j stops being JSON at %s, line %d, column %d', (text, found, line, column) => {
  expect(readJson(text)).toEqual({ found, line, column })
})

describe('beside JSON.parse', () => {
  const whole = '{"a": [1, -0.5e+3, true, null, "\\u00e9\\n\u007f\\"x"], "b": {"c": [], "d": {}}, "e": 0}'
  const accepts = (text: string) => {
    try {
      return { value: JSON.parse(text) as unknown }
    } catch {
      return null
    }
  }

  test('every text with one character missing, doubled or another one is judged alike', () => {
    const strange = [
      '"',
      '\\',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '0',
      '-',
      '.',
      'e',
      't',
      ' ',
      '\n',
      '\u0000',
      '\u00a0',
      '',
    ]
    const verdicts = { taken: 0, refused: 0 }
    const wrong: string[] = []
    for (let at = 0; at <= whole.length; at++) {
      const before = whole.slice(0, at)
      for (const text of strange.flatMap((char) => [0, 1].map((skip) => before + char + whole.slice(at + skip)))) {
        const expected = accepts(text)
        const reading = readJson(text)
        const alike =
          expected === null
            ? 'found' in reading
            : 'value' in reading && isDeepStrictEqual(reading.value, expected.value)
        if (!alike) wrong.push(text)
        verdicts[expected === null ? 'refused' : 'taken']++
      }
    }
    expect(wrong).toEqual([])
    expect(verdicts.taken).toBeGreaterThan(100)
    expect(verdicts.refused).toBeGreaterThan(1000)
  })
})
