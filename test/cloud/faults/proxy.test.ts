import { createHash, randomBytes } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { expect, onTestFinished, test, vi } from 'vitest'
import { gate } from '../../heavy/support/pace.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import {
  cutAfter,
  drop,
  type Fault,
  forbidden,
  halfAnswer,
  internalError,
  late,
  lostAnswer,
  reset,
  silence,
  slowDown,
} from '../support/faults.ts'
import { clientOf, hostBucket } from './support/bucket.ts'
import { service } from './support/service.ts'

const bucket = hostBucket()
const MIB = 1 << 20

interface Setting {
  readonly proxy: FaultProxy
  readonly client: S3Client
}

async function behindProxy(): Promise<Setting> {
  const proxy = await startFaultProxy(service().endpoint)
  const client = clientOf(proxy.endpoint)
  onTestFinished(async () => {
    client.destroy()
    await proxy.close()
  })
  return { proxy, client }
}

/** The next call of an operation meets this fault. */
function once(proxy: FaultProxy, operation: string, fault: Fault): void {
  const away = proxy.rule((call) => {
    if (call.operation !== operation) return null
    away()
    return fault
  })
}

const put = (client: S3Client, key: string, body: string | Uint8Array, signal?: AbortSignal) =>
  client.send(
    new PutObjectCommand({ Bucket: bucket.name, Key: key, Body: body }),
    signal ? { abortSignal: signal } : undefined,
  )

async function begin(client: S3Client, key: string): Promise<string> {
  const { UploadId = '' } = await client.send(new CreateMultipartUploadCommand({ Bucket: bucket.name, Key: key }))
  return UploadId
}

const part = (client: S3Client, key: string, uploadId: string, number: number, body: Uint8Array) =>
  client.send(
    new UploadPartCommand({ Bucket: bucket.name, Key: key, UploadId: uploadId, PartNumber: number, Body: body }),
  )

async function read(client: S3Client, key: string): Promise<string> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket.name, Key: key }))
  return (await Body?.transformToString()) ?? ''
}

async function partsOf(client: S3Client, key: string, uploadId: string): Promise<(number | undefined)[]> {
  const page = await client.send(new ListPartsCommand({ Bucket: bucket.name, Key: key, UploadId: uploadId }))
  return (page.Parts ?? []).map(({ Size }) => Size)
}

test('calls go through as they are signed, and are told apart', async () => {
  const { proxy, client } = await behindProxy()
  const bytes = Buffer.alloc(6 * MIB, 'x')
  await put(client, 'told/ä b+c.info', 'record')
  expect(await read(client, 'told/ä b+c.info')).toBe('record')
  const id = await begin(client, 'told/object')
  const { ETag } = await part(client, 'told/object', id, 1, bytes)
  await client.send(
    new CompleteMultipartUploadCommand({
      Bucket: bucket.name,
      Key: 'told/object',
      UploadId: id,
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] },
    }),
  )
  await client.send(new HeadObjectCommand({ Bucket: bucket.name, Key: 'told/object' }))
  expect(await bucket.fingerprint('told/object')).toEqual({
    sha256: createHash('sha256').update(bytes).digest('hex'),
    size: bytes.length,
  })
  const seen = proxy.calls().map(({ operation, kind, part: number, bytes: sent, status }) => {
    return [operation, kind, number, operation === 'CompleteMultipartUpload' ? 'some' : sent, status]
  })
  expect(seen).toEqual([
    ['PutObject', 'info', null, 6, 200],
    ['GetObject', 'info', null, 0, 200],
    ['CreateMultipartUpload', 'object', null, 0, 200],
    ['UploadPart', 'object', 1, bytes.length, 200],
    ['CompleteMultipartUpload', 'object', null, 'some', 200],
    ['HeadObject', 'object', null, 0, 200],
  ])
  expect(proxy.calls().map(({ key }) => key)[0]).toBe('told/ä b+c.info')
})

test.each([
  ['InternalError', internalError],
  ['SlowDown', slowDown],
  ['AccessDenied', forbidden],
  ['InternalError', { ...internalError, early: true } as const],
])('an answer in the place of the service (%s) is the error that the client sees', async (code, fault) => {
  const { proxy, client } = await behindProxy()
  const key = `answered-${randomBytes(4).toString('hex')}`
  once(proxy, 'PutObject', fault)
  await expect(put(client, key, Buffer.alloc(3 * MIB))).rejects.toMatchObject({ name: code })
  expect(await bucket.contents(key)).toEqual([])
  await put(client, key, 'better')
  expect(await read(client, key)).toBe('better')
})

test.each([
  ['reset', reset, false],
  ['cut in the body', cutAfter(MIB), false],
  ['lost answer', lostAnswer, true],
  ['half an answer', halfAnswer, true],
] as const)('%s: the client has an error, and the service has what it was given', async (name, fault, stored) => {
  const key = `broken by ${name}`
  const { proxy, client } = await behindProxy()
  once(proxy, 'PutObject', fault)
  await expect(put(client, key, Buffer.alloc(3 * MIB))).rejects.toThrow()
  await vi.waitFor(() => expect(proxy.idle()).toBe(true), 30_000)
  await vi.waitFor(async () => expect(await bucket.contents(key)).toEqual(stored ? [key] : []), 30_000)
  await put(client, key, 'again')
  expect(await read(client, key)).toBe('again')
})

test('a call that is cut in the middle of its answer has half of the body', async () => {
  const { proxy, client } = await behindProxy()
  await put(client, 'halved', 'x'.repeat(1000))
  once(proxy, 'GetObject', halfAnswer)
  await expect(read(client, 'halved')).rejects.toThrow()
  expect(await read(client, 'halved')).toHaveLength(1000)
})

test.each([
  ['drop', drop, false],
  ['silence', silence, true],
] as const)('%s: no answer comes for as long as the client waits', async (name, fault, stored) => {
  const { proxy, client } = await behindProxy()
  const patience = new AbortController()
  once(proxy, 'PutObject', fault)
  const waiting = put(client, `met ${name}`, Buffer.alloc(3 * MIB), patience.signal)
  waiting.catch(() => undefined)
  await vi.waitFor(() => expect(proxy.calls()).toMatchObject([{ bytes: 3 * MIB }]), 30_000)
  if (stored) await vi.waitFor(() => expect(proxy.calls()).toMatchObject([{ status: 200 }]), 30_000)
  expect(proxy.idle()).toBe(false)
  patience.abort()
  await expect(waiting).rejects.toThrow()
  await vi.waitFor(() => expect(proxy.idle()).toBe(true), 30_000)
  expect(await bucket.contents(`met ${name}`)).toEqual(stored ? [`met ${name}`] : [])
})

test('a late part is stored over the one that was sent after it', async () => {
  const { proxy, client } = await behindProxy()
  const id = await begin(client, 'late')
  const landing = gate()
  once(proxy, 'UploadPart', late(landing.pass()))
  await expect(part(client, 'late', id, 1, Buffer.alloc(1000))).rejects.toThrow()
  await part(client, 'late', id, 1, Buffer.alloc(2000))
  expect(await partsOf(client, 'late', id)).toEqual([2000])
  landing.open()
  await vi.waitFor(() => expect(proxy.idle()).toBe(true), 30_000)
  expect(await partsOf(client, 'late', id)).toEqual([1000])
  await client.send(new AbortMultipartUploadCommand({ Bucket: bucket.name, Key: 'late', UploadId: id }))
})

test('a call waits before it is forwarded, and its answer before it is passed on', async () => {
  const { proxy, client } = await behindProxy()
  const gates = [gate(), gate()] as const
  once(proxy, 'PutObject', { do: 'forward', before: gates[0].pass(), after: gates[1].pass() })
  let answered = false
  const going = put(client, 'waiting', 'body').then(() => (answered = true))
  await vi.waitFor(() => expect(proxy.calls()).toHaveLength(1), 30_000)
  expect(await bucket.contents('waiting')).toEqual([])
  gates[0].open()
  await vi.waitFor(() => expect(proxy.calls()).toMatchObject([{ status: 200 }]), 30_000)
  expect(await bucket.contents('waiting')).toEqual(['waiting'])
  expect(answered).toBe(false)
  gates[1].open()
  await going
})

test('a call whose client goes while it waits is never forwarded', async () => {
  const { proxy, client } = await behindProxy()
  const patience = new AbortController()
  once(proxy, 'PutObject', { do: 'forward', before: new Promise(() => undefined) })
  const going = put(client, 'given-up', 'body', patience.signal)
  going.catch(() => undefined)
  await vi.waitFor(() => expect(proxy.calls()).toHaveLength(1), 30_000)
  patience.abort()
  await expect(going).rejects.toThrow()
  await vi.waitFor(() => expect(proxy.idle()).toBe(true), 30_000)
  expect(await bucket.contents('given-up')).toEqual([])
})

test('a proxy that is closed takes nothing more', async () => {
  const { proxy, client } = await behindProxy()
  await put(client, 'closed', 'before')
  once(proxy, 'PutObject', drop)
  const going = put(client, 'closed', 'during')
  going.catch(() => undefined)
  await vi.waitFor(() => expect(proxy.calls()).toHaveLength(2), 30_000)
  await proxy.close()
  await expect(going).rejects.toThrow()
  await expect(put(client, 'closed', 'after')).rejects.toThrow()
  expect(await bucket.fingerprint('closed')).toMatchObject({ size: 6 })
})
