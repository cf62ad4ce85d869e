import { createServer } from 'node:http'
import { createUploads } from 'tusker'
import { diskStore } from 'tusker/disk'

const uploads = await createUploads({ store: diskStore({ directory: './data' }), basePath: '/files/' })

// Node would end every request after five minutes, uploads included
const server = createServer({ requestTimeout: 0 }, uploads.node)
server.listen(process.env.PORT ?? 8080, () => {
  console.log(`listening on http://localhost:${server.address().port}/files/`)
})

// Running requests save what came, then the process ends by itself
process.once('SIGTERM', async () => {
  server.close()
  await uploads.close()
})
