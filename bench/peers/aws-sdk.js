// The uploader of the AWS SDK behind just enough of tus to be sent bytes: nothing is kept, nothing can be resumed. What a server
// can hardly do better than: node aws-sdk.js <bucket> <port>, the service in AWS_*
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { S3Client } from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'

const [bucket, port] = process.argv.slice(2)
const client = new S3Client({
  forcePathStyle: true,
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
})
/** By key. */
const offsets = new Map()

createServer((req, res) => {
  answer(req, res).catch((error) => {
    console.error(error)
    res.destroy()
  })
}).listen(Number(port), '127.0.0.1')

async function answer(req, res) {
  res.setHeader('Tus-Resumable', '1.0.0')
  if (req.method === 'POST') {
    const path = `/files/${randomUUID()}`
    res.writeHead(201, { Location: path, 'Content-Length': 0 }).end()
    return
  }
  const key = req.url.slice('/files/'.length)
  if (req.method === 'PATCH') {
    await new Upload({ client, params: { Bucket: bucket, Key: key, Body: req } }).done()
    offsets.set(key, req.headers['content-length'])
  }
  res.writeHead(204, { 'Upload-Offset': offsets.get(key) ?? 0 }).end()
}
