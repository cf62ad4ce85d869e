import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Hooks } from '../../../src/core/hooks.ts'
import { execHooks } from '../../../src/hooks/exec.ts'
import { grpcHooks } from '../../../src/hooks/grpc.ts'
import { httpHooks } from '../../../src/hooks/http.ts'
import { type Asked, hookServer } from './grpc-server.ts'

/** JSON as a hook reads or writes it. */
export type Json = Readonly<Record<string, unknown>>

/** A program behind a transport that answers what it is told to, and remembers what it was asked. */
export interface Other {
  readonly hooks: Hooks
  /** What it says at an event (`pre-create`) from now on; nothing at first. */
  answers(event: string, answer: Json): Promise<void>
  /** Everything that it was asked, in order, in tusd's JSON. */
  messages(): Promise<readonly Json[]>
  close(): Promise<void>
}

export const TRANSPORTS: readonly (readonly [name: string, open: () => Promise<Other>])[] = [
  ['files', byFiles],
  ['HTTP', byHttp],
  ['gRPC', byGrpc],
]

const EVENTS = [
  'pre-create',
  'post-create',
  'post-receive',
  'pre-finish',
  'post-finish',
  'pre-terminate',
  'post-terminate',
]

async function byFiles(): Promise<Other> {
  const directory = await mkdtemp(join(tmpdir(), 'tusker-files-'))
  const script = `#!/bin/sh
name=$(basename "$0")
cat > "message.$(date +%s%N).$name.tmp" && for file in message.*."$name".tmp; do mv "$file" "\${file%.tmp}.json" 2>/dev/null; done
cat "answer.$name" 2>/dev/null || true
`
  for (const event of EVENTS) {
    await writeFile(join(directory, event), script)
    await chmod(join(directory, event), 0o755)
  }
  return {
    hooks: execHooks({ directory }),
    answers: (event, answer) => writeFile(join(directory, `answer.${event}`), JSON.stringify(answer)),
    async messages() {
      const names = (await readdir(directory)).filter((name) => name.endsWith('.json')).sort()
      return Promise.all(names.map(async (name) => JSON.parse(await readFile(join(directory, name), 'utf8'))))
    },
    close: () => rm(directory, { recursive: true, force: true }),
  }
}

async function byHttp(): Promise<Other> {
  const answers = new Map<string, Json>()
  const messages: Json[] = []
  const server = createServer(async (request, response) => {
    const message = JSON.parse(await text(request))
    messages.push(message)
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answers.get(message.Type) ?? {}))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    hooks: httpHooks({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }),
    answers: async (event, answer) => void answers.set(event, answer),
    messages: async () => messages,
    async close() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

async function byGrpc(): Promise<Other> {
  const answers = new Map<string, Json>()
  const server = await hookServer(({ type }) => inProto(answers.get(type) ?? {}))
  const hooks = grpcHooks({ address: server.address })
  return {
    hooks,
    answers: async (event, answer) => void answers.set(event, answer),
    messages: async () => server.asked.map(inJson),
    async close() {
      hooks.close()
      server.stop()
    },
  }
}

/** The members of an answer by the names that they have in hook.proto. */
function inProto(answer: Json): Json {
  const { HTTPResponse, ChangeFileInfo, ...flags } = answer as { HTTPResponse?: Json; ChangeFileInfo?: Json }
  const lower = (value: Json, names: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(value).map(([name, member]) => [names[name] ?? name, member]))
  const flag = { RejectUpload: 'rejectUpload', StopUpload: 'stopUpload', RejectTermination: 'rejectTermination' }
  const reply = { StatusCode: 'statusCode', Header: 'header', Body: 'body' }
  const changes = {
    ID: 'id',
    MetaData: 'metaData',
    Storage: 'storage',
    MaxSize: 'maxSize',
    ExpiresAt: 'expiresAt',
    Owner: 'owner',
  }
  return {
    ...lower(flags, flag),
    ...(HTTPResponse && { httpResponse: lower(HTTPResponse, reply) }),
    ...(ChangeFileInfo && { changeFileInfo: lower(ChangeFileInfo, changes) }),
  }
}

/** A request as it would be in JSON: what gRPC does not send is as Go's zero values. */
function inJson({ type, event }: Asked): Json {
  const { upload = {}, httpRequest = {} } = event
  const storage = { ...(upload['storage'] as Json) }
  const parts = (upload['partialUploads'] as readonly string[] | undefined) ?? []
  return {
    Type: type,
    Event: {
      ID: event['id'],
      Time: event['time'],
      Attempt: event['attempt'],
      Upload: {
        ID: upload['id'] ?? '',
        Size: Number(upload['size'] ?? 0),
        SizeIsDeferred: upload['sizeIsDeferred'] ?? false,
        Offset: Number(upload['offset'] ?? 0),
        MetaData: { ...(upload['metaData'] as Json) },
        IsPartial: upload['isPartial'] ?? false,
        IsFinal: upload['isFinal'] ?? false,
        PartialUploads: parts.length > 0 ? parts : null,
        Storage: Object.keys(storage).length > 0 ? storage : null,
        ...('owner' in upload && { Owner: upload['owner'] }),
        ...('maxSize' in upload && { MaxSize: Number(upload['maxSize']) }),
        ...('expiresAt' in upload && { ExpiresAt: upload['expiresAt'] }),
      },
      HTTPRequest: {
        Method: httpRequest['method'],
        URI: httpRequest['uri'],
        RemoteAddr: httpRequest['remoteAddr'],
        Header: Object.fromEntries(
          Object.entries(httpRequest['header'] as Json).map(([name, value]) => [name, [value]]),
        ),
      },
    },
  }
}
