import type { S3Client } from '@aws-sdk/client-s3'
import { UploadError } from '../../core/errors.ts'
import type { ServiceCall, ServiceUsage } from '../../core/service.ts'

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB
const TiB = 1024 * GiB

/** Names of the operations as S3 calls them, as far as this store needs them. */
export type S3Operation =
  | 'AbortMultipartUpload'
  | 'CompleteMultipartUpload'
  | 'CopyObject'
  | 'CreateMultipartUpload'
  | 'DeleteObject'
  | 'GetObject'
  | 'HeadBucket'
  | 'HeadObject'
  | 'ListMultipartUploads'
  | 'ListObjectsV2'
  | 'ListParts'
  | 'PutObject'
  | 'UploadPart'
  | 'UploadPartCopy'

/** One call to the service that is over, each attempt of ours by itself. */
export interface S3Call extends ServiceCall {
  readonly operation: S3Operation
  readonly bucket: string
}

/** How much of the process is in use for parts. */
export type S3Usage = ServiceUsage

/** Is told what happens between this store and the service. All calls are synchronous, must be quick, and must not throw. */
export interface S3Observer {
  /** Once, when the store is made: `usage` tells at any time what is in use. */
  attach?(usage: () => S3Usage): void
  call?(call: S3Call): void
}

/** What the bytes of an object carry for the service to check them by. */
export type S3Integrity = 'none' | 'crc32' | 'md5'

export interface S3StoreOptions {
  /**
   * A client of `@aws-sdk/client-s3`, version 3, with credentials, region and endpoint. For services other than AWS set
   * `requestChecksumCalculation` and `responseChecksumValidation` to `WHEN_REQUIRED`. It stays yours: the store never
   * destroys it.
   */
  readonly client: S3Client
  /** The bucket for objects and records. It must exist. */
  readonly bucket: string
  /** Put before the keys of objects: `uploads/`. No slash is added. Default: none. */
  readonly objectPrefix?: string
  /** Put before the keys of records (`.info`) and tails (`.part`). Default: `objectPrefix`, as tusd has it. */
  readonly metadataObjectPrefix?: string
  /**
   * Bytes of a part, wherever an upload fits into `maxParts` of them; larger uploads have larger parts. Each part is in
   * memory until it is stored, so large ones cost memory, and small ones cost calls. Default: 16 MiB.
   */
  readonly partSize?: number
  /** Smallest part that the service takes in front of others, in bytes. Default: 5 MiB, as everywhere. */
  readonly minPartSize?: number
  /** Largest part that the service takes, in bytes. Default: 5 GiB. */
  readonly maxPartSize?: number
  /** How many parts an object may have. Default: 10,000. */
  readonly maxParts?: number
  /** Largest object that the service takes, in bytes. Default: 5 TiB. */
  readonly maxObjectSize?: number
  /**
   * Whether all parts but the last must be of one size (Cloudflare R2). An upload of unknown length is then limited to
   * `partSize` times the number of parts; otherwise its parts grow. Default: false.
   */
  readonly equalParts?: boolean
  /** Parts of one upload that are sent at the same time. Default: 10, as tusd has it. */
  readonly concurrentPartUploads?: number
  /**
   * Bytes of parts in memory, for all uploads of this store together. When they are used up, clients wait, and what slow
   * uploads have gathered is put away as their `.part` objects. At least 8 MiB. Default: 256 MiB.
   */
  readonly maxBufferedBytes?: number
  /** How often a call is tried before it counts as failed. Default: 6, which with the pauses between is 10 seconds and more. */
  readonly attempts?: number
  /** Milliseconds without any progress after which a call counts as lost. Default: 30,000. */
  readonly timeout?: number
  /**
   * What parts carry so that the service can check them: `crc32` (`x-amz-checksum-crc32`), `md5` (`Content-MD5`), or `none`,
   * where TCP and TLS are trusted with it, as tusd does with `-s3-disable-content-hashes`. Default: `none`.
   */
  readonly integrity?: S3Integrity
  /**
   * Whether the service knows `If-None-Match: *` for new objects, which keeps two processes from creating the same id. Where it
   * does not, the store looks first. Default: true; a service that answers 501 is believed.
   */
  readonly conditionalWrites?: boolean
  /** Whether the service can copy parts (UploadPartCopy). Otherwise concatenation goes through this process. Default: true. */
  readonly copyParts?: boolean
  /**
   * Seconds for which a client that wants to download may read an object by a link signed for it. Downloads are then answered
   * with a redirect to the service instead of the bytes. Needs `@aws-sdk/s3-request-presigner`. Default: downloads are streamed.
   */
  readonly redirectDownloads?: number
  /** Is told of every call. */
  readonly observer?: S3Observer
}

/** The options with all defaults filled in. */
export type S3Settings = Required<Omit<S3StoreOptions, 'redirectDownloads'>> & {
  readonly redirectDownloads: number | null
}

/** Least memory with which parts can be sent at all. */
const LEAST_MEMORY = 8 * MiB

/**
 * Fills in the defaults.
 * @throws UploadError `storage_failed`, its hint names the option that cannot be
 */
export function s3Settings(options: S3StoreOptions): S3Settings {
  const objectPrefix = options.objectPrefix ?? ''
  const minPartSize = options.minPartSize ?? 5 * MiB
  const settings: S3Settings = {
    client: options.client,
    bucket: options.bucket,
    objectPrefix,
    metadataObjectPrefix: options.metadataObjectPrefix ?? objectPrefix,
    partSize: options.partSize ?? Math.max(16 * MiB, minPartSize),
    minPartSize,
    maxPartSize: options.maxPartSize ?? 5 * GiB,
    maxParts: options.maxParts ?? 10_000,
    maxObjectSize: options.maxObjectSize ?? 5 * TiB,
    equalParts: options.equalParts ?? false,
    concurrentPartUploads: options.concurrentPartUploads ?? 10,
    maxBufferedBytes: options.maxBufferedBytes ?? 256 * MiB,
    attempts: options.attempts ?? 6,
    timeout: options.timeout ?? 30_000,
    integrity: options.integrity ?? 'none',
    conditionalWrites: options.conditionalWrites ?? true,
    copyParts: options.copyParts ?? true,
    redirectDownloads: options.redirectDownloads ?? null,
    observer: options.observer ?? {},
  }
  validate(settings)
  return settings
}

function validate(settings: S3Settings): void {
  const { bucket, partSize, minPartSize, maxPartSize, maxParts, maxObjectSize, maxBufferedBytes } = settings
  if (bucket === '') throw invalid('bucket must name a bucket')
  const counts = [
    'partSize',
    'minPartSize',
    'maxPartSize',
    'maxParts',
    'maxObjectSize',
    'concurrentPartUploads',
  ] as const
  for (const name of [...counts, 'maxBufferedBytes', 'attempts', 'timeout'] as const) {
    if (!Number.isSafeInteger(settings[name]) || settings[name] < 1)
      throw invalid(`${name} must be a whole number above 0`)
  }
  if (partSize < minPartSize) throw invalid(`partSize (${partSize}) must not be below minPartSize (${minPartSize})`)
  if (partSize > maxPartSize) throw invalid(`partSize (${partSize}) must not be above maxPartSize (${maxPartSize})`)
  if (maxParts * maxPartSize < maxObjectSize)
    throw invalid('maxObjectSize does not fit into maxParts parts of maxPartSize')
  if (maxBufferedBytes < LEAST_MEMORY) throw invalid(`maxBufferedBytes must be at least ${LEAST_MEMORY}`)
}

function invalid(why: string): UploadError {
  return new UploadError('storage_failed', { hint: `the options of the S3 store cannot be used: ${why}` })
}
