import { expect, test } from 'vitest'
import { gate } from '../../heavy/support/pace.ts'
import { cutAfter, internalError, late, lostAnswer } from '../support/faults.ts'
import { hostBucket } from './support/bucket.ts'
import { byHand, called, isOf, MIB, meet, PART, stored, type Which } from './support/hand.ts'

const bucket = hostBucket()
const TAIL: Which = { operation: 'PutObject', kind: 'part' }
const LENGTH = 3 * PART + 1000

test('bytes that were acknowledged stay in the tail until the part that contains them is stored', async () => {
  const upload = await byHand(bucket, 'kept', LENGTH)
  expect(await upload.patch(0, PART + MIB)).toMatchObject({ status: 204 })
  const away = meet(upload.site.proxy, { operation: 'UploadPart', part: 2 }, internalError)
  expect((await upload.patch(PART + MIB, 3 * PART)).status).toBeGreaterThanOrEqual(500)
  expect(await upload.offset()).toBe(PART + MIB)
  away()
  expect(await (await upload.elsewhere()).offset()).toBe(PART + MIB)
  expect(await upload.patch(PART + MIB, LENGTH)).toMatchObject({ status: 204 })
  const calls = upload.site.proxy.calls()
  const removed = calls.findIndex((call) => isOf(call, { operation: 'DeleteObject', kind: 'part' }))
  const completed = calls.findIndex((call) => isOf(call, { operation: 'CompleteMultipartUpload' }))
  expect(removed === -1 || removed > completed).toBe(true)
  await upload.proveComplete()
})

test('a tail that has become part of a part, and could not be emptied, is not counted twice', async () => {
  const upload = await byHand(bucket, 'twice', LENGTH, { attempts: 2 })
  expect(await upload.patch(0, PART + MIB)).toMatchObject({ status: 204 })
  const away = meet(upload.site.proxy, TAIL, internalError)
  const answer = await upload.patch(PART + MIB, 2 * PART)
  away()
  const offset = await upload.offset()
  if (answer.status === 204) expect(offset).toBe(2 * PART)
  expect([PART + MIB, 2 * PART]).toContain(offset)
  const elsewhere = await upload.elsewhere()
  expect(await elsewhere.patch(offset, LENGTH)).toMatchObject({ status: 204 })
  await elsewhere.proveComplete()
})

test('a tail that lands late, after a longer one, does not take acknowledged bytes away', async () => {
  const upload = await byHand(bucket, 'late', LENGTH)
  const landing = gate()
  meet(upload.site.proxy, TAIL, late(landing.pass()), 1)
  expect(await upload.patch(0, PART + MIB)).toMatchObject({ status: 204 })
  expect(await upload.patch(PART + MIB, PART + 2 * MIB)).toMatchObject({ status: 204 })
  const before = upload.site.proxy.calls().find((call) => isOf(call, TAIL))
  landing.open()
  await before?.ended
  expect(await upload.offset()).toBe(PART + 2 * MIB)
  expect(await upload.patch(PART + 2 * MIB, LENGTH)).toMatchObject({ status: 204 })
  await upload.proveComplete()
})

test('a tail whose answer was lost counts once', async () => {
  const upload = await byHand(bucket, 'lost', LENGTH)
  meet(upload.site.proxy, TAIL, lostAnswer, 1)
  expect(await upload.patch(0, MIB)).toMatchObject({ status: 204 })
  meet(upload.site.proxy, TAIL, lostAnswer, 1)
  expect(await upload.patch(MIB, 2 * MIB)).toMatchObject({ status: 204 })
  expect(await upload.offset()).toBe(2 * MIB)
  expect(await upload.patch(2 * MIB, LENGTH)).toMatchObject({ status: 204 })
  await upload.proveComplete()
})

test('a part that the service sees cut is not there, and a client that leaves in the middle of one finds what was saved', async () => {
  const upload = await byHand(bucket, 'truncated', LENGTH)
  const away = meet(upload.site.proxy, { operation: 'UploadPart', part: 2 }, cutAfter(2 * MIB))
  expect((await upload.patch(0, 2 * PART)).status).toBeGreaterThanOrEqual(500)
  away()
  expect(await upload.offset()).toBe(PART)
})

test('what is saved of a client that left is saved before the next request sees the upload, however long it takes', async () => {
  const upload = await byHand(bucket, 'left', LENGTH, { timeout: 60_000 })
  const slow = gate()
  meet(upload.site.proxy, TAIL, { do: 'forward', before: slow.pass() }, 1)
  const going = upload.begin(0, LENGTH)
  await stored(upload.site.proxy, { operation: 'UploadPart', part: 1 })
  going.cut()
  const sent = going.sent()
  const waiting = upload.offset()
  const both = await Promise.race([waiting, called(upload.site.proxy, TAIL)])
  slow.open()
  const offset = await waiting
  expect(both === undefined || both === offset).toBe(true)
  expect(offset).toBeGreaterThanOrEqual(PART)
  expect(offset).toBeLessThanOrEqual(sent)
  expect(await upload.patch(offset, LENGTH)).toMatchObject({ status: 204 })
  await upload.proveComplete()
})
