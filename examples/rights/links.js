import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { createUploads } from 'tusker'
import { diskStore } from 'tusker/disk'
import { jwtRights, signUploadUrl } from 'tusker/jwt'

// All processes that serve the same uploads need the same one, and so do restarts
const secret = process.env.LINK_SECRET ?? randomBytes(32)

const uploads = await createUploads({
  store: diskStore({ directory: './data' }),
  basePath: '/files/',
  authorize: jwtRights({ secret, acceptQuery: true }),
})

// Node would end every request after five minutes, uploads included
const server = createServer({ requestTimeout: 0 }, async (request, response) => {
  if (!request.url.startsWith('/files')) return answer(request, response)
  await uploads.node(request, response)
})

/** POST /links hands out a link, to whomever your own session says may have one. */
async function answer(request, response) {
  if (request.method !== 'POST' || request.url !== '/links') return response.writeHead(404).end()
  const link = await signUploadUrl(`http://${request.headers.host}/files/`, {
    secret,
    expiresIn: 15 * 60 * 1000,
    maxSize: 5 * 1024 * 1024,
    maxUploads: 3,
    operations: ['create', 'head', 'append', 'terminate'],
  })
  response.writeHead(201, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
  response.end(JSON.stringify({ link }))
}

server.listen(process.env.PORT ?? 8080, () => {
  console.log(`listening on http://localhost:${server.address().port}/files/`)
})

// Running requests save what came, then the process ends by itself
process.once('SIGTERM', async () => {
  server.close()
  await uploads.close()
})
