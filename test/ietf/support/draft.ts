import { expect } from 'vitest'
import type { UploadsOptions } from '../../../src/uploads.ts'
import type { Answer, Fields, Payload } from '../../tus/support/answer.ts'
import { type Door, doors, type Running, type Start } from '../../tus/support/doors.ts'
import { host, type Site } from '../../tus/support/site.ts'

export const PARTIAL = 'application/partial-upload'

/** A server, spoken to in one version of the draft. */
export interface Draft {
  readonly site: Site
  readonly version: number
  readonly base: string
  /** A request with the version, unless `fields` say otherwise. */
  send(method: string, url: string, fields?: Fields, body?: Payload): Promise<Answer>
  begin(method: string, url: string, fields: Fields, start: Start): Running
  /** A request as bytes. */
  text(method: string, url: string, fields?: Fields, body?: Payload): Buffer
  post(complete: string, body?: Payload, fields?: Fields): Promise<Answer>
  /** Creates an upload; the answer is a 201. Returns its URL. */
  create(complete: string, body?: Payload, fields?: Fields): Promise<string>
  append(url: string, offset: number | string, complete: string, body?: Payload, fields?: Fields): Promise<Answer>
  head(url: string): Promise<Answer>
  /** `offset complete length` as HEAD tells them; the status where it tells none. */
  stand(url: string): Promise<string>
}

type Options = Partial<UploadsOptions>

/** Registers a server for the surrounding `describe` that is spoken to in `version`. */
export function hostDraft(
  door: Door,
  version: number,
  options: Options | ((directory: string) => Options) = {},
): Draft {
  return draftOf(host(door, options), version)
}

/** Another voice for the same server. */
export function draftOf(site: Site, version: number): Draft {
  const spoken = (fields: Fields): Fields => ({
    'Tus-Resumable': null,
    'Upload-Draft-Interop-Version': String(version),
    ...fields,
  })
  const draft: Draft = {
    site,
    version,
    get base() {
      return site.base
    },
    send: (method, url, fields = {}, body) => site.send(method, url, spoken(fields), body),
    begin: (method, url, fields, start) => site.begin(method, url, spoken(fields), start),
    text: (method, url, fields = {}, body) => site.text(method, url, spoken(fields), body),
    post: (complete, body, fields = {}) =>
      draft.send('POST', site.base, { 'Upload-Complete': complete, ...fields }, body),
    async create(complete, body, fields) {
      const answer = await draft.post(complete, body, fields)
      expect(answer, answer.text).toMatchObject({ status: 201 })
      return urlIn(answer, site)
    },
    append: (url, offset, complete, body = '', fields = {}) =>
      draft.send('PATCH', url, appending(offset, complete, fields), body),
    head: (url) => draft.send('HEAD', url),
    async stand(url) {
      const answer = await draft.head(url)
      if (answer.status !== 204) return String(answer.status)
      const words = [answer.header('upload-offset'), answer.header('upload-complete'), answer.header('upload-length')]
      return words.map((word) => word ?? '-').join(' ')
    },
  }
  return draft
}

/** Fields of an append. */
export function appending(offset: number | string, complete: string, fields: Fields = {}): Fields {
  return { 'Upload-Offset': String(offset), 'Upload-Complete': complete, 'Content-Type': PARTIAL, ...fields }
}

export function urlIn(answer: Answer, site: Site): string {
  return new URL(answer.header('location') ?? 'missing:', site.base).href
}

/** Both doors, in the versions that follow the newest text. */
export const NEWEST: readonly (readonly [string, Door, number])[] = doors.flatMap((door) =>
  [8, 9].map((version) => [`version ${version} through the ${door.name} door`, door, version] as const),
)

/** Problem details of an answer. */
export function problemIn(answer: Answer): Record<string, unknown> {
  expect(answer.header('content-type')).toBe('application/problem+json')
  const problem: unknown = JSON.parse(answer.text)
  if (typeof problem !== 'object' || problem === null) throw new Error(`not an object: ${answer.text}`)
  return { ...problem }
}

export const REGISTRY = 'https://iana.org/assignments/http-problem-types#'
