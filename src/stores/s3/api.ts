import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import type { ByteRange } from '../../core/upload.ts'
import { type Attempt, type Call, createCall, PATIENT } from './calls.ts'
import { download, printRange } from './download.ts'
import { isMissing } from './failure.ts'
import type { ObjectHeaders } from './headers.ts'
import type { Place } from './layout.ts'
import { createLists } from './lists.ts'
import type { S3Integrity, S3Settings } from './options.ts'

/** A part as the service has it. */
export interface Part {
  readonly number: number
  readonly size: number
  readonly etag: string
  /** In Base64, where the multipart upload has a checksum of each part; the object is made of them all. */
  readonly crc32?: string
  readonly modifiedAt: Date
}

/** What the service tells of a part that it stored. */
export type Receipt = Pick<Part, 'etag' | 'crc32'>

/** A multipart upload that is to take parts. */
export interface Target {
  readonly place: Place
  /** Id of the multipart upload. */
  readonly multipart: string
  /** Whether each of its parts must carry a CRC32: settled when it was begun. */
  readonly checksummed: boolean
}

/** An object as the service describes it. */
export interface Head {
  readonly size: number
  readonly etag: string
  readonly modifiedAt: Date
  readonly metadata: Readonly<Record<string, string>>
}

/** The condition under which an object is written: it is as it was (its ETag), or does not exist (null). */
export type Condition = { readonly etag: string | null } | undefined

/** The parts of a multipart upload in the order of their numbers, and whether they have checksums. */
export interface Listing {
  readonly parts: readonly Part[]
  readonly checksummed: boolean
}

/** Bytes for the body of a request. May be opened again for another attempt. */
export interface Content {
  readonly size: number
  open(signal: AbortSignal): AsyncIterable<Uint8Array>
}

/** A multipart upload that is under way. */
export interface Begun {
  readonly key: string
  readonly uploadId: string
  readonly begunAt: Date
}

/** The operations of S3 that are needed, each repeated as far as that helps. What they throw is of the SDK. */
export interface Api {
  headBucket(): Promise<void>
  createUpload(place: Place, headers: ObjectHeaders): Promise<Target>
  uploadPart(target: Target, number: number, content: Content, signal?: AbortSignal): Promise<Receipt>
  copyPart(target: Target, number: number, from: Place, range?: ByteRange): Promise<Receipt>
  /** One attempt: whoever asks knows how to find out whether it happened after all. */
  complete(target: Target, parts: readonly Part[]): Promise<void>
  /** Succeeds if it is gone already. */
  abort(place: Place, uploadId: string): Promise<void>
  /** Null if there is no such multipart upload. */
  parts(place: Place, uploadId: string): Promise<Listing | null>
  hasUpload(place: Place, uploadId: string): Promise<boolean>
  /** Returns the ETag. */
  put(
    place: Place,
    content: Content | string,
    headers: ObjectHeaders,
    condition: Condition,
    signal?: AbortSignal,
  ): Promise<string>
  /** Null if there is no such object. */
  head(place: Place): Promise<Head | null>
  /** The whole text of a small object; null if there is none. */
  text(place: Place): Promise<{ readonly text: string; readonly head: Head } | null>
  /** The bytes of an object, beginning with the first call. */
  bytes(place: Place, range: ByteRange, etag: string | null, signal: AbortSignal): AsyncIterable<Uint8Array>
  /** Succeeds if it is gone already. */
  remove(place: Place): Promise<void>
  keys(prefix: string): AsyncIterable<string>
  uploads(bucket: string, prefix: string): AsyncIterable<Begun>
}

export function createApi(settings: S3Settings): Api {
  const { client, bucket } = settings
  const call: Call = createCall(settings)

  async function missingIsNull<T>(work: Promise<T>): Promise<T | null> {
    return work.catch((error: unknown) => {
      if (isMissing(error)) return null
      throw error
    })
  }

  async function missingIsDone(work: Promise<unknown>): Promise<void> {
    await missingIsNull(work)
  }

  return {
    ...createLists(settings, call),

    async headBucket() {
      const place = { bucket, key: '' }
      await call({ operation: 'HeadBucket', place, attempts: 3 }, ({ signal }) =>
        client.send(new HeadBucketCommand({ Bucket: bucket }), { abortSignal: signal }),
      )
    },

    async createUpload(place, headers) {
      const checksummed = settings.integrity === 'crc32'
      const input = { ...at(place), ...headers, ...(checksummed && { ChecksumAlgorithm: 'CRC32' as const }) }
      const { UploadId } = await call({ operation: 'CreateMultipartUpload', place }, ({ signal }) =>
        client.send(new CreateMultipartUploadCommand(input), { abortSignal: signal }),
      )
      return { place, multipart: named(UploadId, 'UploadId'), checksummed }
    },

    async uploadPart({ place, multipart, checksummed }, number, content, signal) {
      const sent = content.size
      const checks = await checksOf(
        content,
        checksummed ? 'crc32' : settings.integrity === 'md5' ? 'md5' : 'none',
        signal,
      )
      const { ETag } = await call({ operation: 'UploadPart', place, sent, signal }, (attempt) => {
        const body = bodyOf(content, attempt)
        const input = { ...at(place), UploadId: multipart, PartNumber: number, ...body, ...checks }
        return client.send(new UploadPartCommand(input), { abortSignal: attempt.signal })
      })
      const { ChecksumCRC32: crc32 } = checks
      return { etag: named(ETag, 'ETag'), ...(crc32 !== undefined && { crc32 }) }
    },

    async copyPart({ place, multipart, checksummed }, number, from, range) {
      const input = {
        ...at(place),
        UploadId: multipart,
        PartNumber: number,
        CopySource: `${from.bucket}/${from.key.split('/').map(encodeURIComponent).join('/')}`,
        ...(range !== undefined && { CopySourceRange: printRange(range) }),
      }
      const options = { operation: 'UploadPartCopy', place, patience: PATIENT } as const
      const { CopyPartResult } = await call(options, ({ signal }) =>
        client.send(new UploadPartCopyCommand(input), { abortSignal: signal }),
      )
      const crc32 = checksummed ? CopyPartResult?.ChecksumCRC32 : undefined
      return { etag: named(CopyPartResult?.ETag, 'ETag'), ...(crc32 !== undefined && { crc32 }) }
    },

    async complete({ place, multipart }, parts) {
      const Parts = parts.map(({ number, etag, crc32 }) => {
        return { PartNumber: number, ETag: etag, ...(crc32 !== undefined && { ChecksumCRC32: crc32 }) }
      })
      const input = { ...at(place), UploadId: multipart, MultipartUpload: { Parts } }
      const options = { operation: 'CompleteMultipartUpload', place, patience: PATIENT, attempts: 1 } as const
      await call(options, ({ signal }) =>
        client.send(new CompleteMultipartUploadCommand(input), { abortSignal: signal }),
      )
    },

    async abort(place, uploadId) {
      const input = { ...at(place), UploadId: uploadId }
      await missingIsDone(
        call({ operation: 'AbortMultipartUpload', place }, ({ signal }) =>
          client.send(new AbortMultipartUploadCommand(input), { abortSignal: signal }),
        ),
      )
    },

    async put(place, content, headers, condition, signal) {
      const sent = typeof content === 'string' ? Buffer.byteLength(content) : content.size
      const checks = typeof content === 'string' ? {} : await checksOf(content, settings.integrity, signal)
      const conditions =
        condition === undefined ? {} : condition.etag === null ? { IfNoneMatch: '*' } : { IfMatch: condition.etag }
      const { ETag } = await call({ operation: 'PutObject', place, sent, signal }, (attempt) => {
        const body = typeof content === 'string' ? { Body: content, ContentLength: sent } : bodyOf(content, attempt)
        const input = { ...at(place), ...headers, ...body, ...checks, ...conditions }
        return client.send(new PutObjectCommand(input), { abortSignal: attempt.signal })
      })
      return ETag ?? ''
    },

    head: (place) =>
      missingIsNull(
        call({ operation: 'HeadObject', place }, async ({ signal }) =>
          headOf(await client.send(new HeadObjectCommand(at(place)), { abortSignal: signal })),
        ),
      ),

    text: (place) =>
      missingIsNull(
        call({ operation: 'GetObject', place }, async ({ signal }) => {
          const output = await client.send(new GetObjectCommand(at(place)), { abortSignal: signal })
          return { text: (await output.Body?.transformToString('utf-8')) ?? '', head: headOf(output) }
        }),
      ),

    bytes: (place, range, etag, signal) => download(settings, call, place, range, etag, signal),

    async remove(place) {
      await missingIsDone(
        call({ operation: 'DeleteObject', place }, ({ signal }) =>
          client.send(new DeleteObjectCommand(at(place)), { abortSignal: signal }),
        ),
      )
    },
  }
}

function at({ bucket, key }: Place): { Bucket: string; Key: string } {
  return { Bucket: bucket, Key: key }
}

function named(value: string | undefined, what: string): string {
  if (value === undefined || value === '') throw new TypeError(`the answer of the service has no ${what}`)
  return value
}

function headOf(output: {
  ContentLength?: number | undefined
  ETag?: string | undefined
  LastModified?: Date | undefined
  Metadata?: Record<string, string> | undefined
}): Head {
  return {
    size: output.ContentLength ?? 0,
    etag: output.ETag ?? '',
    modifiedAt: output.LastModified ?? new Date(),
    metadata: output.Metadata ?? {},
  }
}

/** A stream, so that the SDK hashes nothing (UNSIGNED-PAYLOAD), repeats nothing by itself, and holds nothing together. */
function bodyOf(content: Content, { signal, progress, fail }: Attempt): { Body: Readable; ContentLength: number } {
  async function* watched(): AsyncGenerator<Uint8Array> {
    for await (const chunk of content.open(signal)) {
      yield chunk
      progress()
    }
  }
  // By bytes: what is read ahead is at most one chunk.
  const Body = Readable.from(watched(), { objectMode: false, highWaterMark: 1 })
  // The SDK pipes it, and so would wait for ever.
  Body.on('error', fail)
  return { Body, ContentLength: content.size }
}

/** What the service shall check the bytes by. They are read once more for it. */
async function checksOf(
  content: Content,
  integrity: S3Integrity,
  signal: AbortSignal | undefined,
): Promise<{ ChecksumCRC32?: string; ContentMD5?: string }> {
  if (integrity === 'none') return {}
  const bytes = content.open(signal ?? new AbortController().signal)
  if (integrity === 'md5') {
    const hash = createHash('md5')
    for await (const chunk of bytes) hash.update(chunk)
    return { ContentMD5: hash.digest('base64') }
  }
  let sum = 0
  for await (const chunk of bytes) sum = crc32(chunk, sum)
  const digits = Buffer.alloc(4)
  digits.writeUInt32BE(sum)
  return { ChecksumCRC32: digits.toString('base64') }
}
