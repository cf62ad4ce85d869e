import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ask } from '../../../test/hooks/support/calls.ts'
import { type Answer, type HookServer, hookServer } from '../../../test/hooks/support/grpc-server.ts'
import type { Moment, RequestInfo } from '../../core/hooks.ts'
import { type NewUpload, parseUploadId, type Upload } from '../../core/upload.ts'
import { grpcHooks } from '../grpc.ts'

/** The fields that tusd's hook.proto has, by number, and none of ours: what servers in the field are made from. */
const PROTO = `
syntax = "proto3";
package proto;
service HookHandler { rpc InvokeHook(HookRequest) returns (HookResponse) {} }
message HookRequest { string type = 1; Event event = 2; }
message Event { FileInfo upload = 1; HTTPRequest httpRequest = 2; }
message FileInfo {
  string id = 1; int64 size = 2; bool sizeIsDeferred = 3; int64 offset = 4; map<string, string> metaData = 5;
  bool isPartial = 6; bool isFinal = 7; repeated string partialUploads = 8; map<string, string> storage = 9;
}
message FileInfoChanges { string id = 1; map<string, string> metaData = 2; map<string, string> storage = 3; }
message HTTPRequest { string method = 1; string uri = 2; string remoteAddr = 3; map<string, string> header = 4; }
message HookResponse { HTTPResponse httpResponse = 1; bool rejectUpload = 2; bool stopUpload = 3; FileInfoChanges changeFileInfo = 4; }
message HTTPResponse { int64 statusCode = 1; map<string, string> header = 2; string body = 3; }
`

const folder = mkdtempSync(join(tmpdir(), 'tusker-grpc-'))
const proto = join(folder, 'tusd.proto')
writeFileSync(proto, PROTO)
afterAll(() => rmSync(folder, { recursive: true }))

/** What a server for tusd is asked, and what is made of its answer. */
async function conversation(
  moment: Moment,
  upload: NewUpload | Upload,
  request: RequestInfo,
  answer: Answer = {},
): Promise<{ readonly asked: HookServer['asked']; readonly result: unknown }> {
  const server = await hookServer(() => answer, { proto })
  const hooks = grpcHooks({ address: server.address })
  const result = await ask(hooks, moment, upload, request)
  hooks.close()
  server.stop()
  return { asked: server.asked, result }
}

/** A client's three requests, and what tusd 2.10 told its gRPC hooks about them; recorded from a real one. */
const id = parseUploadId('7d29ceb711644ed8553affd95aed01f2')
const storage = { InfoPath: `/data/${id}.info`, Path: `/data/${id}`, Type: 'filestore' }
const wanted: NewUpload = {
  id: parseUploadId('not-final'),
  length: 11,
  metadata: new Map([
    ['filename', 'wörld.txt'],
    ['empty', null],
  ]),
  concat: null,
  completion: 'at_length',
  echo: {},
  createdAt: new Date(),
  // Ours alone: a server for tusd passes over it
  expiresAt: new Date('2030-01-01'),
  owner: 'alice',
  maxSize: 1000,
}
const stored = (offset: number): Upload => ({ ...wanted, id, offset, complete: false, modifiedAt: new Date(), storage })

const requestOf = (method: string, uri: string, headers: Readonly<Record<string, string>>): RequestInfo => ({
  method,
  uri,
  remoteAddress: '127.0.0.1',
  header: (name) => headers[name] ?? null,
  headers: () => headers,
})
const create = requestOf('POST', '/files/?q=1', {
  host: '127.0.0.1:8080',
  connection: 'close',
  'tus-resumable': '1.0.0',
  'upload-length': '11',
  'upload-metadata': 'filename d8O2cmxkLnR4dA==,empty',
  cookie: 'c=1',
  'x-request-id': 'req-1',
  authorization: 'Bearer tok',
})
const append = requestOf('PATCH', `/files/${id}`, { host: '127.0.0.1:8080', 'upload-offset': '0' })
const remove = requestOf('DELETE', `/files/${id}`, { host: '127.0.0.1:8080', 'tus-resumable': '1.0.0' })

const metaData = { filename: 'wörld.txt', empty: '' }
const told = (offset: string) => ({ id, size: '11', ...(offset !== '0' && { offset }), metaData, storage })
const created = {
  method: 'POST',
  uri: '/files/?q=1',
  remoteAddr: '127.0.0.1',
  header: {
    Host: '127.0.0.1:8080',
    Connection: 'close',
    'Tus-Resumable': '1.0.0',
    'Upload-Length': '11',
    'Upload-Metadata': 'filename d8O2cmxkLnR4dA==,empty',
    Cookie: 'c=1',
    'X-Request-Id': 'req-1',
    Authorization: 'Bearer tok',
  },
}
const appended = {
  method: 'PATCH',
  uri: `/files/${id}`,
  remoteAddr: '127.0.0.1',
  header: { Host: '127.0.0.1:8080', 'Upload-Offset': '0' },
}
const removed = {
  method: 'DELETE',
  uri: `/files/${id}`,
  remoteAddr: '127.0.0.1',
  header: { Host: '127.0.0.1:8080', 'Tus-Resumable': '1.0.0' },
}

describe('a server made from the hook.proto of tusd', () => {
  it.each<[string, Moment, NewUpload | Upload, RequestInfo, object, object]>([
    ['pre-create', 'preCreate', wanted, create, { size: '11', metaData }, created],
    ['post-create', 'postCreate', stored(0), create, told('0'), created],
    ['post-receive', 'postReceive', stored(4), append, told('4'), appended],
    ['pre-finish', 'preFinish', stored(11), append, told('11'), appended],
    ['post-finish', 'postFinish', stored(11), append, told('11'), appended],
    ['pre-terminate', 'preTerminate', stored(11), remove, told('11'), removed],
    ['post-terminate', 'postTerminate', stored(11), remove, told('11'), removed],
  ])('is told at %s what tusd tells, field by field', async (type, moment, about, request, upload, httpRequest) => {
    const { asked } = await conversation(moment, about, request)
    expect(asked).toEqual([{ type, event: { upload, httpRequest } }])
  })

  it.each<[string, Moment, Answer, unknown]>([
    ['no', 'preCreate', { rejectUpload: true }, { reject: true }],
    [
      'no in its own words',
      'preCreate',
      { rejectUpload: true, httpResponse: { statusCode: 403, header: { 'X-A': 'b' }, body: 'no' } },
      { reject: true, reply: { status: 403, headers: { 'X-A': 'b' }, body: 'no' } },
    ],
    [
      'changes',
      'preCreate',
      { changeFileInfo: { id: 'g1', metaData: { a: 'b' }, storage: { Path: 'x.bin' } } },
      { id: 'g1', metadata: new Map([['a', 'b']]), storage: { Path: 'x.bin' } },
    ],
    ['empty changes', 'preCreate', { changeFileInfo: { id: '', metaData: {}, storage: {} } }, {}],
    [
      'stop',
      'postReceive',
      { stopUpload: true, httpResponse: { statusCode: 451, body: 's' } },
      { reject: true, reply: { status: 451, body: 's' } },
    ],
    [
      'a reply',
      'preFinish',
      { httpResponse: { statusCode: 200, body: 'r', header: { 'X-B': '1' } } },
      { reply: { status: 200, body: 'r', headers: { 'X-B': '1' } } },
    ],
    [
      'a reply',
      'preTerminate',
      { httpResponse: { statusCode: 200, body: 'r' } },
      { reply: { status: 200, body: 'r' } },
    ],
  ])('is understood when it says %s at %s', async (_, moment, answer, expected) => {
    const about = moment === 'preCreate' ? wanted : stored(4)
    expect((await conversation(moment, about, append, answer)).result).toEqual(expected)
  })
})
