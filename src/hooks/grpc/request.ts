import { create } from '@bufbuild/protobuf'
import { publicFields, publicUri } from '../../core/secrets.ts'
import type { NewUpload, Upload } from '../../core/upload.ts'
import { canonicalName, remoteAddress, wireName } from '../message.ts'
import type { HookCall } from '../remote.ts'
import { type HookRequest, HookRequestSchema } from './hook_pb.ts'

/** What the hook server is asked. */
export function requestOf({ moment, upload, request, occasion }: HookCall): HookRequest {
  const { id, owner, maxSize, expiresAt, length, metadata, concat } = upload
  const { offset, storage, digests } = factsOf(upload)
  // The id and the place are the hook's to choose
  const exists = moment !== 'preCreate'
  return create(HookRequestSchema, {
    type: wireName(moment),
    event: {
      id: occasion.id,
      time: occasion.at.toISOString(),
      attempt: occasion.attempt,
      upload: {
        id: exists ? id : '',
        size: BigInt(length ?? 0),
        sizeIsDeferred: length === null,
        offset: BigInt(offset),
        metaData: Object.fromEntries([...metadata].map(([key, value]) => [key, value ?? ''])),
        isPartial: concat?.role === 'partial',
        isFinal: concat?.role === 'final',
        partialUploads: concat?.role === 'final' ? [...concat.parts] : [],
        storage: exists ? { ...storage } : {},
        digests: { ...digests },
        ...(owner !== undefined && { owner }),
        ...(maxSize !== undefined && { maxSize: BigInt(maxSize) }),
        ...(expiresAt !== null && { expiresAt: expiresAt.toISOString() }),
      },
      httpRequest: {
        method: request.method,
        uri: publicUri(request.uri),
        remoteAddr: remoteAddress(request),
        header: Object.fromEntries(
          Object.entries(publicFields(request.headers?.() ?? {})).map(([name, value]) => [canonicalName(name), value]),
        ),
      },
    },
  })
}

function factsOf(upload: NewUpload | Upload): Pick<Upload, 'offset' | 'storage' | 'digests'> {
  return 'offset' in upload ? upload : { offset: 0, storage: {} }
}
