import { expect, test } from 'vitest'
import { gate } from '../../heavy/support/pace.ts'
import { internalError, late } from '../support/faults.ts'
import { hostBucket } from './support/bucket.ts'
import { type ByHand, byHand, MIB, meet, PART, stored } from './support/hand.ts'

const bucket = hostBucket()
const LENGTH = 3 * PART + MIB
const SECOND = { operation: 'UploadPart', part: 2 } as const

async function landed({ site }: ByHand): Promise<void> {
  const lates = site.proxy.calls().filter(({ fault }) => fault?.do === 'forward' && fault.late)
  expect(lates.length).toBeGreaterThan(0)
  await Promise.all(lates.map(({ ended }) => ended))
}

test('a part that lands late, after its repetition, changes nothing', async () => {
  const upload = await byHand(bucket, 'repeated', LENGTH)
  const landing = gate()
  meet(upload.site.proxy, SECOND, late(landing.pass()), 1)
  expect(await upload.patch(0, 3 * PART)).toMatchObject({ status: 204 })
  landing.open()
  await landed(upload)
  expect(await upload.offset()).toBe(3 * PART)
  expect(await upload.patch(3 * PART, LENGTH)).toMatchObject({ status: 204 })
  await upload.proveComplete()
})

test('a part of an older request that lands after those of a newer one fits, wherever the newer request began', async () => {
  const upload = await byHand(bucket, 'older', LENGTH)
  const landing = gate()
  const first = meet(upload.site.proxy, SECOND, late(landing.pass()), 1)
  const rest = meet(upload.site.proxy, SECOND, internalError)
  expect((await upload.patch(0, 2 * PART + 10)).status).toBeGreaterThanOrEqual(500)
  for (const away of [first, rest]) away()
  expect(await upload.offset()).toBe(PART)
  expect(await upload.patch(PART, PART + MIB)).toMatchObject({ status: 204 })
  expect(await upload.patch(PART + MIB, 2 * PART + MIB)).toMatchObject({ status: 204 })
  landing.open()
  await landed(upload)
  expect(await upload.offset()).toBe(2 * PART + MIB)
  const elsewhere = await upload.elsewhere()
  expect(await elsewhere.patch(2 * PART + MIB, LENGTH)).toMatchObject({ status: 204 })
  await elsewhere.proveComplete()
})

test('a part that lands before a newer request has come that far counts no more than what is contiguous', async () => {
  const upload = await byHand(bucket, 'early', LENGTH)
  const landing = gate()
  const first = meet(upload.site.proxy, SECOND, late(landing.pass()), 1)
  const rest = meet(upload.site.proxy, SECOND, internalError)
  expect((await upload.patch(0, 2 * PART + 10)).status).toBeGreaterThanOrEqual(500)
  for (const away of [first, rest]) away()
  expect(await upload.patch(PART, PART + MIB)).toMatchObject({ status: 204 })
  landing.open()
  await landed(upload)
  const offset = await upload.offset()
  expect(offset).toBeGreaterThanOrEqual(PART + MIB)
  expect(await upload.patch(offset, LENGTH)).toMatchObject({ status: 204 })
  await upload.proveComplete()
})

test('a part that lands after the upload is complete changes nothing', async () => {
  const upload = await byHand(bucket, 'complete', LENGTH)
  const landing = gate()
  meet(upload.site.proxy, SECOND, late(landing.pass()), 1)
  expect(await upload.patch(0, LENGTH)).toMatchObject({ status: 204 })
  await stored(upload.site.proxy, { operation: 'CompleteMultipartUpload' })
  landing.open()
  await landed(upload)
  await upload.proveComplete()
  expect(await bucket.contents(upload.key)).toEqual([upload.key, `${upload.key}.info`])
})
