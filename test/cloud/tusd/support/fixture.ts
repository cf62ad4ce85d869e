import { randomBytes } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { BUCKET, type Room } from '../../support/room.ts'

/** What tusd left behind of an upload. */
export interface TusdUpload {
  readonly objectId: string
  /** As in its URL. */
  readonly id: string
}

export interface TusdState {
  /** The parts of the multipart upload, in order. */
  readonly parts?: readonly Uint8Array[]
  /** What was too little for a part. */
  readonly tail?: Uint8Array
  /** What becomes of the multipart upload. Default: it is under way. */
  readonly ended?: 'completed' | 'aborted'
  /** Members of the record that differ. */
  readonly record?: Readonly<Record<string, unknown>>
}

/** Puts into a room what tusd has there of an upload: byte for byte as version 2 writes it, without a word of ours. */
export async function tusdUpload({ client, prefix }: Room, state: TusdState): Promise<TusdUpload> {
  const objectId = randomBytes(16).toString('hex')
  const target = { Bucket: BUCKET, Key: `${prefix}${objectId}` }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(target))
  const id = `${objectId}+${UploadId}`
  const record = {
    ID: id,
    Size: 0,
    SizeIsDeferred: false,
    Offset: 0,
    MetaData: { filename: 'a.bin', filetype: 'application/x-a' },
    IsPartial: false,
    IsFinal: false,
    PartialUploads: null,
    Storage: { ...target, Type: 's3store' },
    ...state.record,
  }
  await client.send(
    new PutObjectCommand({ ...target, Key: `${target.Key}.info`, Body: Buffer.from(JSON.stringify(record)) }),
  )
  const Parts: { PartNumber: number; ETag: string | undefined }[] = []
  for (const [index, Body] of (state.parts ?? []).entries()) {
    const PartNumber = index + 1
    const { ETag } = await client.send(new UploadPartCommand({ ...target, UploadId, PartNumber, Body }))
    Parts.push({ PartNumber, ETag })
  }
  if (state.tail !== undefined) {
    await client.send(new PutObjectCommand({ ...target, Key: `${target.Key}.part`, Body: state.tail }))
  }
  if (state.ended === 'completed') {
    await client.send(new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } }))
  }
  if (state.ended === 'aborted') await client.send(new AbortMultipartUploadCommand({ ...target, UploadId }))
  return { objectId, id }
}
