import { randomBytes } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Store } from '../../../src/core/store.ts'
import { parseUploadId } from '../../../src/core/upload.ts'
import type { S3Call, S3StoreOptions } from '../../../src/stores/s3/options.ts'
import { s3Store } from '../../../src/stores/s3.ts'
import { batches, collect, hash, listed, newUpload } from '../../../src/testing/store-suite/testbed.ts'
import { BUCKET, openRoom, type Room } from '../support/room.ts'
import { MiB, PART } from './suite.ts'

let room: Room
beforeEach(() => {
  room = openRoom('ceph')
})
afterEach(() => room.close())

const open = (options: Partial<S3StoreOptions> = {}): Store => s3Store({ ...room.options, partSize: PART, ...options })
const head = (key: string) => room.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key: `${room.prefix}${key}` }))
const later = new Date(Date.now() + 3_600_000)

async function unfinished(store: Store): Promise<string[]> {
  const ids: string[] = []
  for await (const id of store.unfinished?.() ?? []) ids.push(id)
  return ids.sort()
}

describe('the place that a hook chooses', () => {
  it('the bytes go there, the record stays where the id says, and both are removed together', async () => {
    const store = open()
    const bytes = randomBytes(PART + 1000)
    const Key = `${room.prefix}videos/holiday one.mp4`
    const wanted = newUpload({ length: bytes.length, storage: { Key }, metadata: new Map([['filetype', 'video/mp4']]) })
    const stored = await store.create(wanted)
    expect(stored.upload.storage).toEqual({ Type: 's3store', Bucket: BUCKET, Key })
    await stored.append(batches(bytes))
    await stored.finish()
    const found = await open().open(stored.upload.id)
    expect(found.upload.storage).toMatchObject({ Bucket: BUCKET, Key })
    expect(hash(await collect(found.read()))).toBe(hash(bytes))
    expect(await room.keys()).toEqual([`${wanted.id}.info`, 'videos/holiday one.mp4'])
    expect(await head('videos/holiday one.mp4')).toMatchObject({ ContentType: 'video/mp4' })
    await found.remove()
    expect(await room.keys()).toEqual([])
  })

  it('an object that was there before is replaced by a complete upload only, and survives a removed one', async () => {
    const store = open()
    const Key = `${room.prefix}stable`
    await room.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: 'old one' }))
    const wanted = newUpload({ length: 7, storage: { Key } })
    const stored = await store.create(wanted)
    await stored.append(batches(Buffer.from('new')))
    expect((await room.read('stable'))?.toString()).toBe('old one')
    await stored.remove()
    expect((await room.read('stable'))?.toString()).toBe('old one')
    const again = await store.create(wanted)
    await again.append(batches(Buffer.from('new one')))
    await again.finish()
    expect((await room.read('stable'))?.toString()).toBe('new one')
  })

  it('an aborted upload is gone, though an object of its size stands in its place', async () => {
    const store = open()
    const Key = `${room.prefix}stable`
    await room.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: 'old one' }))
    const { upload } = await store.create(newUpload({ length: 7, storage: { Key } }))
    const [begun] =
      (await room.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET, Prefix: Key }))).Uploads ?? []
    await room.client.send(new AbortMultipartUploadCommand({ Bucket: BUCKET, Key, UploadId: begun?.UploadId }))
    await expect(store.open(upload.id)).rejects.toMatchObject({ code: 'upload_gone' })
  })
})

describe('what was left behind', () => {
  it('is found and removed: tails and multipart uploads without a record, records without either', async () => {
    const store = open()
    const put = (key: string, Body: string) =>
      room.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: `${room.prefix}${key}`, Body }))
    await put('tail-only.part', 'bytes')
    await put('foreign object.txt', 'not ours')
    await put('plain', 'not ours either')
    await room.client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key: `${room.prefix}begun-only` }))
    const aborted = await store.create(newUpload({ id: parseUploadId('aborted'), length: 5 }))
    const UploadId = aborted.upload.id.split('+')[1]
    await room.client.send(new AbortMultipartUploadCommand({ Bucket: BUCKET, Key: `${room.prefix}aborted`, UploadId }))
    const ids = ['aborted', 'begun-only', 'tail-only']
    expect(await listed(store)).toEqual(ids)
    expect(await unfinished(store)).toEqual(ids)
    for (const id of ids) expect(await store.tidy(parseUploadId(id), new Date(0)), id).toBe(false)
    for (const id of ids) expect(await store.tidy(parseUploadId(id), later), id).toBe(true)
    expect(await room.keys()).toEqual(['foreign object.txt', 'plain'])
    expect(await room.multiparts()).toEqual([])
  })

  it('beside sound uploads goes, too, and leaves them sound', async () => {
    const store = open()
    const done = await store.create(newUpload({ id: parseUploadId('done'), length: 3 }))
    await done.append(batches(Buffer.from('abc')))
    await done.finish()
    const running = await store.create(newUpload({ id: parseUploadId('running'), length: 30 }))
    await running.append(batches(Buffer.from('abc')))
    for (const name of ['done', 'running']) {
      await room.client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key: `${room.prefix}${name}` }))
    }
    await room.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: `${room.prefix}done.part`, Body: 'late' }))
    expect(await unfinished(store)).toEqual(['done', 'running'])
    expect(await store.tidy(parseUploadId('done'), later)).toBe(true)
    expect(await store.tidy(parseUploadId('running'), later)).toBe(true)
    expect(await room.keys()).toEqual(['done', 'done.info', 'running.info', 'running.part'])
    expect(await room.multiparts()).toEqual(['running'])
    expect(await unfinished(store)).toEqual(['running'])
    expect(await listed(store)).toEqual(['done', 'running'])
    expect((await store.open(running.upload.id)).upload).toMatchObject({ offset: 3, complete: false })
  })

  it('a sweep does not look into complete uploads one by one, wherever records are kept', async () => {
    for (const metadataObjectPrefix of [room.prefix, `${room.prefix}meta/`]) {
      const calls: S3Call[] = []
      const store = open({ metadataObjectPrefix, observer: { call: (call) => void calls.push(call) } })
      for (const id of ['one', 'two']) {
        const stored = await store.create(
          newUpload({ id: parseUploadId(`${metadataObjectPrefix.length}${id}`), length: 0 }),
        )
        await stored.finish()
      }
      calls.length = 0
      expect(await unfinished(store)).toEqual([])
      expect(calls.map(({ operation }) => operation)).not.toContain('GetObject')
    }
  })
})

describe('what services are asked for', () => {
  it.each([
    ['crc32', { integrity: 'crc32' }],
    ['md5', { integrity: 'md5' }],
    ['no conditions', { conditionalWrites: false }],
    ['no copies of parts', { copyParts: false }],
    ['equal parts', { equalParts: true }],
  ] as const)('with %s, uploads with interruptions come out as they went in', async (_, options) => {
    const store = open(options)
    const bytes = randomBytes(2 * PART + MiB + 17)
    const { upload } = await store.create(newUpload({ length: null, completion: 'declared' }))
    let offset = 0
    for (const size of [1000, MiB, PART, 3 * MiB, bytes.length]) {
      const stored = await store.open(upload.id)
      expect(stored.upload.offset).toBe(offset)
      const piece = bytes.subarray(offset, offset + size)
      offset += piece.length
      expect((await stored.append(batches(piece))).offset).toBe(offset)
    }
    const last = await store.open(upload.id)
    await last.setLength(bytes.length)
    expect((await last.finish()).complete).toBe(true)
    expect(hash(await collect((await store.open(upload.id)).read()))).toBe(hash(bytes))
    expect(await room.keys()).toHaveLength(2)
  })

  it.each([
    ['copied', true],
    ['streamed', false],
  ])('uploads are joined, small ones among them, when parts are %s', async (_, copyParts) => {
    const store = open({ copyParts })
    const pieces = [randomBytes(PART + 3), randomBytes(10), Buffer.alloc(0), randomBytes(2 * PART), randomBytes(7)]
    const parts = []
    for (const bytes of pieces) {
      const stored = await store.create(newUpload({ length: bytes.length, concat: { role: 'partial' } }))
      await stored.append(batches(bytes))
      await stored.finish()
      parts.push(stored)
    }
    const whole = Buffer.concat(pieces)
    const ids = parts.map(({ upload }) => upload.id)
    const final = await store.create(newUpload({ length: whole.length, concat: { role: 'final', parts: ids } }))
    expect((await final.concat?.(parts))?.offset).toBe(whole.length)
    await final.finish()
    const fresh = await open().open(final.upload.id)
    expect(fresh.upload).toMatchObject({ offset: whole.length, complete: true })
    expect(hash(await collect(fresh.read()))).toBe(hash(whole))
  })

  it('a complete upload is looked at with one call, and read by a link if links are wanted', async () => {
    const calls: S3Call[] = []
    const store = open({ observer: { call: (call) => void calls.push(call) }, redirectDownloads: 60 })
    const stored = await store.create(newUpload({ length: 3 }))
    await stored.append(batches(Buffer.from('abc')))
    expect(await stored.link?.({ contentType: 'text/plain', contentDisposition: 'inline' })).toBeNull()
    await stored.finish()
    calls.length = 0
    const found = await store.open(stored.upload.id)
    expect(calls.map(({ operation }) => operation)).toEqual(['GetObject'])
    const url = await found.link?.({
      contentType: 'text/x-special',
      contentDisposition: 'attachment; filename="a.txt"',
    })
    const response = await fetch(url ?? '')
    expect(await response.text()).toBe('abc')
    expect(response.headers.get('content-type')).toBe('text/x-special')
    expect(response.headers.get('content-disposition')).toContain('a.txt')
    expect((await fetch((url ?? '').replace(/Signature=[^&]+/, 'Signature=0'))).status).toBe(403)
  })

  it('a bucket that is not there ends the start with a word on what to do', async () => {
    await expect(open({ bucket: 'no-such-bucket' }).start?.()).rejects.toMatchObject({
      code: 'storage_failed',
      details: { hint: expect.stringContaining('no-such-bucket') },
    })
  })
})
