import { setTimeout } from 'node:timers/promises'
import { timed } from '../../support/calm.ts'
import { content } from './content.ts'
import { BrokenPromise, type Entry } from './ledger.ts'
import { eager, gate, slices } from './pace.ts'
import type { Random } from './random.ts'
import { append, type Stretch } from './tus.ts'
import { look, type Site } from './uploader.ts'

/** What nobody ever sent in time: if a byte of it is found in an upload, a late byte was stored. */
const POISON = content('late bytes')

/** Milliseconds from asking where the upload stands to the answer, while another request holds it; null if there was none. */
export type TakeoverTime = number | null

/**
 * A client stops in the middle of a body. Another one (`elsewhere`) asks where the upload stands, and takes over. Then the
 * first wakes up and sends the rest, other bytes than before. Throws `BrokenPromise` if a late byte moved the upload.
 */
export async function stallAndWake(
  site: Site,
  elsewhere: (origin: string) => Site,
  entry: Entry,
  random: Random,
): Promise<TakeoverTime> {
  const from = entry.acknowledged
  const to = Math.min(entry.length, from + random.int(16 << 10, 192 << 10))
  const middle = random.int(from + 1, to)
  const wake = gate()
  const stalled = gate()
  const note = entry.sending(from)
  async function* pieces(signal: AbortSignal): AsyncIterable<Buffer> {
    note(middle)
    yield* slices(entry.content, from, middle, eager, signal)
    stalled.open()
    await wake.pass(signal)
    yield* slices(POISON, middle, to, eager, signal)
  }
  const origin = await site.origin()
  const plan: Stretch = { content: entry.content, from, to, pieces }
  const going = append(origin, entry.path ?? '', plan)
  site.track('append', going)
  await Promise.race([stalled.pass(), going.ended])
  await setTimeout(random.int(20, 120))

  const { took } = await timed(() => look(elsewhere(origin), entry))
  // Only if bytes of the stalled request count was it running, and then taken over. Else its bytes may still be on their way,
  // and the rest would be in time.
  const takenOver = entry.acknowledged > from && middle < to
  if (takenOver) wake.open()
  else going.cut()
  await going.ended
  const before = entry.acknowledged
  await look(site, entry)
  if (takenOver && entry.acknowledged !== before)
    throw new BrokenPromise(`${entry.key} (${entry.path}): late bytes moved it from ${before} to ${entry.acknowledged}`)
  return takenOver ? took : null
}

/** The same chunk three times at once; then it stands where any of them brought it. */
export async function sendThrice(site: Site, entry: Entry, random: Random): Promise<void> {
  const from = entry.acknowledged
  const to = Math.min(entry.length, from + random.int(1, 192 << 10))
  entry.sending(from)(to)
  const all = [1, 2, 3].map(async () => {
    const going = append(await site.origin(), entry.path ?? '', { content: entry.content, from, to })
    site.track('append', going)
    return going.ended
  })
  const answers = (await Promise.all(all)).map(({ answer }) => answer?.status ?? 0)
  if (answers.filter((status) => status === 204).length > 1)
    throw new BrokenPromise(`${entry.key} (${entry.path}): ${from} to ${to} was taken more than once: ${answers}`)
  if (answers.some((status) => ![0, 204, 400, 409, 423, 503].includes(status)))
    throw new BrokenPromise(`${entry.key} (${entry.path}): ${from} to ${to} three times at once: ${answers}`)
  await look(site, entry)
}
