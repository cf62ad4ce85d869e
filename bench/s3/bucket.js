// @ts-check
import { randomBytes } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3'
import { isContent } from '../body.js'

/** @typedef {import('../client/tus.js').Upload} Upload */

/**
 * Makes a bucket of our own.
 * @param {import('./service.js').Variables} variables
 */
export async function openBucket(variables) {
  const client = clientOf(variables)
  const name = `tusker-bench-${randomBytes(6).toString('hex')}`
  await client.send(new CreateBucketCommand({ Bucket: name }))
  return {
    name,
    /**
     * Proves that the objects hold what was sent, byte for byte and nothing more.
     * @param {readonly Upload[]} uploads
     */
    async check(uploads) {
      for (const upload of uploads) await checkObject(client, name, upload)
    },
    /** Removes all objects and all that was begun. */
    async empty() {
      const page = await client.send(new ListObjectsV2Command({ Bucket: name }))
      for (const { Key } of page.Contents ?? []) await client.send(new DeleteObjectCommand({ Bucket: name, Key }))
      const { Uploads: begun = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: name }))
      for (const { Key, UploadId } of begun) {
        await client.send(new AbortMultipartUploadCommand({ Bucket: name, Key, UploadId }))
      }
      if (page.IsTruncated) await this.empty()
    },
  }
}

/** @param {import('./service.js').Variables} variables */
function clientOf(variables) {
  return new S3Client({
    endpoint: variables['AWS_ENDPOINT_URL'] ?? '',
    region: variables['AWS_REGION'] ?? '',
    credentials: {
      accessKeyId: variables['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: variables['AWS_SECRET_ACCESS_KEY'] ?? '',
    },
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
}

/**
 * @param {S3Client} client
 * @param {string} bucket
 * @param {Upload} upload
 */
async function checkObject(client, bucket, { path, seed, length }) {
  const key = keyOf(path)
  const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
  let position = 0
  for await (const chunk of /** @type {AsyncIterable<Buffer>} */ (Body)) {
    if (position + chunk.length > length) throw new Error(`object ${key} holds more than the ${length} bytes sent`)
    if (!isContent(chunk, seed, position)) throw new Error(`object ${key} is not what was sent, after byte ${position}`)
    position += chunk.length
  }
  if (position !== length) throw new Error(`object ${key} holds ${position} bytes, and ${length} were sent`)
}

/**
 * The key of an upload's object is the last segment of its URL, without what tusd and Tusker put behind it, the id of the multipart upload.
 * @param {string} path
 */
function keyOf(path) {
  return decodeURIComponent(path.slice(path.lastIndexOf('/') + 1)).replace(/\+.*$/, '')
}
