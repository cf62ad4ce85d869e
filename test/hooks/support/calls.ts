import type { Hooks, Moment, Occasion, RequestInfo } from '../../../src/core/hooks.ts'
import { type NewUpload, parseUploadId, type Upload } from '../../../src/core/upload.ts'

export const HEADERS = {
  host: 'uploads.example',
  'upload-length': '11',
  'x-two': 'a',
  authorization: 'Bearer a.token.of.somebody',
}

export const request: RequestInfo = {
  method: 'PATCH',
  uri: '/files/abc?q=1&access_token=s3cr3t-t0k3n',
  remoteAddress: '192.0.2.7',
  header: (name) => Object.entries(HEADERS).find(([one]) => one === name)?.[1] ?? null,
  headers: () => HEADERS,
}

export const wanted: NewUpload = {
  id: parseUploadId('not-final'),
  length: 11,
  metadata: new Map([
    ['filename', 'wörld.txt'],
    ['empty', null],
  ]),
  concat: null,
  completion: 'at_length',
  echo: {},
  createdAt: new Date('2026-01-31T12:00:00Z'),
  expiresAt: null,
}

export const upload: Upload = {
  ...wanted,
  id: parseUploadId('abc'),
  offset: 4,
  complete: false,
  modifiedAt: new Date('2026-01-31T12:00:01Z'),
  storage: { Type: 'filestore', Path: '/data/abc', InfoPath: '/data/abc.info' },
}

export const occasion: Occasion = { id: 'event-7', at: new Date('2026-01-31T12:00:02.5Z'), attempt: 3 }

/** Asks a hook at a moment, of the uploads above unless it shall be of another one. */
export async function ask(
  hooks: Hooks,
  moment: Moment,
  about: NewUpload | Upload = moment === 'preCreate' ? wanted : upload,
  by = request,
): Promise<unknown> {
  if (moment === 'preCreate') return await hooks.preCreate?.(about, by)
  if (!('offset' in about)) throw new Error(`there is no upload yet at ${moment}`)
  if (moment === 'postFinish' || moment === 'postTerminate') return await hooks[moment]?.(about, by, occasion)
  return await hooks[moment]?.(about, by)
}
