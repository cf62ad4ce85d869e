import { expect, test } from 'vitest'
import { hostBucket } from './support/bucket.ts'
import { type ByHand, byHand, MIB, PART } from './support/hand.ts'

const bucket = hostBucket()
const LIMITS = { maxParts: 4, maxObjectSize: 4 * PART, maxPartSize: 8 * MIB }

function highest({ site }: ByHand): number {
  return Math.max(0, ...site.proxy.calls().map(({ part }) => part ?? 0))
}

test('interruptions use up no part numbers: an upload that just fits into them still fits', async () => {
  const upload = await byHand(bucket, 'interrupted', 4 * PART, LIMITS)
  let offset = 0
  for (let round = 0; offset < 4 * PART; round++) {
    const to = Math.min(4 * PART, offset + MIB + round * 10_007)
    expect(await upload.patch(offset, to)).toMatchObject({ status: 204 })
    offset = to
  }
  expect(highest(upload)).toBeLessThanOrEqual(4)
  await upload.proveComplete()
})

test('an upload of unknown length never reaches a part number that the service does not take', async () => {
  const upload = await byHand(bucket, 'unknown', null, LIMITS)
  let offset = 0
  for (;;) {
    const answer = await upload.patch(offset, offset + 3 * MIB)
    expect(highest(upload)).toBeLessThanOrEqual(4)
    if (answer.status !== 204) {
      expect(answer.status).toBe(413)
      break
    }
    offset += 3 * MIB
  }
  expect(await upload.offset()).toBeGreaterThanOrEqual(4 * PART - 3 * MIB)
  expect(highest(upload)).toBeLessThanOrEqual(4)
})
