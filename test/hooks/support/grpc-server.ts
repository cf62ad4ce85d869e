import { once } from 'node:events'
import * as grpc from '@grpc/grpc-js'
import { type AnyDefinition, loadSync, type ServiceDefinition } from '@grpc/proto-loader'

/** A request as the server decoded it: what is not on the wire is not in it. */
export interface Asked {
  readonly type: string
  readonly event: { readonly upload: Fields; readonly httpRequest: Fields } & Fields
}
type Fields = Readonly<Record<string, unknown>>

/** The call around a request. */
export type Call = grpc.ServerUnaryCall<Asked, Fields>

/** A message, or a status that is not OK. Never, if the call shall hang. */
export type Answer = Fields | { readonly code: grpc.status; readonly details: string }

export interface HookServer {
  readonly port: number
  readonly address: string
  /** Every request and its call, in order. */
  readonly asked: readonly Asked[]
  readonly calls: readonly Call[]
  /** Ends all connections at once, as the end of a process does. */
  stop(): void
}

export interface ServerOptions {
  /** `127.0.0.1:0`, a free port, by default. */
  readonly address?: string
  readonly credentials?: grpc.ServerCredentials
  /** The .proto file from which it is made: by default ours. */
  readonly proto?: string
}

/** A server of the independent implementation of gRPC, made from a .proto file. */
export async function hookServer(
  answer: (asked: Asked, call: Call) => Answer | Promise<Answer>,
  { address = '127.0.0.1:0', credentials = grpc.ServerCredentials.createInsecure(), proto }: ServerOptions = {},
): Promise<HookServer> {
  const asked: Asked[] = []
  const calls: Call[] = []
  const server = new grpc.Server()
  const invoke = async (call: Call, reply: grpc.sendUnaryData<Fields>): Promise<void> => {
    asked.push(call.request)
    calls.push(call)
    const given = await answer(call.request, call)
    if ('code' in given) reply({ code: Number(given.code), details: String(given.details) })
    else reply(null, given)
  }
  server.addService(serviceOf(proto ?? 'src/hooks/hook.proto'), {
    InvokeHook: (call: Call, reply: grpc.sendUnaryData<Fields>) => void invoke(call, reply),
  })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)))
  })
  return { port, address: `127.0.0.1:${port}`, asked, calls, stop: () => server.forceShutdown() }
}

/** An answer that does not come before the call is given up. */
export async function never(call: Call): Promise<Answer> {
  await once(call, 'cancelled')
  return {}
}

function serviceOf(proto: string): ServiceDefinition {
  const definition = loadSync(proto, { keepCase: true, longs: String })['proto.HookHandler']
  if (definition === undefined || !isService(definition)) throw new Error(`no service in ${proto}`)
  return definition
}

function isService(definition: AnyDefinition): definition is ServiceDefinition {
  return !('format' in definition)
}
