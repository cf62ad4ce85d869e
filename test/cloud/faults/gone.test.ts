import { expect, test } from 'vitest'
import { internalError } from '../support/faults.ts'
import { hostBucket } from './support/bucket.ts'
import { type ByHand, byHand, MIB, meet, PART } from './support/hand.ts'

const bucket = hostBucket()
const GONE = [404, 410]

async function expectGone(upload: ByHand, offset: number): Promise<void> {
  for (const server of [upload, await upload.elsewhere()]) {
    const head = await server.head()
    expect(GONE).toContain(head.status)
    expect(head.headers['upload-offset']).toBeUndefined()
    expect(GONE).toContain((await server.patch(offset, offset)).status)
  }
  expect([204, ...GONE]).toContain((await upload.remove()).status)
  expect(await bucket.contents(upload.key)).toEqual([])
}

test.each([0, 1000, PART, 2 * PART + MIB])(
  'an upload that a lifecycle rule aborted at %i bytes is gone',
  async (offset) => {
    const upload = await byHand(bucket, `aborted-${offset}`, 3 * PART)
    if (offset > 0) expect(await upload.patch(0, offset)).toMatchObject({ status: 204 })
    expect(await bucket.abortMultipartUploads(upload.key)).toBe(1)
    await expectGone(upload, offset)
  },
)

test('an upload that has all its bytes, could not be completed, and was aborted then, is gone and not complete', async () => {
  const upload = await byHand(bucket, 'all-there', 2 * PART, { attempts: 1 })
  const away = meet(upload.site.proxy, { operation: 'CompleteMultipartUpload' }, internalError)
  expect((await upload.patch(0, 2 * PART)).status).toBeGreaterThanOrEqual(500)
  expect(await bucket.abortMultipartUploads(upload.key)).toBe(1)
  away()
  await expectGone(upload, 2 * PART)
})

test('an upload that is aborted while its bytes come ends with an error, and is gone', async () => {
  const upload = await byHand(bucket, 'meanwhile', 3 * PART)
  expect(await upload.patch(0, PART + 1)).toMatchObject({ status: 204 })
  const away = upload.site.proxy.rule(({ operation, part }) => {
    if (operation !== 'UploadPart' || part !== 2) return null
    away()
    return { do: 'forward', before: bucket.abortMultipartUploads(upload.key) }
  })
  expect((await upload.patch(PART + 1, 3 * PART)).status).toBeGreaterThanOrEqual(400)
  await expectGone(upload, PART + 1)
})
