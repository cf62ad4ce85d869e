import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { startCounter } from '../../bench/s3/counter.js'
import { operationOf } from '../../bench/s3/operations.js'

const owed: (() => void)[] = []

afterEach(() => {
  for (const undo of owed.splice(0)) undo()
})

describe('a request is called what S3 calls it', () => {
  const COPY = { 'x-amz-copy-source': '/bucket/other' }
  const CASES: readonly (readonly [
    method: string,
    url: string,
    operation: string,
    headers?: Record<string, string>,
  ])[] = [
    ['POST', '/bucket/key?uploads', 'CreateMultipartUpload'],
    ['POST', '/bucket/key?uploadId=2~a', 'CompleteMultipartUpload'],
    ['PUT', '/bucket/key?partNumber=1&uploadId=2~a&x-id=UploadPart', 'UploadPart'],
    ['PUT', '/bucket/key?partNumber=1&uploadId=2~a', 'UploadPartCopy', COPY],
    ['GET', '/bucket/key?uploadId=2~a', 'ListParts'],
    ['DELETE', '/bucket/key?uploadId=2~a', 'AbortMultipartUpload'],
    ['PUT', '/bucket/a/key.info?x-id=PutObject', 'PutObject'],
    ['PUT', '/bucket/key', 'CopyObject', COPY],
    ['GET', '/bucket/key.info', 'GetObject'],
    ['HEAD', '/bucket/key.part', 'HeadObject'],
    ['DELETE', '/bucket/key', 'DeleteObject'],
    ['HEAD', '/bucket/', 'HeadBucket'],
    ['GET', '/bucket/?list-type=2', 'ListObjectsV2'],
    ['GET', '/bucket?uploads', 'ListMultipartUploads'],
    ['POST', '/bucket?delete', 'DeleteObjects'],
  ]
  for (const [method, url, operation, headers = {}] of CASES) {
    test(`${method} ${url} is ${operation}`, () => {
      expect(operationOf(method, url, headers)).toBe(operation)
    })
  }
})

test('the proxy passes everything on as it is, and counts it', async () => {
  const { endpoint } = await echo()
  const counter = await startCounter(endpoint)
  owed.push(counter.stop)
  const body = 'x'.repeat(1 << 20)
  const answer = await send(`${counter.endpoint}/bucket/key?partNumber=1&uploadId=a`, 'PUT', body)
  expect(answer).toEqual({ status: 200, etag: '"e"', body: `PUT /bucket/key?partNumber=1&uploadId=a ${body}` })
  await send(`${counter.endpoint}/bucket/key.info`, 'HEAD')
  await send(`${counter.endpoint}/bucket/key.part`, 'HEAD')
  expect(await counter.take()).toEqual({ HeadObject: 2, UploadPart: 1 })
  expect(await counter.take()).toEqual({})
})

/** Answers with what it got. */
async function echo(): Promise<{ readonly endpoint: string }> {
  const server = createServer((req, res) => {
    res.writeHead(200, { ETag: '"e"' })
    res.write(`${req.method} ${req.url} `)
    req.pipe(res)
  })
  owed.push(() => server.closeAllConnections())
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  owed.push(() => server.close())
  const { port } = server.address() as AddressInfo
  return { endpoint: `http://127.0.0.1:${port}` }
}

function send(url: string, method: string, body = ''): Promise<{ status: number; etag: unknown; body: string }> {
  return new Promise((done, fail) => {
    // As the SDK sends large bodies
    const headers = body === '' ? {} : { Expect: '100-continue' }
    const sent = request(url, { method, headers, agent: false }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (piece: string) => {
        text += piece
      })
      answer.on('end', () => done({ status: answer.statusCode ?? 0, etag: answer.headers.etag, body: text }))
    })
    sent.on('error', fail)
    sent.end(body)
  })
}
