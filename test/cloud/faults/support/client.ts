import { createHash } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import type { Answer, Exchange } from '../../../heavy/support/exchange.ts'
import { BrokenPromise } from '../../../heavy/support/ledger.ts'
import { anyPace, eager, type Pace, slices, trickle } from '../../../heavy/support/pace.ts'
import type { Random } from '../../../heavy/support/random.ts'
import type { Account } from './account.ts'
import { createFinal, type Standing, type Stretch, type Voice } from './voice.ts'

/** Servers that share what they store and lock. */
export interface Servers {
  /** One of them, as `http://host:port`. */
  origin(): string
  /** Told whenever a server said that an upload is complete; rejects if it is not so. */
  proven(one: Account): Promise<void>
}

/** How a client behaves. */
export interface Habits {
  /** Most bytes of one request. */
  readonly step: number
  /** Chances, each of one request. */
  readonly cut: number
  readonly takeOver: number
  readonly checked: number
  /** The length is told late. */
  readonly deferred: boolean
  /** Content comes with the creation. */
  readonly withContent: boolean
  readonly partial?: boolean
}

/** A client with one upload. */
export interface Client {
  readonly one: Account
  readonly voice: Voice
  /** Creates it, if it is not created yet. */
  begin(): Promise<void>
  /** One request with bytes, and HEAD if it was not answered well. */
  step(): Promise<void>
  /** Until the server says that it is complete. */
  finish(): Promise<void>
  /** HEAD until it is answered. Returns null if the upload is not there. */
  look(): Promise<Standing | null>
  /** DELETE until it is gone. Returns the status. */
  remove(): Promise<number>
}

/** Requests that one upload may take before something must be wrong. */
const LIMIT = 400
/** Answers that ask for another try. 500 is what a failed storage is told as. */
const AGAIN: readonly number[] = [409, 423, 500, 503]

export function client(servers: Servers, voice: Voice, one: Account, habits: Habits, random: Random): Client {
  let knowsLength = !habits.deferred
  let requests = 0

  async function perform(start: (origin: string) => Exchange): Promise<Answer | null> {
    if (++requests > LIMIT) throw new BrokenPromise(`${one.key}: ${LIMIT} requests did not finish it`)
    return checkedAnswer(one, (await start(servers.origin()).ended).answer)
  }

  async function begin(): Promise<void> {
    while (one.path === null) await createOnce()
  }

  async function createOnce(): Promise<void> {
    one.creating()
    const to = habits.withContent ? random.int(0, Math.min(one.length, habits.step)) : 0
    const whole = habits.withContent && to === one.length && random.chance(0.7)
    const first = habits.withContent ? stretchOf(one, 0, to, voice, habits, random) : null
    const length = habits.deferred ? null : one.length
    const answer = await perform((origin) =>
      voice.create(origin, { key: one.key, length, whole, ...(first && { first }), partial: habits.partial === true }),
    )
    if (answer === null || AGAIN.includes(answer.status) || answer.status === 460) return
    // 400: the body of an interrupted creation. Whatever became of it, nobody knows its URL.
    if (answer.status === 400 && first !== null) return
    if (answer.status !== 200 && answer.status !== 201) throw broken(one, 'POST', answer)
    one.created(new URL(answer.headers.location ?? 'missing:', 'http://a').pathname)
    await stood(voice.standing(answer), 0, whole && (length !== null || !voice.needsLength))
  }

  /** Notes what an answer tells. */
  async function stood(told: Standing, floor: number, completes: boolean): Promise<void> {
    if (told.length !== null && told.length !== one.length)
      throw new BrokenPromise(`${one.key}: length ${told.length} instead of ${one.length}`)
    if (told.offset !== null) one.stands(told.offset, floor)
    const done = told.complete || (completes && told.offset === one.length)
    if (!done || one.complete) return
    one.completed()
    await servers.proven(one)
  }

  async function look(): Promise<Standing | null> {
    for (;;) {
      const floor = one.acknowledged
      const answer = await perform((origin) => voice.head(origin, pathOf(one)))
      if (answer === null || AGAIN.includes(answer.status)) continue
      if (answer.status === 404 || answer.status === 410) return null
      if (answer.status > 204) throw broken(one, 'HEAD', answer)
      const told = voice.standing(answer)
      if (one.complete && !told.complete) throw broken(one, 'HEAD of a complete upload', answer)
      await stood(told, floor, false)
      if (told.length === null && voice.needsLength) knowsLength = false
      return told
    }
  }

  async function step(): Promise<void> {
    const from = one.acknowledged
    const to = Math.min(one.length, from + (random.chance(0.6) ? habits.step : random.int(1, habits.step)))
    const last = to === one.length && random.chance(0.8)
    const declares = !knowsLength && (to === one.length || random.chance(0.3))
    const plan = { ...stretchOf(one, from, to, voice, habits, random), last }
    const going = voice.append(servers.origin(), pathOf(one), { ...plan, ...(declares && { length: one.length }) })
    if (++requests > LIMIT) throw new BrokenPromise(`${one.key}: ${LIMIT} requests did not finish it`)
    if (random.chance(habits.takeOver)) await takeOver(going)
    else if (random.chance(habits.cut)) await cutSoon(going, random)
    const answer = checkedAnswer(one, (await going.ended).answer)
    if (answer === null || answer.status < 200 || answer.status > 204) {
      if (answer !== null && !isRepeatable(answer)) throw broken(one, 'PATCH', answer)
      if (!one.complete) await look()
      return
    }
    if (declares) knowsLength = true
    await stood(voice.standing(answer), to, to === one.length && (voice.needsLength ? knowsLength : last))
  }

  /** Somebody else asks where the upload stands, while the bytes are on their way. */
  async function takeOver(going: Exchange): Promise<void> {
    await Promise.race([going.ended, setTimeout(random.int(0, 60))])
    if ((await look()) === null) throw new BrokenPromise(`${one.key} is gone`)
  }

  return {
    one,
    voice,
    begin,
    step,
    async finish() {
      await begin()
      while (!one.complete) await step()
    },
    look,
    async remove() {
      for (;;) {
        const answer = await perform((origin) => voice.remove(origin, pathOf(one)))
        if (answer === null || AGAIN.includes(answer.status)) continue
        if (![204, 404, 410].includes(answer.status)) throw broken(one, 'DELETE', answer)
        return answer.status
      }
    },
  }
}

/** Joins partial uploads that are complete; returns when the server has said that the whole is. */
export async function join(servers: Servers, parts: readonly Account[], whole: Client): Promise<void> {
  const { one } = whole
  for (let requests = 0; one.path === null; requests++) {
    if (requests > LIMIT) throw new BrokenPromise(`${one.key}: ${LIMIT} requests did not join it`)
    one.creating()
    one.sending(one.length)
    const answer = (await createFinal(servers.origin(), one.key, parts.map(pathOf)).ended).answer
    if (answer === null || AGAIN.includes(answer.status)) continue
    if (answer.status !== 201) throw broken(one, 'a final POST', answer)
    one.created(new URL(answer.headers.location ?? 'missing:', 'http://a').pathname)
  }
  for (let looks = 0; !one.complete; looks++) {
    if (looks > LIMIT) throw new BrokenPromise(`${one.key}: all its parts are there, and it is never joined`)
    if ((await whole.look()) === null) throw new BrokenPromise(`${one.key} is gone`)
  }
}

function stretchOf(one: Account, from: number, to: number, voice: Voice, habits: Habits, random: Random): Stretch {
  const pace = paceFor(to - from, random)
  const right = one.content.bytes(from, to)
  const checked = voice.checksums && random.chance(habits.checked)
  const spoilt = checked && to > from && random.chance(0.3)
  const source = spoilt
    ? { key: 'spoilt', bytes: (at: number, end: number) => Buffer.alloc(end - at, 'x') }
    : one.content
  async function* pieces(signal: AbortSignal): AsyncIterable<Buffer> {
    let at = from
    for await (const piece of slices(source, from, to, pace, signal)) {
      at += piece.length
      // Bytes that do not match their checksum must never count.
      if (!spoilt) one.sending(at)
      yield piece
    }
  }
  return {
    from,
    to,
    body: { length: random.chance(0.2) ? null : to - from, pieces },
    ...(checked && { checksum: `sha256 ${createHash('sha256').update(right).digest('base64')}` }),
  }
}

function paceFor(bytes: number, random: Random): Pace {
  if (bytes > 1 << 20) return random.chance(0.6) ? eager : trickle(random, 256 << 10, random.int(0, 4))
  return anyPace(random)
}

async function cutSoon(going: Exchange, random: Random): Promise<void> {
  await Promise.race([going.ended, setTimeout(random.int(1, 80))])
  going.cut()
}

/** Another request took over, the connection broke, a checksum did not match: what came is told by HEAD. */
function isRepeatable({ status, text }: Answer): boolean {
  if (AGAIN.includes(status) || status === 460) return true
  return status === 400 && /ERR_UPLOAD_INTERRUPTED|ERR_UNEXPECTED_EOF|ERR_UPLOAD_COMPLETE/.test(text)
}

/** A bug of the server's own is never an answer. */
function checkedAnswer(one: Account, answer: Answer | null): Answer | null {
  if (answer?.text.includes('ERR_INTERNAL')) throw broken(one, 'a request', answer)
  return answer
}

function pathOf(one: Account): string {
  if (one.path === null) throw new Error(`${one.key} was not created yet`)
  return one.path
}

function broken(one: Account, what: string, answer: Answer): BrokenPromise {
  const where = `${one.key} (${one.path}), acknowledged ${one.acknowledged} of ${one.length}`
  return new BrokenPromise(
    `${where}: ${what} was answered ${answer.status} ${JSON.stringify(answer.headers)} ${answer.text.slice(0, 300)}`,
  )
}
