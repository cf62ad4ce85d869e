import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, vi } from 'vitest'
import type { Store } from '../../../src/core/store.ts'
import { parseUploadId, type UploadId } from '../../../src/core/upload.ts'
import { createUploads, type Uploads, type UploadsOptions } from '../../../src/uploads.ts'
import type { Answer, Fields, Payload } from './answer.ts'
import type { Door, Entrance, Running, Start } from './doors.ts'
import { type Kept, keep } from './stores.ts'
import { connect, requestText, type Wire } from './wire.ts'

export const OCTETS = 'application/offset+octet-stream'

/** A server with a folder of its own, behind one door. */
export interface Site {
  readonly uploads: Uploads
  /** A folder of its own, where the store keeps its files if that is the disk. */
  readonly directory: string
  readonly origin: string
  /** URL where uploads are created. */
  readonly base: string
  /** One request, with `Tus-Resumable: 1.0.0` unless `fields` say otherwise. */
  send(method: string, url: string, fields?: Fields, body?: Payload): Promise<Answer>
  /** A request whose body is not whole yet. */
  begin(method: string, url: string, fields: Fields, start: Start): Running
  /** A connection to write anything to. Node door only. */
  connect(): Promise<Wire>
  /** A request as bytes, with Host and Tus-Resumable unless `fields` say otherwise. */
  text(method: string, url: string, fields?: Fields, body?: Payload): Buffer
  post(fields: Fields, body?: Payload): Promise<Answer>
  /** Creates an upload; the answer is a 201. Returns its URL. */
  create(fields: Fields, body?: Payload): Promise<string>
  patch(url: string, offset: number | string, body: Payload, fields?: Fields): Promise<Answer>
  head(url: string): Promise<Answer>
  /** Upload-Offset as HEAD tells it. */
  offset(url: string): Promise<number>
  /** The bytes of a complete upload, by GET. */
  content(url: string): Promise<string>
  /** The bytes as the store keeps them, finished or not; none if there are none. */
  stored(url: string): Promise<Buffer>
  /** The names of all that the store keeps of uploads, sorted: not its notes, which come and go behind the requests. */
  files(): Promise<string[]>
  /** The name under which an upload is locked. */
  lockName(url: string): UploadId
  /** The same uploads through a store of their own, as in another process. */
  storeAgain(): Store
  /** Waits for an upload that is not among the files of `before`. Returns its URL. */
  appeared(before: readonly string[]): Promise<string>
  /** Waits until the server holds at least `count` bytes of an upload that is being sent, in memory or in its store. */
  arrived(url: string, count: number): Promise<void>
}

type Options = Partial<UploadsOptions>

/** Registers start and end of a server for the surrounding `describe`. Options may depend on its folder. */
export function host(door: Door, options: Options | ((directory: string) => Options) = {}): Site {
  let running: { uploads: Uploads; entrance: Entrance; kept: Kept; root: string } | null = null
  beforeAll(async () => {
    const root = await mkdtemp(join(tmpdir(), 'tusker-tus-'))
    const directory = join(root, 'store')
    await mkdir(directory)
    const rest = typeof options === 'function' ? options(directory) : options
    const kept = await keep(directory, rest.store ?? null)
    const uploads = await createUploads({ ...rest, store: kept.store })
    running = { uploads, root, kept, entrance: await door.open(uploads) }
  })
  afterAll(async () => {
    const { entrance, uploads, kept, root } = started()
    await entrance.close()
    await uploads.close()
    await kept.close()
    await rm(root, { recursive: true, force: true })
  })
  function started() {
    if (running === null) throw new Error('the server has not started')
    return running
  }
  const fieldsOf = (fields: Fields): Fields => ({ 'Tus-Resumable': '1.0.0', ...fields })

  const site: Site = {
    get uploads() {
      return started().uploads
    },
    get directory() {
      return join(started().root, 'store')
    },
    get origin() {
      return started().entrance.origin
    },
    get base() {
      return `${site.origin}/files/`
    },
    send: (method, url, fields = {}, body) => started().entrance.send(method, url, fieldsOf(fields), body),
    begin: (method, url, fields, start) => started().entrance.begin(method, url, fieldsOf(fields), start),
    connect: () => connect(started().entrance.port),
    text(method, url, fields = {}, body) {
      const target = url.replace(site.origin, '')
      return requestText(method, target, { Host: site.origin.replace('http://', ''), ...fieldsOf(fields) }, body)
    },
    post: (fields, body) => site.send('POST', site.base, fields, body),
    async create(fields, body) {
      const answer = await site.post(body === undefined ? fields : { 'Content-Type': OCTETS, ...fields }, body)
      expect(answer, answer.text).toMatchObject({ status: 201 })
      return new URL(answer.header('location') ?? 'missing:', site.base).href
    },
    patch: (url, offset, body, fields = {}) =>
      site.send('PATCH', url, { 'Upload-Offset': String(offset), 'Content-Type': OCTETS, ...fields }, body),
    head: (url) => site.send('HEAD', url),
    async offset(url) {
      const answer = await site.head(url)
      expect(answer.status).toBe(200)
      expect(answer.header('upload-offset')).toMatch(/^\d+$/)
      return Number(answer.header('upload-offset'))
    },
    async content(url) {
      const answer = await site.send('GET', url)
      expect(answer.status, answer.text.slice(0, 200)).toBe(200)
      return answer.body.toString('latin1')
    },
    stored: (url) => started().kept.stored(idOf(url)),
    files: async () => (await started().kept.files()).filter((name) => !name.startsWith('.tusker')),
    lockName(url) {
      const id = parseUploadId(idOf(url))
      return started().kept.store.lockName?.(id) ?? id
    },
    storeAgain: () => started().kept.again(),
    appeared: (before) =>
      vi.waitFor(async () => {
        const record = (await site.files()).find((name) => !before.includes(name) && name.endsWith('.info'))
        if (record === undefined) throw new Error('no upload was created')
        return site.base + record.replace('.info', '')
      }, 60_000),
    async arrived(url, count) {
      await vi.waitFor(async () => {
        const held = await started().kept.held(idOf(url))
        expect(held + site.uploads.engine.buffered()).toBeGreaterThanOrEqual(count)
      }, 60_000)
    },
  }
  return site
}

/** The id in an upload's URL, which may carry a token behind it. */
export function idOf(url: string): string {
  const [path = ''] = url.split('?', 1)
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Bytes that no other seed or position repeats soon; one character of Latin-1 each. */
export function pattern(length: number, seed = 0): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >> 8) * 17 + (at >> 16) * 7 + seed * 101) & 0xff
  return bytes
}
