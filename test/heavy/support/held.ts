import { content } from './content.ts'
import type { Exchange } from './exchange.ts'
import type { Entry } from './ledger.ts'
import { eager, gate, slices } from './pace.ts'
import { append } from './tus.ts'

/** A PATCH whose client stopped in the middle. */
export interface Held {
  readonly exchange: Exchange
  /** The client sends the rest after all: other bytes than those of the upload, so that they are found if they are stored. */
  sendWrongRest(): void
}

/** Announces all that the upload still lacks, sends the bytes up to `until`, then nothing. */
export function holdUp(origin: string, one: Entry, until: number): Held {
  const wake = gate()
  const from = one.acknowledged
  one.sending(from)(until)
  async function* pieces(signal: AbortSignal): AsyncIterable<Buffer> {
    yield* slices(one.content, from, until, eager, signal)
    await wake.pass(signal)
    yield* slices(content('late bytes'), until, one.length, eager, signal)
  }
  const exchange = append(origin, one.path ?? '', { content: one.content, from, to: one.length, pieces })
  return { exchange, sendWrongRest: wake.open }
}
