// @tus/server with its defaults and @tus/s3-store with its own: node tus-node-s3.js <bucket> <port>, the service in AWS_*
import { createServer } from 'node:http'
import { S3Store } from '@tus/s3-store'
import { Server } from '@tus/server'

const [bucket, port] = process.argv.slice(2)
const datastore = new S3Store({
  s3ClientConfig: {
    bucket,
    forcePathStyle: true,
    // The service is not AWS, and refuses what the client sends there
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  },
})
const tus = new Server({ path: '/files', datastore })
createServer((req, res) => {
  tus.handle(req, res).catch((error) => {
    console.error(error)
    res.destroy()
  })
}).listen(Number(port), '127.0.0.1')
