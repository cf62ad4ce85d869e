import { expect } from 'vitest'
import { proveByDownload } from './download.ts'
import { bytesOnDisk, proveOnDisk } from './folder.ts'
import type { Entry } from './ledger.ts'
import { eager } from './pace.ts'
import type { Random } from './random.ts'
import type { Server } from './server.ts'
import { siteOf } from './traffic.ts'
import { append, ask, create, offsetOf } from './tus.ts'
import { type Habits, look, upload } from './uploader.ts'

export const PLAIN: Habits = { step: [1, 1 << 20], checked: 0, wrong: 0, withContent: 0, cut: 0, pace: eager }

/** What a client was told while something ailed. */
export interface Told {
  readonly status: number
  readonly text: string
  readonly retryAfter: string | undefined
}

/** PATCH of the next bytes, up to `to`; what came of it is for the caller to judge. */
export async function patch(server: Server, one: Entry, to: number, checked = false): Promise<Told> {
  one.sending(one.acknowledged)(to)
  const checksum = checked ? { checksum: { algorithm: 'sha1' } } : {}
  const plan = { content: one.content, from: one.acknowledged, to, ...checksum }
  return told(await append(server.origin, one.path ?? '', plan).ended)
}

/** POST of an upload. */
export async function post(server: Server, key: string, length: number): Promise<Told> {
  return told(await create(server.origin, { key, length }).ended)
}

/** HEAD, GET or DELETE. */
export async function tell(server: Server, method: 'HEAD' | 'GET' | 'DELETE', one: Entry): Promise<Told> {
  return told(await ask(method, server.origin, one.path ?? '').ended)
}

function told(ending: Awaited<ReturnType<typeof append>['ended']>): Told {
  if (ending.answer === null) throw new Error('no answer', { cause: ending.broken })
  const { status, text, headers } = ending.answer
  return { status, text, retryAfter: headers['retry-after'] }
}

/** HEAD tells no offset, or one that is really stored. Returns it; null if none. */
export async function noFalseOffset(server: Server, folder: string, one: Entry): Promise<number | null> {
  const { answer } = await ask('HEAD', server.origin, one.path ?? '').ended
  if (answer === null) throw new Error('HEAD got no answer')
  const offset = offsetOf(answer)
  if (offset !== null) expect(offset).toBeLessThanOrEqual(await bytesOnDisk(folder, one))
  return offset
}

/** The upload goes on where it stands, to its end, and is what was sent. */
export async function finishes(server: Server, folder: string, one: Entry, random: Random): Promise<void> {
  if (one.path !== null) await look(siteOf(server), one)
  await upload(siteOf(server), one, PLAIN, random)
  await proveByDownload(siteOf(server), one)
  await proveOnDisk(folder, one)
  expect(server.running()).toBe(true)
  expect(server.log()).not.toMatch(/request\.crashed|process\.fault|ERR_INTERNAL/)
}
