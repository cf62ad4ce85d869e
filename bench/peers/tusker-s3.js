// Tusker with the defaults of its S3 store and a memory locker, as @tus/server has one: node tusker-s3.js <bucket> <port> [dist], the
// service in AWS_*
import { createServer } from 'node:http'
import { S3Client } from '@aws-sdk/client-s3'

const [bucket, port, dist = new URL('../../dist', import.meta.url).href] = process.argv.slice(2)
const { createUploads } = await import(`${dist}/index.js`)
const { s3Store } = await import(`${dist}/stores/s3.js`)
const client = new S3Client({
  forcePathStyle: true,
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
})
const uploads = await createUploads({ store: s3Store({ client, bucket }) })
// Node would end every request after five minutes, uploads included
createServer({ requestTimeout: 0 }, uploads.node).listen(Number(port), '127.0.0.1')
