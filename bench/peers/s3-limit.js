// What the service takes at most: bytes that are in memory already, sent by UploadPart calls in parallel that are neither hashed nor
// kept. PUT <path>?seed=<n>&length=<bytes> makes it upload: node s3-limit.js <bucket> <port>, the service in AWS_*
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { contentOf } from '../body.js'

const PART = 16 << 20
const AT_ONCE = 10

const [bucket, port] = process.argv.slice(2)
const client = new S3Client({
  forcePathStyle: true,
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
})

createServer((req, res) => {
  answer(req, res).catch((error) => {
    console.error(error)
    res.destroy()
  })
}).listen(Number(port), '127.0.0.1')

async function answer(req, res) {
  const { pathname, searchParams } = new URL(req.url, 'http://server')
  if (req.method === 'POST') {
    res.writeHead(201, { Location: `/files/${randomUUID()}`, 'Content-Length': 0 }).end()
    return
  }
  await upload(pathname.slice('/files/'.length), Number(searchParams.get('seed')), Number(searchParams.get('length')))
  res.writeHead(204).end()
}

async function upload(key, seed, length) {
  const place = { Bucket: bucket, Key: key }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(place))
  const parts = []
  let begun = 0
  const worker = async () => {
    for (let from = begun; from < length; from = begun) {
      begun += PART
      const to = Math.min(from + PART, length)
      const part = { ...place, UploadId, PartNumber: from / PART + 1, ContentLength: to - from }
      // A stream is not hashed
      const { ETag } = await client.send(
        new UploadPartCommand({ ...part, Body: Readable.from(contentOf(seed, from, to)) }),
      )
      parts.push({ ETag, PartNumber: part.PartNumber })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  parts.sort((a, b) => a.PartNumber - b.PartNumber)
  await client.send(new CompleteMultipartUploadCommand({ ...place, UploadId, MultipartUpload: { Parts: parts } }))
}
