import { ListPartsCommand } from '@aws-sdk/client-s3'
import { expect, test } from 'vitest'
import { gate } from '../../heavy/support/pace.ts'
import { internalError } from '../support/faults.ts'
import { type Bucket, hostBucket } from './support/bucket.ts'
import { type ByHand, byHand, MIB, meet, PART, stored } from './support/hand.ts'

const bucket = hostBucket()
const LENGTH = 4 * PART

/** All four parts are sent at once; 1, 3 and 4 are stored before 2 fails for good. */
async function withGap(name: string): Promise<ByHand> {
  const upload = await byHand(bucket, name, LENGTH)
  const { proxy } = upload.site
  const others = gate()
  const away = meet(proxy, { operation: 'UploadPart', part: 2 }, { ...internalError, after: others.pass() })
  const going = upload.patch(0, LENGTH)
  for (const part of [1, 3, 4]) await stored(proxy, { operation: 'UploadPart', part })
  others.open()
  expect(await going).toMatchObject({ status: 500 })
  away()
  return upload
}

test('when part 2 of 4 fails for good, the offset stands at the end of part 1, and a resumed upload is right', async () => {
  const upload = await withGap('gap')
  expect(await partsOf(bucket, upload)).toEqual([1, 3, 4])
  expect(await upload.offset()).toBe(PART)
  expect(await (await upload.elsewhere()).offset()).toBe(PART)
  expect(await upload.patch(PART, LENGTH)).toMatchObject({ status: 204 })
  await upload.proveComplete()
})

test('parts behind a gap count once the gap is closed, and not a byte before', async () => {
  const upload = await withGap('closed')
  expect(await upload.patch(PART, PART + 1)).toMatchObject({ status: 204 })
  expect(await upload.offset()).toBe(PART + 1)
  expect(await upload.patch(PART + 1, 2 * PART - 1)).toMatchObject({ status: 204 })
  expect(await (await upload.elsewhere()).offset()).toBe(2 * PART - 1)
  // Parts 3 and 4 are where they belong, so the answer to the byte that was missing tells of them as well.
  const last = await upload.patch(2 * PART - 1, 2 * PART)
  expect(last.status).toBe(204)
  expect(last.headers['upload-offset']).toBe(String(LENGTH))
  expect(await (await upload.elsewhere()).offset()).toBe(LENGTH)
  await upload.proveComplete()
})

test('what goes beyond the gap in the request that closes it is not stored twice', async () => {
  const upload = await withGap('beyond')
  expect(await upload.patch(PART, 2 * PART + MIB)).toMatchObject({ status: 204 })
  await upload.proveComplete()
  expect(await bucket.contents(upload.key)).toEqual([upload.key, `${upload.key}.info`])
})

test('a part that fails now and then is sent again from memory, and the client notices nothing', async () => {
  const upload = await byHand(bucket, 'again', LENGTH)
  for (const part of [1, 3]) meet(upload.site.proxy, { operation: 'UploadPart', part }, internalError, 2)
  expect(await upload.patch(0, LENGTH)).toMatchObject({ status: 204 })
  await upload.proveComplete()
})

async function partsOf({ client, name }: Bucket, { key }: ByHand): Promise<(number | undefined)[]> {
  const uploadId = await uploadIdOf(key)
  const page = await client.send(new ListPartsCommand({ Bucket: name, Key: key, UploadId: uploadId }))
  return (page.Parts ?? []).map(({ PartNumber }) => PartNumber)
}

async function uploadIdOf(key: string): Promise<string> {
  const [only] = await bucket.multipartUploads(key)
  if (only === undefined) throw new Error(`no multipart upload of ${key}`)
  return only
}
