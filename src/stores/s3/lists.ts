import {
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  ListPartsCommand,
  type ListPartsCommandOutput,
} from '@aws-sdk/client-s3'
import type { Begun, Listing, Part } from './api.ts'
import type { Call } from './calls.ts'
import { isMissing } from './failure.ts'
import type { Place } from './layout.ts'
import type { S3Settings } from './options.ts'

/** Listings come in pages of up to 1,000. */
export function createLists({ client, bucket }: S3Settings, call: Call) {
  function partsPage(place: Place, uploadId: string, marker: string | null): Promise<ListPartsCommandOutput> {
    const input = {
      Bucket: place.bucket,
      Key: place.key,
      UploadId: uploadId,
      ...(marker !== null && { PartNumberMarker: marker }),
    }
    return call({ operation: 'ListParts', place }, ({ signal }) =>
      client.send(new ListPartsCommand(input), { abortSignal: signal }),
    )
  }

  function keysPage(prefix: string, token: string | null): Promise<ListObjectsV2CommandOutput> {
    const input = { Bucket: bucket, Prefix: prefix, ...(token !== null && { ContinuationToken: token }) }
    return call({ operation: 'ListObjectsV2', place: { bucket, key: prefix } }, ({ signal }) =>
      client.send(new ListObjectsV2Command(input), { abortSignal: signal }),
    )
  }

  function uploadsPage(
    from: string,
    prefix: string,
    key: string | null,
    uploadId: string | null,
  ): Promise<ListMultipartUploadsCommandOutput> {
    const input = {
      Bucket: from,
      Prefix: prefix,
      ...(key !== null && { KeyMarker: key }),
      ...(uploadId !== null && { UploadIdMarker: uploadId }),
    }
    return call({ operation: 'ListMultipartUploads', place: { bucket: from, key: prefix } }, ({ signal }) =>
      client.send(new ListMultipartUploadsCommand(input), { abortSignal: signal }),
    )
  }

  /** In the order of their numbers; null if there is no such multipart upload. */
  async function parts(place: Place, uploadId: string): Promise<Listing | null> {
    const found: Part[] = []
    let checksummed = false
    for (let marker: string | null = null; ; ) {
      const page: ListPartsCommandOutput | null = await partsPage(place, uploadId, marker).catch((error: unknown) => {
        if (isMissing(error)) return null
        throw error
      })
      if (page === null) return null
      checksummed ||= page.ChecksumAlgorithm === 'CRC32'
      for (const { PartNumber = 0, Size = 0, ETag = '', ChecksumCRC32, LastModified = new Date() } of page.Parts ??
        []) {
        const crc32 = ChecksumCRC32 !== undefined && { crc32: ChecksumCRC32 }
        found.push({ number: PartNumber, size: Size, etag: ETag, ...crc32, modifiedAt: LastModified })
      }
      const next: string = page.IsTruncated ? (page.NextPartNumberMarker ?? '') : ''
      if (next === '' || next === marker) break
      marker = next
    }
    return { parts: found.sort((one, other) => one.number - other.number), checksummed }
  }

  async function* keys(prefix: string): AsyncGenerator<string> {
    for (let token: string | null = null; ; ) {
      const page: ListObjectsV2CommandOutput = await keysPage(prefix, token)
      for (const { Key } of page.Contents ?? []) if (Key !== undefined) yield Key
      if (!page.IsTruncated || page.NextContinuationToken === undefined) return
      token = page.NextContinuationToken
    }
  }

  async function* uploads(from: string, prefix: string): AsyncGenerator<Begun> {
    let [key, uploadId]: (string | null)[] = [null, null]
    do {
      const page: ListMultipartUploadsCommandOutput = await uploadsPage(from, prefix, key ?? null, uploadId ?? null)
      for (const { Key, UploadId, Initiated = new Date() } of page.Uploads ?? []) {
        if (Key !== undefined && UploadId !== undefined) yield { key: Key, uploadId: UploadId, begunAt: Initiated }
      }
      key = (page.IsTruncated && page.NextKeyMarker) || null
      uploadId = page.NextUploadIdMarker || null
    } while (key !== null)
  }

  /** Whether there is such a multipart upload. */
  async function hasUpload(place: Place, uploadId: string): Promise<boolean> {
    const input = { Bucket: place.bucket, Key: place.key, UploadId: uploadId, MaxParts: 1 }
    const work = call({ operation: 'ListParts', place }, ({ signal }) =>
      client.send(new ListPartsCommand(input), { abortSignal: signal }),
    )
    return work.then(
      () => true,
      (error: unknown) => {
        if (isMissing(error)) return false
        throw error
      },
    )
  }

  return { parts, hasUpload, keys, uploads }
}
