import { describe, expect, it } from 'vitest'
import { MOMENTS } from '../core/hooks.ts'
import { parseUploadId, type Upload } from '../core/upload.ts'
import { parseAnswer, printCall } from './message.ts'
import type { HookCall } from './remote.ts'

const id = parseUploadId('00000000000000000000000000000001')
const upload: Upload = {
  id,
  length: 11,
  metadata: new Map([
    ['empty', null],
    ['filename', 'wörld.txt'],
  ]),
  concat: null,
  completion: 'at_length',
  echo: {},
  createdAt: new Date(),
  expiresAt: null,
  offset: 4,
  complete: false,
  modifiedAt: new Date(),
  storage: { Type: 'filestore', Path: `/data/${id}`, InfoPath: `/data/${id}.info` },
}
const call: HookCall = {
  moment: 'postReceive',
  upload,
  request: {
    method: 'PATCH',
    uri: `/files/${id}?q=1&access_token=s3&r=2`,
    remoteAddress: '127.0.0.1',
    remotePort: 4711,
    header: () => null,
    headers: () => ({ host: '127.0.0.1:1080', 'content-length': '11', 'x-mixed-case': '1', 'upload-offset': '0' }),
  },
  occasion: { id: 'event-1', at: new Date('2026-11-27T10:00:00Z'), attempt: 2 },
}
const printed = (change: Partial<HookCall>) => JSON.parse(printCall({ ...call, ...change }))

describe('the message of a hook', () => {
  it("is tusd's, with fields of our own beside", () => {
    expect(printed({})).toEqual({
      Type: 'post-receive',
      Event: {
        ID: 'event-1',
        Time: '2026-11-27T10:00:00.000Z',
        Attempt: 2,
        Upload: {
          ID: id,
          Size: 11,
          SizeIsDeferred: false,
          Offset: 4,
          MetaData: { empty: '', filename: 'wörld.txt' },
          IsPartial: false,
          IsFinal: false,
          PartialUploads: null,
          Storage: { Type: 'filestore', Path: `/data/${id}`, InfoPath: `/data/${id}.info` },
        },
        HTTPRequest: {
          Method: 'PATCH',
          URI: `/files/${id}?q=1&access_token=REDACTED&r=2`,
          RemoteAddr: '127.0.0.1:4711',
          Header: { Host: ['127.0.0.1:1080'], 'Content-Length': ['11'], 'X-Mixed-Case': ['1'], 'Upload-Offset': ['0'] },
        },
      },
    })
  })

  it('has no token in it where fields hold URLs', () => {
    const link = (id: string) => `http://example.org/files/${id}?access_token=s3cr3t.${id}`
    const headers = () => ({
      'upload-concat': `final;${link('a')} ${link('b')}&x=1`,
      referer: '/?Access%5Ftoken=s3cr3t',
    })
    const message = printCall({ ...call, request: { ...call.request, headers } })
    expect(message).not.toContain('s3cr3t')
    expect(JSON.parse(message).Event.HTTPRequest.Header).toEqual({
      'Upload-Concat': [
        'final;http://example.org/files/a?access_token=REDACTED http://example.org/files/b?access_token=REDACTED&x=1',
      ],
      Referer: ['/?Access%5Ftoken=REDACTED'],
    })
  })

  it('before a creation has no id and no place', () => {
    const { storage: _, offset: __, complete: ___, modifiedAt: ____, ...wanted } = upload
    const { Upload } = printed({ moment: 'preCreate', upload: { ...wanted, length: null, metadata: new Map() } }).Event
    expect(Upload).toMatchObject({ ID: '', Size: 0, SizeIsDeferred: true, Offset: 0, MetaData: {}, Storage: null })
  })

  it('tells of a concatenation', () => {
    const parts = [parseUploadId('a'), parseUploadId('b')]
    const final = printed({ upload: { ...upload, concat: { role: 'final', parts } } }).Event.Upload
    expect(final).toMatchObject({ IsPartial: false, IsFinal: true, PartialUploads: ['a', 'b'] })
    const partial = printed({ upload: { ...upload, concat: { role: 'partial' } } }).Event.Upload
    expect(partial).toMatchObject({ IsPartial: true, IsFinal: false, PartialUploads: null })
  })

  it('tells owner, largest size, expiry and digests, where there are any', () => {
    const expiresAt = new Date('2026-12-01T00:00:00Z')
    const more = { owner: 'anna', maxSize: 99, expiresAt, digests: { sha256: 'AAAA' } }
    expect(printed({ upload: { ...upload, ...more } }).Event.Upload).toMatchObject({
      Owner: 'anna',
      MaxSize: 99,
      ExpiresAt: '2026-12-01T00:00:00.000Z',
      Digests: { sha256: 'AAAA' },
    })
  })

  it('has the names of all seven moments', () => {
    expect(MOMENTS.map((moment) => printed({ moment }).Type)).toEqual([
      ...['pre-create', 'post-create', 'post-receive', 'pre-finish', 'post-finish', 'pre-terminate', 'post-terminate'],
    ])
  })

  it.each([
    ['::1', 80, '[::1]:80'],
    ['10.0.0.1', null, '10.0.0.1'],
    [null, 80, ''],
  ])('writes the address %s and the port %s as %s', (remoteAddress, remotePort, written) => {
    const request = { ...call.request, remoteAddress, remotePort }
    expect(printed({ request }).Event.HTTPRequest.RemoteAddr).toBe(written)
  })
})

describe('the answer of a hook', () => {
  it.each([
    ['{}', {}],
    ['null', {}],
    ['{"unknown": 1, "HTTPResponse": null, "RejectUpload": null, "ChangeFileInfo": null}', {}],
    ['{"RejectUpload": true}', { rejectUpload: true }],
    ['{"rejectupload": true, "HTTPRESPONSE": {"statuscode": 422}}', { rejectUpload: true, reply: { status: 422 } }],
    ['{"RejectTermination": true}', { rejectTermination: true }],
    ['{"StopUpload": true}', { stopUpload: true }],
    [
      '{"HTTPResponse": {"StatusCode": 202, "Body": "text", "Header": {"X-A": "1"}}}',
      { reply: { status: 202, body: 'text', headers: { 'X-A': '1' } } },
    ],
    ['{"HTTPResponse": {"StatusCode": 0, "Body": "", "Header": null}}', { reply: {} }],
    ['{"ChangeFileInfo": {"ID": "a/b"}}', { changes: { id: 'a/b' } }],
    ['{"ChangeFileInfo": {"ID": "", "MetaData": null, "Storage": {}}}', { changes: {} }],
    ['{"ChangeFileInfo": {"MetaData": {}}}', { changes: { metadata: new Map() } }],
    ['{"ChangeFileInfo": {"MetaData": {"b": "1"}}}', { changes: { metadata: new Map([['b', '1']]) } }],
    // As Go reads a null in a map of strings.
    ['{"ChangeFileInfo": {"MetaData": {"a": null}}}', { changes: { metadata: new Map([['a', '']]) } }],
    ['{"HTTPResponse": {"Header": {"X-A": null}}}', { reply: { headers: { 'X-A': '' } } }],
    ['{"ChangeFileInfo": {"MetaData": {"__proto__": "1"}}}', { changes: { metadata: new Map([['__proto__', '1']]) } }],
    ['{"ChangeFileInfo": {"Storage": {"Path": "x/y"}}}', { changes: { storage: { Path: 'x/y' } } }],
    ['{"ChangeFileInfo": {"MaxSize": 5, "Owner": "anna"}}', { changes: { maxSize: 5, owner: 'anna' } }],
    [
      '{"ChangeFileInfo": {"ExpiresAt": "2026-12-01T00:00:00Z"}}',
      { changes: { expiresAt: new Date('2026-12-01T00:00:00Z') } },
    ],
    [
      '{"ChangeFileInfo": {"ExpiresAt": "2026-12-01T01:00:00.5+01:00"}}',
      { changes: { expiresAt: new Date('2026-12-01T00:00:00.500Z') } },
    ],
    ['{"ChangeFileInfo": {"ExpiresAt": "never"}}', { changes: { expiresAt: null } }],
  ])('%s is understood', (text, answer) => {
    expect(parseAnswer(text)).toEqual(answer)
  })

  it.each([
    ['not JSON', 'the hook answered what is not JSON: "not JSON"'],
    ['{} {}', 'the hook answered what is not JSON: "{} {}"'],
    ['[]', 'the answer of the hook is not an object'],
    ['"text"', 'the answer of the hook is not an object'],
    ['{"RejectUpload": "true"}', 'RejectUpload in the answer of the hook is not true or false'],
    ['{"HTTPResponse": []}', 'HTTPResponse in the answer of the hook is not an object'],
    ['{"HTTPResponse": {"StatusCode": "400"}}', 'StatusCode in HTTPResponse of the hook is not a whole number'],
    ['{"HTTPResponse": {"StatusCode": 400.5}}', 'StatusCode in HTTPResponse of the hook is not a whole number'],
    ['{"HTTPResponse": {"Header": {"A": ["1"]}}}', 'Header in HTTPResponse of the hook is not an object of texts'],
    ['{"ChangeFileInfo": {"MetaData": {"a": 1}}}', 'MetaData in ChangeFileInfo of the hook is not an object of texts'],
    // To Date all but the first two are dates: in 2001, in the year 3600, in whichever zone the server is.
    ...['soon', '2026-13-31T00:00:00Z', 'day 5', '3600', '2026-12-31', '2026-12-31T00:00:00'].map((text) => [
      `{"ChangeFileInfo": {"ExpiresAt": "${text}"}}`,
      "ExpiresAt in ChangeFileInfo of the hook is not a time, such as 2026-12-31T00:00:00Z, or 'never'",
    ]),
  ])('%s is a failure that says what is wrong', (text, hint) => {
    expect(() => parseAnswer(text)).toThrow(expect.objectContaining({ code: 'hook_failed', details: { hint } }))
  })

  it('a long one is shown by its beginning', () => {
    expect(() => parseAnswer('x'.repeat(100_000))).toThrow(
      expect.objectContaining({ details: { hint: expect.stringMatching(/^.{200,300}$/) } }),
    )
  })
})
