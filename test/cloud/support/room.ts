import { randomBytes } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3'
import { inject } from 'vitest'
import type { S3StoreOptions } from '../../../src/stores/s3/options.ts'
import { s3ClientOptions } from '../../../src/stores/s3/providers.ts'
import type { S3Access, S3Kind } from './s3-server.ts'

/** The bucket of every server; each test has its own prefix in it. */
export const BUCKET = 'tusker'

/** Room for one test on a real server: all keys that begin with a prefix of its own. */
export interface Room {
  /** To look in, and to put there what others would have. */
  readonly client: S3Client
  readonly prefix: string
  /** Ready for `s3Store`. */
  readonly options: S3StoreOptions
  /** All keys, without the prefix, sorted. */
  keys(): Promise<string[]>
  /** Keys of multipart uploads that are not finished, without the prefix, sorted. */
  multiparts(): Promise<string[]>
  /** An object; null if there is none. */
  read(key: string): Promise<Buffer | null>
  /** Removes everything. */
  close(): Promise<void>
}

/** A client as the store wants it, for a service that is not AWS. */
export function clientOf({ endpoint, region, accessKeyId, secretAccessKey }: S3Access): S3Client {
  return new S3Client({
    ...s3ClientOptions('ceph'),
    // By itself, as the tests look in with it, too.
    maxAttempts: 3,
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
  })
}

/** Opens a new room on a server of this run. */
export function openRoom(kind: S3Kind): Room {
  const access = inject(kind === 'ceph' ? 's3' : 'swift')
  // One for the store, and one to look in: a test may set the clock, to which a client adapts
  const own = clientOf(access)
  let client = clientOf(access)
  const prefix = `${randomBytes(6).toString('hex')}/`
  const all = { Bucket: BUCKET, Prefix: prefix }

  async function objects(): Promise<string[]> {
    const keys: string[] = []
    let token: string | undefined
    do {
      const page = await client.send(new ListObjectsV2Command({ ...all, ContinuationToken: token }))
      keys.push(...(page.Contents ?? []).map(({ Key = '' }) => Key))
      token = page.NextContinuationToken
    } while (token !== undefined)
    return keys.sort()
  }

  async function uploads(): Promise<{ key: string; uploadId: string }[]> {
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand(all))
    return Uploads.map(({ Key = '', UploadId = '' }) => ({ key: Key, uploadId: UploadId }))
  }

  return {
    client,
    prefix,
    options: { client: own, bucket: BUCKET, objectPrefix: prefix },
    keys: async () => (await objects()).map((key) => key.slice(prefix.length)),
    multiparts: async () => (await uploads()).map(({ key }) => key.slice(prefix.length)).sort(),
    async read(key) {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: prefix + key }))
        return Buffer.from((await Body?.transformToByteArray()) ?? [])
      } catch (error) {
        if (error instanceof Error && error.name === 'NoSuchKey') return null
        throw error
      }
    },
    async close() {
      // The clock is right again, and a client that adapted to a wrong one is wrong now.
      client.destroy()
      client = clientOf(access)
      for (const { key, uploadId } of await uploads()) {
        await client.send(new AbortMultipartUploadCommand({ Bucket: BUCKET, Key: key, UploadId: uploadId }))
      }
      await Promise.all(
        (await objects()).map((key) => client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: key }))),
      )
      for (const each of [own, client]) each.destroy()
    },
  }
}
