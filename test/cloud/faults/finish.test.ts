import { expect, test, vi } from 'vitest'
import { gate } from '../../heavy/support/pace.ts'
import {
  drop,
  errorInSuccess,
  type Fault,
  forbidden,
  halfAnswer,
  internalError,
  lostAnswer,
  reset,
  silence,
  slowDown,
} from '../support/faults.ts'
import { hostBucket } from './support/bucket.ts'
import { byHand, called, MIB, meet, PART, type Which } from './support/hand.ts'

const bucket = hostBucket()
const LENGTH = PART + 100_000
const COMPLETE: Which = { operation: 'CompleteMultipartUpload' }
const RECORD: Which = { operation: 'PutObject', kind: 'info' }

const NOT_DONE: readonly (readonly [string, Fault])[] = [
  ['500', internalError],
  ['503 SlowDown', slowDown],
  ['403', forbidden],
  ['an error in a 200', errorInSuccess],
  ['a reset', reset],
]
const DONE: readonly (readonly [string, Fault])[] = [
  ['a lost answer', lostAnswer],
  ['half an answer', halfAnswer],
  ['silence', silence],
]

test.each(NOT_DONE)(
  'an upload whose completion fails (%s) is not complete until it has happened, and then it is',
  async (name, fault) => {
    const upload = await byHand(bucket, `not-done ${name}`.replaceAll(' ', '-'), LENGTH, { attempts: 2 })
    const away = meet(upload.site.proxy, COMPLETE, fault)
    expect((await upload.patch(0, LENGTH)).status).toBeGreaterThanOrEqual(500)
    expect((await upload.head()).status).toBeGreaterThanOrEqual(500)
    expect(await bucket.contents(upload.key)).toContain(`${upload.key}?uploads`)
    away()
    const elsewhere = await upload.elsewhere()
    expect(await elsewhere.offset()).toBe(LENGTH)
    await elsewhere.proveComplete()
    expect(await bucket.contents(upload.key)).toEqual([upload.key, `${upload.key}.info`])
  },
)

test.each(DONE)('a completion that has happened is recognised by its object (%s)', async (name, fault) => {
  const upload = await byHand(bucket, `done ${name}`.replaceAll(' ', '-'), LENGTH)
  meet(upload.site.proxy, COMPLETE, fault, 1)
  expect(await upload.patch(0, LENGTH)).toMatchObject({ status: 204 })
  await upload.proveComplete()
})

test.each(DONE)(
  'a completion whose answer is never known (%s) is found done by the next request',
  async (name, fault) => {
    const upload = await byHand(bucket, `unknown ${name}`.replaceAll(' ', '-'), LENGTH, { attempts: 2 })
    const back = [
      meet(upload.site.proxy, COMPLETE, fault),
      meet(upload.site.proxy, { operation: 'HeadObject', kind: 'object' }, internalError),
    ]
    expect((await upload.patch(0, LENGTH)).status).toBeGreaterThanOrEqual(500)
    for (const away of back) away()
    expect(await upload.offset()).toBe(LENGTH)
    await upload.proveComplete()
  },
)

test.each([
  ['500', internalError],
  ['a lost answer', lostAnswer],
  ['half an answer', halfAnswer],
  ['a drop', drop],
] as const)('an object whose record could not be sealed (%s) is sealed by the next request', async (name, fault) => {
  const upload = await byHand(bucket, `seal ${name}`.replaceAll(' ', '-'), LENGTH, { attempts: 2 })
  const away = meet(upload.site.proxy, RECORD, fault)
  const answer = await upload.patch(0, LENGTH)
  if (fault === internalError) expect(answer.status).toBeGreaterThanOrEqual(500)
  away()
  const elsewhere = await upload.elsewhere()
  expect(await elsewhere.offset()).toBe(LENGTH)
  await elsewhere.proveComplete()
})

test('a process that stops between the completion and the record loses nothing', async () => {
  const upload = await byHand(bucket, 'between', LENGTH, { timeout: 60_000 })
  const never = gate()
  meet(upload.site.proxy, RECORD, { do: 'forward', before: never.pass() })
  const going = upload.begin(0, LENGTH)
  await called(upload.site.proxy, RECORD, 2)
  await vi.waitFor(async () => expect(await bucket.contents(upload.key)).toContain(upload.key), 60_000)
  await upload.site.proxy.close()
  going.cut()
  const elsewhere = await upload.elsewhere()
  expect(await elsewhere.offset()).toBe(LENGTH)
  await elsewhere.proveComplete()
})

test.each([0, 1, PART, 2 * PART, PART + MIB])(
  'a complete upload of %i bytes takes no more, wherever they are to go',
  async (length) => {
    const upload = await byHand(bucket, `immutable-${length}`, length)
    if (length > 0) expect(await upload.patch(0, length)).toMatchObject({ status: 204 })
    for (const server of [upload, await upload.elsewhere()]) {
      for (const offset of new Set([0, length])) {
        expect((await server.patch(offset, offset + 5)).status).toBeGreaterThanOrEqual(400)
        expect((await server.patch(offset, offset)).status).toBeLessThan(500)
      }
      expect(await server.offset()).toBe(length)
      await server.proveComplete()
    }
  },
)
