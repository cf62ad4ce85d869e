import { setTimeout } from 'node:timers/promises'
import { content, joined } from './content.ts'
import { BrokenPromise, type Entry, entry } from './ledger.ts'
import type { Random } from './random.ts'
import { create, locationOf } from './tus.ts'
import { begin, type Habits, look, perform, type Site, upload } from './uploader.ts'

const JOIN_TRIES = 200
const JOIN_PAUSE = 50

/** A concatenation: its parts, and the whole that they make. */
export interface Joining {
  readonly parts: readonly Entry[]
  readonly whole: Entry
}

/** Plans a concatenation of parts of these lengths, in bytes. */
export function planJoining(key: string, lengths: readonly number[]): Joining {
  const parts = lengths.map((length, index) => entry(`${key}.${index}`, content(`${key}.${index}`), length))
  const total = lengths.reduce((sum, length) => sum + length, 0)
  return { parts, whole: entry(key, joined(key, parts), total, true) }
}

/** Uploads the parts side by side, then asks for the whole; returns when the server has acknowledged it. */
export async function joinLate(site: Site, { parts, whole }: Joining, habits: Habits, random: Random): Promise<void> {
  const own = { ...habits, partial: true }
  await Promise.all(parts.map((part) => upload(site, part, own, random.fork(part.key))))
  await createWhole(site, parts, whole)
  await look(site, whole)
  if (!whole.complete)
    throw new BrokenPromise(`${whole.key} (${whole.path}): created from finished parts, not complete`)
}

/** Asks for the whole before its parts are there (concatenation-unfinished); returns when it has become complete. */
export async function joinEarly(site: Site, { parts, whole }: Joining, habits: Habits, random: Random): Promise<void> {
  const own = { ...habits, partial: true }
  await Promise.all(parts.map((part) => begin(site, part, own, random.fork(`${part.key}/begin`))))
  await createWhole(site, parts, whole)
  await Promise.all(parts.map((part) => upload(site, part, own, random.fork(part.key))))
  for (let tries = 0; !whole.complete; tries++) {
    if (tries === JOIN_TRIES) throw new BrokenPromise(`${whole.key} (${whole.path}): all parts are there, never joined`)
    if (tries > 0) await setTimeout(JOIN_PAUSE)
    await look(site, whole)
  }
}

async function createWhole(site: Site, parts: readonly Entry[], whole: Entry): Promise<void> {
  const concat = parts.map((part) => part.path ?? '')
  while (whole.path === null) {
    whole.creating()
    whole.sending(0)(whole.length)
    const answer = await perform(site, 'join', (origin) => create(origin, { key: whole.key, concat }))
    if (answer === null || answer.status === 423 || answer.status === 503) continue
    if (answer.status !== 201) throw new BrokenPromise(`${whole.key}: a final got ${answer.status} ${answer.text}`)
    whole.created(locationOf(answer))
  }
}
