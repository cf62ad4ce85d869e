// A gRPC server that decides about uploads. Run it, then a Tusker that asks it.
import { fileURLToPath } from 'node:url'
import * as grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

const proto = fileURLToPath(import.meta.resolve('tusker/hook.proto'))
const service = loadSync(proto, { keepCase: true, longs: Number, defaults: true })['proto.HookHandler']

/** One function for each moment; there is no need to have all. */
const hooks = {
  'pre-create'({ upload }) {
    const { filename } = upload.metaData
    if (filename === undefined) {
      return { rejectUpload: true, httpResponse: { statusCode: 422, body: 'a filename is needed\n' } }
    }
    return { changeFileInfo: { metaData: { filename, checked: 'yes' }, maxSize: 10_000_000 } }
  },

  'post-receive'({ upload }) {
    console.log('received', upload.id, upload.offset, 'of', upload.size)
    return {}
  },

  'pre-finish'({ upload }) {
    return { httpResponse: { header: { 'X-Stored-As': upload.id } } }
  },

  // Told at least once: what must not happen twice is remembered by the id of the event
  'post-finish'({ upload, id }) {
    console.log('finished', upload.id, upload.storage, 'event', id)
    return {}
  },

  'pre-terminate'({ httpRequest }) {
    return { rejectTermination: httpRequest.header['X-Really'] !== 'yes' }
  },
}

const server = new grpc.Server()
server.addService(service, {
  InvokeHook({ request }, reply) {
    reply(null, hooks[request.type]?.(request.event) ?? {})
  },
})

const address = `127.0.0.1:${process.env.PORT ?? 8000}`
server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error
  console.log(`listening on 127.0.0.1:${port}`)
})

process.once('SIGTERM', () => server.forceShutdown())
