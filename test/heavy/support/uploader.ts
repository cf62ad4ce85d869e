import type { Answer, Ending, Exchange } from './exchange.ts'
import { BrokenPromise, type Entry } from './ledger.ts'
import { anyPace, type Pace, slices } from './pace.ts'
import type { Random } from './random.ts'
import { append, ask, create, lengthOf, locationOf, offsetOf, type Stretch } from './tus.ts'

/** What a request is about, for counting what was interrupted. */
export type Kind = 'create' | 'create with content' | 'append' | 'checked append' | 'join' | 'look' | 'remove'

/** Where uploads go: one server or several, which may be down for a while. */
export interface Site {
  /** A server that is up, as `http://host:port`; waits until there is one. */
  origin(): Promise<string>
  /** Told of every request when it starts. */
  track(kind: Kind, exchange: Exchange): void
}

/** How a client uploads. */
export interface Habits {
  /** Bytes of one PATCH, least and most. */
  readonly step: readonly [number, number]
  /** Chance that a stretch carries a checksum. */
  readonly checked: number
  /** Chance that a checksum is wrong on purpose. */
  readonly wrong: number
  /** Chance that content comes with the creation. */
  readonly withContent: number
  /** Chance that the client leaves in the middle of a body. */
  readonly cut: number
  readonly deferred?: boolean
  readonly partial?: boolean
  /** Default: any. */
  readonly pace?: Pace
}

/** Answers that ask for another try: nothing promised, nothing lost. */
const AGAIN: readonly number[] = [409, 423, 503]
const ALGORITHMS = ['sha1', 'sha256', 'sha512', 'md5'] as const

/** Uploads all of an entry, through whatever happens, and returns when the server has acknowledged all bytes. */
export async function upload(site: Site, entry: Entry, habits: Habits, random: Random): Promise<void> {
  await begin(site, entry, habits, random)
  while (!entry.complete) await step(site, entry, habits, random)
}

/** One PATCH, and HEAD if it was not answered with 204. */
export async function step(site: Site, entry: Entry, habits: Habits, random: Random): Promise<void> {
  const [least, most] = habits.step
  const to = Math.min(entry.length, entry.acknowledged + random.int(least, most))
  if (!(await appendOnce(site, entry, to, habits, random))) await look(site, entry)
}

/** Creates it, if it is not created yet. */
export async function begin(site: Site, entry: Entry, habits: Habits, random: Random): Promise<void> {
  while (entry.path === null) await createOnce(site, entry, habits, random)
}

/**
 * HEAD until it is answered: notes where the upload stands. Throws `BrokenPromise` when the upload is not there or stands
 * where it cannot.
 */
export async function look(site: Site, entry: Entry): Promise<void> {
  for (;;) {
    const answer = await perform(site, 'look', (origin) => ask('HEAD', origin, pathOf(entry)))
    if (answer === null || AGAIN.includes(answer.status)) continue
    const offset = offsetOf(answer)
    const length = lengthOf(answer)
    if (answer.status > 204 || (length !== null && length !== entry.length)) throw broken(entry, 'HEAD', answer)
    if (entry.final ? offset !== null && offset !== length : offset === null) throw broken(entry, 'HEAD', answer)
    if (offset !== null) entry.stands(offset)
    if (length !== null) entry.declare()
    return
  }
}

/** DELETE until the upload is gone. A try whose answer was lost may have done it. */
export async function remove(site: Site, entry: Entry): Promise<void> {
  entry.remove()
  for (;;) {
    const answer = await perform(site, 'remove', (origin) => ask('DELETE', origin, pathOf(entry)))
    if (answer === null || AGAIN.includes(answer.status)) continue
    if (![204, 404, 410].includes(answer.status)) throw broken(entry, 'DELETE', answer)
    return
  }
}

/** One request; null if its answer was lost. */
export async function perform(site: Site, kind: Kind, start: (origin: string) => Exchange): Promise<Answer | null> {
  const going = start(await site.origin())
  site.track(kind, going)
  return (await going.ended).answer
}

async function createOnce(site: Site, entry: Entry, habits: Habits, random: Random): Promise<void> {
  const origin = await site.origin()
  entry.creating()
  const first =
    entry.length > 0 && random.chance(habits.withContent)
      ? stretch(entry, 0, random.int(1, Math.min(entry.length, habits.step[1])), habits, random)
      : null
  const going = create(origin, {
    key: entry.key,
    length: habits.deferred ? null : entry.length,
    ...(habits.partial ? { concat: 'partial' as const } : {}),
    ...(first ? { first } : {}),
  })
  site.track(first ? 'create with content' : 'create', going)
  const { answer } = await going.ended
  if (answer === null || AGAIN.includes(answer.status)) return
  if (first?.checksum?.wrong && answer.status === 460) return
  if (answer.status !== 201) throw broken(entry, 'POST', answer)
  entry.created(locationOf(answer))
  entry.stands(first ? (offsetOf(answer) ?? 0) : 0)
  if (!habits.deferred) entry.declare()
}

/** One PATCH. Returns whether it was answered with 204. */
async function appendOnce(site: Site, entry: Entry, to: number, habits: Habits, random: Random): Promise<boolean> {
  const declares = !entry.declared && random.chance(0.5)
  const origin = await site.origin()
  const plan = stretch(entry, entry.acknowledged, to, habits, random)
  const going = append(origin, pathOf(entry), { ...plan, ...(declares ? { length: entry.length } : {}) })
  site.track(plan.checksum ? 'checked append' : 'append', going)
  const { answer } = await cutSometimes(going, habits, random)
  if (answer === null || AGAIN.includes(answer.status)) return false
  if (plan.checksum?.wrong) {
    if (answer.status !== 460) throw broken(entry, 'PATCH with a wrong checksum', answer)
    return false
  }
  // 400 with this name: another request for the upload took over, or this one lost its connection.
  if (/ERR_UPLOAD_INTERRUPTED|ERR_UNEXPECTED_EOF/.test(answer.text)) return false
  if (answer.status !== 204) throw broken(entry, 'PATCH', answer)
  const offset = offsetOf(answer)
  if (offset !== to) throw broken(entry, `PATCH up to ${to}`, answer)
  entry.stands(offset)
  if (declares) entry.declare()
  return true
}

/** A stretch whose bytes are noted as they go out. */
function stretch(entry: Entry, from: number, to: number, habits: Habits, random: Random): Stretch {
  const pace = habits.pace ?? anyPace(random)
  if (!random.chance(habits.checked)) {
    const note = entry.sending(from)
    const pieces = (signal: AbortSignal) => noting(slices(entry.content, from, to, pace, signal), from, note)
    return { content: entry.content, from, to, pieces, chunked: random.chance(0.2) }
  }
  const wrong = random.chance(habits.wrong)
  const note = entry.sendingChecked(from, to)
  const seen = (at: number): void => {
    if (at === to && !wrong) note.whole()
  }
  const pieces = (signal: AbortSignal) => noting(slices(entry.content, from, to, pace, signal), from, seen)
  const checksum = { algorithm: random.pick(ALGORITHMS), trailer: random.chance(0.3), wrong }
  return { content: entry.content, from, to, pieces, checksum, chunked: random.chance(0.2) }
}

/** Passes pieces on and tells how far they reach, before they do: the other side cannot have more. */
async function* noting(source: AsyncIterable<Buffer>, from: number, note: (to: number) => void): AsyncIterable<Buffer> {
  let at = from
  for await (const piece of source) {
    at += piece.length
    note(at)
    yield piece
  }
}

async function cutSometimes(going: Exchange, habits: Habits, random: Random): Promise<Ending> {
  if (!random.chance(habits.cut)) return going.ended
  const timer = setTimeout(() => going.cut(), random.int(1, 60))
  const ending = await going.ended
  clearTimeout(timer)
  return ending
}

function pathOf(entry: Entry): string {
  if (entry.path === null) throw new Error(`${entry.key} was not created yet`)
  return entry.path
}

function broken(entry: Entry, what: string, answer: Answer): BrokenPromise {
  const where = `${entry.key} (${entry.path}), acknowledged ${entry.acknowledged} of ${entry.length}`
  return new BrokenPromise(
    `${where}: ${what} was answered ${answer.status} ${JSON.stringify(answer.headers)} ${answer.text.slice(0, 300)}`,
  )
}
