// @ts-check
import { concat } from './concat.js'
import { get } from './get.js'
import { hook } from './hook.js'
import { http2 } from './http2.js'
import { idle } from './idle.js'
import { many } from './many.js'
import { s3Many, s3Small } from './s3.js'
import { slow } from './slow.js'
import { tiny } from './tiny.js'

/**
 * In the order of the report.
 * @type {readonly import('../types.ts').Row[]}
 */
export const rows = [
  many('patch', 1),
  many('patch8', 8),
  many('patch64', 64),
  tiny('tiny1', 1, 3000),
  tiny('tiny32', 32, 3000),
  tiny('tiny256', 256, 3000),
  get,
  concat,
  slow,
  idle,
  http2,
  hook,
  s3Many('s3', 1),
  s3Many('s3-8', 8),
  s3Small('s3-small', 64),
]

/**
 * The rows that a word of --rows means: one by its name, or all of a family (`tiny` is tiny1, tiny32, tiny256).
 * @param {string} word
 */
export function rowsOf(word) {
  const exact = rows.filter((row) => row.name === word)
  return exact.length > 0 ? exact : rows.filter((row) => row.name.replace(/\d+$/, '') === word)
}
