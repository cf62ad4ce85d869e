// @ts-check

/**
 * What S3 calls a request, by its method, path (`/bucket/key?query`) and headers.
 * @param {string} method
 * @param {string} url
 * @param {import('node:http').IncomingHttpHeaders} headers
 */
export function operationOf(method, url, headers) {
  const { pathname, searchParams: query } = new URL(url, 'http://s3')
  const isBucket = !/^\/[^/]+\/./.test(pathname)
  const isCopy = headers['x-amz-copy-source'] !== undefined
  const known = isBucket ? ofBucket(query) : ofObject(query, isCopy)
  return known[method] ?? `${method} ${pathname}`
}

/**
 * @param {URLSearchParams} query
 * @returns {Readonly<Record<string, string>>}
 */
function ofBucket(query) {
  if (query.has('uploads')) return { GET: 'ListMultipartUploads' }
  return { GET: 'ListObjectsV2', HEAD: 'HeadBucket', POST: 'DeleteObjects', PUT: 'CreateBucket' }
}

/**
 * @param {URLSearchParams} query
 * @param {boolean} isCopy
 * @returns {Readonly<Record<string, string>>}
 */
function ofObject(query, isCopy) {
  if (query.has('uploads')) return { POST: 'CreateMultipartUpload' }
  if (query.has('uploadId')) {
    return {
      GET: 'ListParts',
      PUT: isCopy ? 'UploadPartCopy' : 'UploadPart',
      POST: 'CompleteMultipartUpload',
      DELETE: 'AbortMultipartUpload',
    }
  }
  return { GET: 'GetObject', HEAD: 'HeadObject', PUT: isCopy ? 'CopyObject' : 'PutObject', DELETE: 'DeleteObject' }
}
