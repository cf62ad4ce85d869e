import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { appending, hostDraft } from '../ietf/support/draft.ts'
import { nodeDoor } from '../tus/support/node-door.ts'
import { pattern } from '../tus/support/site.ts'
import type { Wire } from '../tus/support/wire.ts'
import { rounds } from './support/rounds.ts'

const UPLOADS = rounds(500, 1000)
const AT_ONCE = 8
const LARGEST = 300_000

/** Numbers from 0 to below `limit`, the same ones for the same seed (mulberry32). */
function dice(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64')

describe(`${UPLOADS} uploads of the draft on a bad network`, () => {
  const draft = hostDraft(nodeDoor, 8)
  const misfortunes = { cut: 0, stalledAndTakenOver: 0, answerLost: 0, resumed: 0 }

  /** One upload, to its end. Returns its URL; null if it was refused because its digest is wrong. */
  async function upload(seed: number): Promise<string | null> {
    const roll = dice(seed)
    const bytes = pattern(roll(LARGEST), seed)
    const isWrong = roll(10) === 0
    const digest = sha256(isWrong ? Buffer.concat([bytes, Buffer.from('x')]) : bytes)
    const withDigest = isWrong || roll(3) === 0
    const url = await draft.create('?0', '', {
      ...(withDigest && { 'Repr-Digest': `sha-256=:${digest}:` }),
      ...(roll(2) === 0 && { 'Upload-Length': String(bytes.length) }),
    })
    // Whether a last append went out in whole: only then may the upload be complete.
    let declared = false
    for (let attempt = 0; attempt < 200; attempt++) {
      const head = await draft.head(url)
      if (head.status === 404 && isWrong && declared) return null
      expect(head.status).toBe(204)
      const offset = Number(head.header('upload-offset'))
      expect(offset).toBeLessThanOrEqual(bytes.length)
      if (head.header('upload-complete') === '?1') {
        expect([declared, isWrong]).toEqual([true, false])
        return url
      }
      if (offset > 0) misfortunes.resumed++
      const rest = bytes.subarray(offset)
      const isLast = roll(3) > 0
      const body = isLast ? rest : rest.subarray(0, roll(rest.length + 1))
      const fields = appending(offset, isLast ? '?1' : '?0')
      const text = draft.text('PATCH', url, { ...fields, 'Content-Length': String(body.length) })
      const wire = await draft.site.connect()
      if (await befall(roll(5), { wire, text, body, url, cutAt: roll(body.length + 1) })) declared ||= isLast
    }
    throw new Error(`upload ${seed} did not come to an end`)
  }

  interface Attempt {
    readonly wire: Wire
    readonly text: Buffer
    readonly body: Uint8Array
    readonly url: string
    readonly cutAt: number
  }

  /** Sends an append, and what may happen to it. Returns whether all of it went out. */
  async function befall(fate: number, { wire, text, body, url, cutAt }: Attempt): Promise<boolean> {
    const head = body.subarray(0, cutAt)
    if (fate === 0 && cutAt < body.length) {
      misfortunes.cut++
      await wire.write(Buffer.concat([text, head]))
      wire.cut()
      return false
    }
    if (fate === 1 && cutAt < body.length) {
      misfortunes.stalledAndTakenOver++
      await wire.write(Buffer.concat([text, head]))
      // Whoever comes first, what HEAD says holds, and late bytes are dropped.
      const [told] = await Promise.all([draft.head(url), wire.write(body.subarray(cutAt))])
      wire.cut()
      expect([204, 404]).toContain(told.status)
      return true
    }
    await wire.write(Buffer.concat([text, body]))
    if (fate === 2) {
      misfortunes.answerLost++
      wire.cut()
      return true
    }
    const answer = await wire.answer('PATCH')
    wire.cut()
    expect([201, 204, 400, 404, 409]).toContain(answer.status)
    return true
  }

  it('ends with every complete one equal, and none complete that should not be', async () => {
    const seeds = Array.from({ length: UPLOADS }, (_, seed) => seed)
    let equal = 0
    let refused = 0
    const work = async (): Promise<void> => {
      for (let seed = seeds.pop(); seed !== undefined; seed = seeds.pop()) {
        const url = await upload(seed)
        if (url === null) {
          refused++
          continue
        }
        const roll = dice(seed)
        expect(sha256(await draft.site.stored(url))).toBe(sha256(pattern(roll(LARGEST), seed)))
        equal++
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    expect(equal + refused).toBe(UPLOADS)
    expect(refused).toBeGreaterThan(UPLOADS / 20)
    for (const count of Object.values(misfortunes)) expect(count).toBeGreaterThan(UPLOADS / 20)
  })
})
