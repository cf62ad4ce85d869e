import { createHash, randomBytes } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll } from 'vitest'
import { service } from './service.ts'

/** A bucket of the service itself, with nothing in between. */
export interface Bucket {
  readonly name: string
  readonly client: S3Client
  /** Everything below a prefix, sorted: keys of objects, and of multipart uploads with `?uploads` behind. */
  contents(prefix: string): Promise<string[]>
  /** An object as the service has it. */
  fingerprint(key: string): Promise<{ readonly sha256: string; readonly size: number }>
  /** Ids of the multipart uploads of a key. */
  multipartUploads(key: string): Promise<string[]>
  /** Aborts the multipart uploads of a key, as a lifecycle rule does. Returns how many there were. */
  abortMultipartUploads(key: string): Promise<number>
}

/** A client that asks `endpoint` once and never again. */
export function clientOf(endpoint: string): S3Client {
  const { region, accessKeyId, secretAccessKey } = service()
  return new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 1,
    // What fails is what this is about; the SDK would write of it to the console.
    logger: { debug: silent, info: silent, warn: silent, error: silent },
  })
}

/** Registers a bucket for the tests of a file. */
export function hostBucket(): Bucket {
  const name = `faults-${randomBytes(6).toString('hex')}`
  let client: S3Client | null = null
  const direct = (): S3Client => {
    client ??= clientOf(service().endpoint)
    return client
  }
  beforeAll(async () => {
    await direct().send(new CreateBucketCommand({ Bucket: name }))
  })
  const bucket: Bucket = {
    name,
    get client() {
      return direct()
    },
    async contents(prefix) {
      const [objects, uploads] = await Promise.all([
        objectsOf(direct(), name, prefix),
        uploadsOf(direct(), name, prefix),
      ])
      return [...objects, ...uploads.map(({ key }) => `${key}?uploads`)].sort()
    },
    async fingerprint(key) {
      const { Body } = await direct().send(new GetObjectCommand({ Bucket: name, Key: key }))
      const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array()
      return { sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length }
    },
    multipartUploads: async (key) =>
      (await uploadsOf(direct(), name, key)).filter((one) => one.key === key).map(({ uploadId }) => uploadId),
    async abortMultipartUploads(key) {
      const uploads = await bucket.multipartUploads(key)
      for (const uploadId of uploads) await abort(direct(), name, key, uploadId)
      return uploads.length
    },
  }
  afterAll(async () => {
    for (const { key, uploadId } of await uploadsOf(direct(), name, '')) await abort(direct(), name, key, uploadId)
    for (const key of await objectsOf(direct(), name, ''))
      await direct().send(new DeleteObjectCommand({ Bucket: name, Key: key }))
    await direct().send(new DeleteBucketCommand({ Bucket: name }))
    direct().destroy()
  })
  return bucket
}

async function abort(client: S3Client, bucket: string, key: string, uploadId: string): Promise<void> {
  await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId }))
}

async function objectsOf(client: S3Client, bucket: string, prefix: string): Promise<string[]> {
  const keys: string[] = []
  let token: string | undefined
  do {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: token }),
    )
    keys.push(...(page.Contents ?? []).map(({ Key }) => Key ?? ''))
    token = page.NextContinuationToken
  } while (token !== undefined)
  return keys
}

interface Multipart {
  readonly key: string
  readonly uploadId: string
}

async function uploadsOf(client: S3Client, bucket: string, prefix: string): Promise<Multipart[]> {
  const found: Multipart[] = []
  let marker: { KeyMarker: string | undefined; UploadIdMarker: string | undefined } | null = null
  do {
    const page: Awaited<ReturnType<typeof listUploads>> = await listUploads(client, bucket, prefix, marker ?? {})
    found.push(...(page.Uploads ?? []).map(({ Key = '', UploadId = '' }) => ({ key: Key, uploadId: UploadId })))
    marker = page.IsTruncated ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker } : null
  } while (marker !== null)
  return found
}

function listUploads(client: S3Client, bucket: string, prefix: string, marker: object) {
  return client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix, ...marker }))
}

function silent(): void {}
