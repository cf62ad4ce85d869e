import Koa from 'koa'
import { createUploads } from 'tusker'
import { diskStore } from 'tusker/disk'

const uploads = await createUploads({ store: diskStore({ directory: './data' }), basePath: '/files/' })

const app = new Koa()
// Before any parser of bodies: the upload server reads them itself
app.use(async (ctx, next) => {
  if (!/^\/files(\/|$)/.test(ctx.path)) return await next()
  ctx.respond = false
  await uploads.node(ctx.req, ctx.res)
})

const server = app.listen(process.env.PORT ?? 8080, () => {
  console.log(`listening on http://localhost:${server.address().port}/files/`)
})
// Node would end every request after five minutes, uploads included
server.requestTimeout = 0
