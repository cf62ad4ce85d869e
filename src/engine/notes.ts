import { createHash } from 'node:crypto'

/** A text of any length and any characters as a part of the name of a note. */
export function nameFor(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}
