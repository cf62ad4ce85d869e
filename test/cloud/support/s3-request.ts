import type { S3Operation } from '../../../src/stores/s3/options.ts'

/** Which operation of S3 a request is, in path style. */
export interface S3Request {
  /** `unknown` is what no store of ours asks for. */
  readonly operation: S3Operation | 'unknown'
  readonly bucket: string
  /** Of the object, decoded; empty for what concerns the bucket. */
  readonly key: string
  /** What an object is for, by the end of its key. */
  readonly kind: 'object' | 'info' | 'part' | 'bucket'
  /** Part number; null for what is no part. */
  readonly part: number | null
  readonly uploadId: string | null
}

/** Reads it from method, target (path and query) and whether there is an `x-amz-copy-source`. */
export function parseS3Request(method: string, target: string, copies: boolean): S3Request {
  const url = new URL(target, 'http://s3')
  const [, bucket = '', key = ''] = /^\/([^/]*)\/?(.*)$/.exec(decodeURIComponent(url.pathname)) ?? []
  const query = url.searchParams
  const part = query.get('partNumber')
  return {
    operation: key === '' ? ofBucket(method, query) : ofObject(method, query, copies),
    bucket,
    key,
    kind: kindOf(key),
    part: part === null || !query.has('uploadId') ? null : Number(part),
    uploadId: query.get('uploadId'),
  }
}

function ofBucket(method: string, query: URLSearchParams): S3Request['operation'] {
  if (method === 'HEAD') return 'HeadBucket'
  if (method !== 'GET') return 'unknown'
  if (query.has('uploads')) return 'ListMultipartUploads'
  return query.get('list-type') === '2' ? 'ListObjectsV2' : 'unknown'
}

function ofObject(method: string, query: URLSearchParams, copies: boolean): S3Request['operation'] {
  const inUpload = query.has('uploadId')
  if (method === 'GET') return inUpload ? 'ListParts' : 'GetObject'
  if (method === 'HEAD') return 'HeadObject'
  if (method === 'DELETE') return inUpload ? 'AbortMultipartUpload' : 'DeleteObject'
  if (method === 'POST') return ofPost(query, inUpload)
  if (method !== 'PUT') return 'unknown'
  if (inUpload) return copies ? 'UploadPartCopy' : 'UploadPart'
  return copies ? 'CopyObject' : 'PutObject'
}

function ofPost(query: URLSearchParams, inUpload: boolean): S3Request['operation'] {
  if (inUpload) return 'CompleteMultipartUpload'
  return query.has('uploads') ? 'CreateMultipartUpload' : 'unknown'
}

function kindOf(key: string): S3Request['kind'] {
  if (key === '') return 'bucket'
  if (key.endsWith('.info')) return 'info'
  return key.endsWith('.part') ? 'part' : 'object'
}
