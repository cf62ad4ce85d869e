import type { S3ClientConfig } from '@aws-sdk/client-s3'
import type { S3StoreOptions } from './options.ts'

const MiB = 1024 ** 2
const GiB = 1024 ** 3
const TiB = 1024 ** 4

/** Services that speak S3, each in its own way. */
export const S3_PROVIDERS = ['aws', 'minio', 'r2', 'ceph', 'wasabi', 'b2', 'scaleway', 'gcs'] as const

export type S3Provider = (typeof S3_PROVIDERS)[number]

/** What a service needs otherwise than S3StoreOptions has it by default. */
export type S3ProviderOptions = Pick<
  S3StoreOptions,
  'maxPartSize' | 'maxParts' | 'maxObjectSize' | 'equalParts' | 'conditionalWrites' | 'copyParts'
>

/**
 * The reasons are in the documents of the services, as of 2026. Of a service that does not say that it knows If-None-Match for new
 * objects, it is not believed: one that ignored it would let two creations of the same id pass. The store then looks first.
 *
 * No limits above the usual ones, though some allow more: parts of an upload of unknown length are cut so that the largest object
 * fits in, and would be as large as parts can be.
 */
const STORE: Readonly<Record<S3Provider, S3ProviderOptions>> = {
  // docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html: 48.8 TiB, 10,000 parts of 5 MiB to 5 GiB;
  // .../conditional-writes.html: If-None-Match
  aws: {},

  // min.io/docs, Thresholds and Limits: 50 TiB, 10,000 parts of 5 MiB to 5 GiB. If-None-Match since 2024 (minio/minio#20346)
  minio: {},

  // developers.cloudflare.com/r2/objects/multipart-objects: all parts but the last of one size, judged when they are completed
  // ("All non-trailing parts must have the same length"). /r2/platform/limits: objects of 5 GiB less than 5 TiB, parts of
  // 5 MiB less than 5 GiB. /r2/api/s3/api: If-None-Match on PutObject, UploadPartCopy
  r2: { equalParts: true, maxPartSize: 5 * GiB - 5 * MiB, maxObjectSize: 5 * TiB - 5 * GiB },

  // docs.ceph.com, Ceph Object Gateway Config Reference: rgw_multipart_part_upload_limit 10,000, rgw_max_put_size 5 GiB, and no
  // limit of the object. If-None-Match: tracker.ceph.com/issues/8562, and tried with 16.2
  ceph: {},

  // docs.wasabi.com, Multi-Part Uploads: as AWS; nothing there on If-None-Match for PutObject
  wasabi: { conditionalWrites: false },

  // backblaze.com/docs/cloud-storage-large-files: 10 TB, 10,000 parts of 5 MB to 5 GB. backblaze.com/apidocs/s3-put-object does
  // not list If-None-Match, and headers that it does not know are refused
  b2: { maxPartSize: 5_000_000_000, conditionalWrites: false },

  // scaleway.com/en/docs/object-storage/api-cli/multipart-uploads: 1,000 parts, 5 TB.
  // .../using-conditional-writes: If-None-Match since 2026
  scaleway: { maxParts: 1_000, maxObjectSize: 5_000_000_000_000 },

  // cloud.google.com/storage/docs/multipart-uploads: no preconditions; for XML requests they go by generation, not by ETag.
  // UploadPartCopy is missing (issuetracker.google.com/issues/323465186). /storage/quotas: 5 TiB
  gcs: { conditionalWrites: false, copyParts: false },
}

/**
 * Options for the store: `s3Store({ client, bucket, ...s3Provider('r2') })`. Those that are not named here are right as they
 * are by default.
 */
export function s3Provider(provider: S3Provider): S3ProviderOptions {
  return STORE[provider]
}

const nothing = () => undefined

/** The SDK would write to the console about every failed call whose body is a stream, which is none of its business here. */
const SILENT = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing }

/** Connections to the service at once, and milliseconds until one must be there. */
const SOCKETS = 10_000
const CONNECTION_TIMEOUT = 10_000

/**
 * Options for the client: `new S3Client({ ...s3ClientOptions('r2'), endpoint, region: 'auto' })`.
 *
 * Checksums only where an operation cannot do without: services that are not AWS refuse those that the SDK adds by itself, and
 * the bytes would be hashed twice where the store is asked for `integrity`. One attempt, as the store repeats calls itself.
 * More connections than the 50 of the SDK: each download holds one for as long as its client takes, and uploads would wait for it.
 * But for AWS the bucket is named in the path: names of hosts need an entry in DNS and in the certificate for each bucket.
 * @param provider null for a service that is none of these
 */
export function s3ClientOptions(
  provider: S3Provider | null,
): Pick<
  S3ClientConfig,
  | 'forcePathStyle'
  | 'requestChecksumCalculation'
  | 'responseChecksumValidation'
  | 'maxAttempts'
  | 'requestHandler'
  | 'logger'
> {
  const agent = { keepAlive: true, maxSockets: SOCKETS }
  return {
    forcePathStyle: provider !== 'aws',
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 1,
    logger: SILENT,
    requestHandler: { connectionTimeout: CONNECTION_TIMEOUT, httpAgent: agent, httpsAgent: agent },
  }
}

const HOSTS: readonly (readonly [S3Provider, RegExp])[] = [
  ['aws', /(?:^|\.)amazonaws\.com(?:\.cn)?$/],
  ['r2', /\.r2\.cloudflarestorage\.com$/],
  ['wasabi', /(?:^|\.)wasabisys\.com$/],
  ['b2', /\.backblazeb2\.com$/],
  ['scaleway', /\.scw\.cloud$/],
  ['gcs', /(?:^|\.)storage\.googleapis\.com$/],
]

/** Whose host this is; null if it says nothing about that: MinIO and Ceph run anywhere. */
export function s3ProviderOf(hostname: string): S3Provider | null {
  return HOSTS.find(([, host]) => host.test(hostname.toLowerCase()))?.[0] ?? null
}
