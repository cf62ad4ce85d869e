import Fastify from 'fastify'
import { createUploads } from 'tusker'
import { diskStore } from 'tusker/disk'

const uploads = await createUploads({ store: diskStore({ directory: './data' }), basePath: '/files/' })

const fastify = Fastify()
// A scope of its own, so that other routes keep their parsers: here bodies are left to the upload server
fastify.register((scope, _options, done) => {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, _body, parsed) => parsed(null))
  const answer = (request, reply) => {
    reply.hijack()
    return uploads.node(request.raw, reply.raw)
  }
  scope.all('/files', answer)
  scope.all('/files/*', answer)
  done()
})

await fastify.listen({ port: Number(process.env.PORT ?? 8080) })
console.log(`listening on http://localhost:${fastify.server.address().port}/files/`)
