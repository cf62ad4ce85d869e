import { randomBytes } from 'node:crypto'
import { HeadObjectCommand } from '@aws-sdk/client-s3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { s3Store } from '../../../src/stores/s3.ts'
import { createUploads, type Uploads } from '../../../src/uploads.ts'
import { BUCKET, openRoom, type Room } from '../support/room.ts'
import { MiB, sha256, type TusClient, tusClient } from './support/client.ts'
import { type TusdState, tusdUpload } from './support/fixture.ts'

let room: Room
let uploads: Uploads
let client: TusClient

beforeEach(async () => {
  room = openRoom('ceph')
  await start()
})
afterEach(async () => {
  await uploads.close()
  await room.close()
})

async function start(): Promise<void> {
  uploads = await createUploads({ store: s3Store(room.options) })
  client = tusClient('http://uploads.example', uploads.fetch)
}

/** As after a restart: nothing is known but what is in the bucket. */
async function restart(): Promise<void> {
  await uploads.close()
  await start()
}

/** Bytes of an upload, cut at these sizes: the parts, and what is left of it. */
function cut(bytes: Uint8Array, ...sizes: readonly number[]): { parts: Uint8Array[]; rest: Uint8Array } {
  let rest = bytes
  const parts: Uint8Array[] = []
  for (const size of sizes) {
    parts.push(rest.subarray(0, size))
    rest = rest.subarray(size)
  }
  return { parts, rest }
}

const leave = (state: TusdState) => tusdUpload(room, state)

describe('an upload that tusd began in S3', () => {
  const ODD = [5 * MiB, 6 * MiB + 123, 5 * MiB + 1] as const
  const done = ODD.reduce((sum, size) => sum + size, 0)

  it.each([
    ['parts of odd sizes and a short tail', ODD, 70_001],
    ['parts of odd sizes and a tail of one byte', ODD, 1],
    ['parts of odd sizes', ODD, 0],
    ['nothing but a tail', [], 4 * MiB],
    ['no byte yet', [], 0],
  ])('with %s stands where tusd left it, and is finished', async (_name, sizes, tailSize) => {
    const bytes = randomBytes(done + 12 * MiB + 7)
    const { parts, rest } = cut(bytes, ...sizes)
    const tail = rest.subarray(0, tailSize)
    const Size = bytes.length
    const { id, objectId } = await leave({ parts, ...(tailSize > 0 && { tail }), record: { Size } })
    const url = `/files/${id}`
    const offset = parts.reduce((sum, part) => sum + part.length, tailSize)
    expect(await client.stand(url)).toBe(`${offset} of ${Size}`)

    // In several requests, so that a tail of ours follows theirs
    expect(await client.append(url, offset, bytes.subarray(offset, offset + 300_000))).toBe(204)
    await restart()
    expect(await client.stand(url)).toBe(`${offset + 300_000} of ${Size}`)
    expect(await client.append(url, offset + 300_000, bytes.subarray(offset + 300_000))).toBe(204)
    await restart()
    expect(await client.stand(url)).toBe(`${Size} of ${Size}`)
    expect(await client.content(url)).toBe(sha256(bytes))
    expect(await room.keys()).toEqual([objectId, `${objectId}.info`])
    expect(await room.multiparts()).toEqual([])
  })

  it('is asked for by its short id as well', async () => {
    const tail = randomBytes(1000)
    const { objectId } = await leave({ tail, record: { Size: 1500 } })
    expect(await client.stand(`/files/${objectId}`)).toBe('1000 of 1500')
    expect(await client.append(`/files/${objectId}`, 1000, randomBytes(500))).toBe(204)
    expect(await client.stand(`/files/${objectId}`)).toBe('1500 of 1500')
  })

  it('whose bytes were all stored, but never made an object of, becomes one', async () => {
    const bytes = randomBytes(11 * MiB + 5)
    const { parts, rest } = cut(bytes, 5 * MiB, 6 * MiB)
    const { id, objectId } = await leave({ parts: [...parts, rest], record: { Size: bytes.length } })
    const url = `/files/${id}`
    expect(await client.append(url, bytes.length, new Uint8Array())).toBe(204)
    expect(await client.content(url)).toBe(sha256(bytes))
    expect(await room.keys()).toEqual([objectId, `${objectId}.info`])
  })

  it('of unknown length goes on, and is finished when it is told', async () => {
    const bytes = randomBytes(13 * MiB)
    const { parts, rest } = cut(bytes, 5 * MiB, 5 * MiB + 9)
    const tail = rest.subarray(0, 100)
    const { id } = await leave({ parts, tail, record: { SizeIsDeferred: true } })
    const url = `/files/${id}`
    const offset = 10 * MiB + 109
    expect(await client.stand(url)).toBe(`${offset} of null`)
    expect(await client.append(url, offset, bytes.subarray(offset, 12 * MiB))).toBe(204)
    const fields = { 'Upload-Offset': String(12 * MiB), 'Content-Type': 'application/offset+octet-stream' }
    const last = { ...fields, 'Upload-Length': String(bytes.length) }
    expect((await client.ask('PATCH', url, last, bytes.subarray(12 * MiB))).status).toBe(204)
    expect(await client.stand(url)).toBe(`${bytes.length} of ${bytes.length}`)
    expect(await client.content(url)).toBe(sha256(bytes))
  })

  it('that is finished is downloaded, with the name that the client gave, and removed', async () => {
    const bytes = randomBytes(5 * MiB + 5)
    const { parts, rest } = cut(bytes, 5 * MiB)
    const { id } = await leave({ parts: [...parts, rest], ended: 'completed', record: { Size: bytes.length } })
    const url = `/files/${id}`
    expect(await client.stand(url)).toBe(`${bytes.length} of ${bytes.length}`)
    const answer = await client.ask('GET', url)
    expect(answer.headers.get('content-disposition')).toContain('a.bin')
    expect(sha256(new Uint8Array(await answer.arrayBuffer()))).toBe(sha256(bytes))
    expect(await client.append(url, bytes.length, randomBytes(5))).toBeGreaterThanOrEqual(400)
    expect((await client.ask('DELETE', url)).status).toBe(204)
    expect(await room.keys()).toEqual([])
  })

  it('whose multipart upload was aborted is gone, and not complete', async () => {
    const { id } = await leave({ parts: [randomBytes(5 * MiB)], ended: 'aborted', record: { Size: 6 * MiB } })
    expect(await client.stand(`/files/${id}`)).toBe('410')
    expect(await client.append(`/files/${id}`, 5 * MiB, randomBytes(MiB))).toBe(410)
  })

  it('is removed with everything that belongs to it', async () => {
    const { id } = await leave({ parts: [randomBytes(5 * MiB)], tail: randomBytes(5), record: { Size: 6 * MiB } })
    expect((await client.ask('DELETE', `/files/${id}`)).status).toBe(204)
    expect(await room.keys()).toEqual([])
    expect(await room.multiparts()).toEqual([])
  })

  it('as part of a whole is joined with one of ours', async () => {
    const [one, two] = [randomBytes(5 * MiB + 70), randomBytes(300)]
    const { id } = await leave({ parts: [one], ended: 'completed', record: { Size: one.length, IsPartial: true } })
    const ours = await client.create({ 'Upload-Concat': 'partial', 'Upload-Length': String(two.length) })
    expect(await client.append(ours, 0, two)).toBe(204)
    const whole = await client.create({ 'Upload-Concat': `final;/files/${id} ${ours}` })
    expect(await client.content(whole)).toBe(sha256(Buffer.concat([one, two])))
  })

  it('keeps what tusd wrote of it in its record', async () => {
    const { id, objectId } = await leave({ tail: Buffer.from('hello'), record: { Size: 10 } })
    expect(await client.append(`/files/${id}`, 5, Buffer.from('world'))).toBe(204)
    const record: unknown = JSON.parse((await room.read(`${objectId}.info`))?.toString() ?? '')
    const MetaData = { filename: 'a.bin', filetype: 'application/x-a' }
    expect(record).toMatchObject({ ID: id, Size: 10, MetaData, IsPartial: false, IsFinal: false })
    expect(
      await room.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key: room.prefix + objectId })),
    ).toMatchObject({ ContentLength: 10 })
  })
})
