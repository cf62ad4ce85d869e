import { serve } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import { Hono } from 'hono'
import { createUploads } from 'tusker'
import { diskStore } from 'tusker/disk'

const uploads = await createUploads({ store: diskStore({ directory: './data' }), basePath: '/files/' })

const app = new Hono()
// The address is for hooks and limits; on other runtimes than Node it comes from elsewhere, or is left out
app.all('/files/*', (c) => uploads.fetch(c.req.raw, { remoteAddress: getConnInfo(c).remote.address }))

// Node would end every request after five minutes, uploads included
const serverOptions = { requestTimeout: 0 }
serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 8080), serverOptions }, ({ port }) => {
  console.log(`listening on http://localhost:${port}/files/`)
})
