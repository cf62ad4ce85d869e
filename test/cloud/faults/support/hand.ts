import { expect, onTestFinished, vi } from 'vitest'
import type { S3StoreOptions } from '../../../../src/stores/s3/options.ts'
import { type Content, content, sha256Of } from '../../../heavy/support/content.ts'
import { download } from '../../../heavy/support/download.ts'
import { type Answer, type Ending, type Exchange, exchange } from '../../../heavy/support/exchange.ts'
import { eager, slices } from '../../../heavy/support/pace.ts'
import type { Call, FaultProxy } from '../../support/fault-proxy.ts'
import type { Fault } from '../../support/faults.ts'
import type { Bucket } from './bucket.ts'
import { type Site, startSite } from './site.ts'

export const MIB = 1 << 20
/** Bytes of a part in these tests: the least that the service takes. */
export const PART = 5 * MIB

const TUS = { 'Tus-Resumable': '1.0.0' }

/** One upload that a test does request by request. */
export interface ByHand {
  readonly site: Site
  readonly content: Content
  /** Of the object in the bucket. */
  readonly key: string
  readonly path: string
  /** Sends bytes from `from` up to `to`. */
  patch(from: number, to: number): Promise<Answer>
  begin(from: number, to: number): Exchange
  head(): Promise<Answer>
  /** HEAD answers 200; the offset. */
  offset(): Promise<number>
  /** The object is what was sent, through the server and straight from the service. */
  proveComplete(): Promise<void>
  /** The same upload, through a server that knows nothing of what was before. */
  elsewhere(options?: Partial<S3StoreOptions>): Promise<ByHand>
  remove(): Promise<Answer>
}

/** Creates an upload on a server of its own. A null length is deferred. */
export async function byHand(
  bucket: Bucket,
  name: string,
  length: number | null,
  options: Partial<S3StoreOptions> = {},
): Promise<ByHand> {
  const prefix = `${name}/`
  const site = await hosted(bucket, prefix, options)
  const declared = length === null ? { 'Upload-Defer-Length': '1' } : { 'Upload-Length': String(length) }
  const created = await answered(
    exchange({
      method: 'POST',
      url: `${site.origins[0]}/files/`,
      headers: { ...TUS, 'X-Key': 'upload', ...declared },
    }),
  )
  expect(created, created.text).toMatchObject({ status: 201 })
  const { pathname } = new URL(created.headers.location ?? 'missing:')
  return at(bucket, site, prefix, pathname, length ?? 0)
}

async function hosted(bucket: Bucket, prefix: string, options: Partial<S3StoreOptions>): Promise<Site> {
  const site = await startSite({ bucket, prefix, store: options })
  onTestFinished(() => site.close())
  return site
}

function at(bucket: Bucket, site: Site, prefix: string, path: string, length: number): ByHand {
  const source = content(prefix)
  const url = `${site.origins[0]}${path}`
  const key = `${prefix}upload.0`
  const begin = (from: number, to: number): Exchange =>
    exchange({
      method: 'PATCH',
      url,
      headers: { ...TUS, 'Upload-Offset': String(from), 'Content-Type': 'application/offset+octet-stream' },
      body: { length: to - from, pieces: (signal) => slices(source, from, to, eager, signal) },
    })
  const head = (): Promise<Answer> => answered(exchange({ method: 'HEAD', url, headers: TUS }))
  return {
    site,
    content: source,
    key,
    path,
    begin,
    patch: (from, to) => answered(begin(from, to)),
    head,
    async offset() {
      const answer = await head()
      expect(answer.status).toBe(200)
      return Number(answer.headers['upload-offset'])
    },
    async proveComplete() {
      const right = { sha256: sha256Of(source, length), size: length }
      expect(await download(url)).toEqual({ status: 200, ...right })
      expect(await bucket.fingerprint(key)).toEqual(right)
    },
    elsewhere: async (options = {}) => at(bucket, await hosted(bucket, prefix, options), prefix, path, length),
    remove: () => answered(exchange({ method: 'DELETE', url, headers: TUS })),
  }
}

async function answered(going: Exchange): Promise<Answer> {
  const ending: Ending = await going.ended
  if (ending.answer === null) throw new Error('no answer', { cause: ending.broken })
  return ending.answer
}

/** Which calls: of an operation, and of a part, or on a kind of object. */
export interface Which {
  readonly operation: Call['operation']
  readonly part?: number
  readonly kind?: Call['kind']
}

export function isOf(call: Call, { operation, part, kind }: Which): boolean {
  return (
    call.operation === operation &&
    (part === undefined || call.part === part) &&
    (kind === undefined || call.kind === kind)
  )
}

/** These calls meet a fault: the first so many of them, or all until what is returned is called. */
export function meet(proxy: FaultProxy, which: Which, fault: Fault, times = Number.POSITIVE_INFINITY): () => void {
  let left = times
  return proxy.rule((call) => (isOf(call, which) && left-- > 0 ? fault : null))
}

/** Waits until the service has answered so many of these calls with success. */
export async function stored(proxy: FaultProxy, which: Which, count = 1): Promise<void> {
  const done = (): number => proxy.calls().filter((call) => isOf(call, which) && call.status === 200).length
  await vi.waitFor(() => expect(done()).toBeGreaterThanOrEqual(count), { timeout: 60_000, interval: 5 })
}

/** Waits until so many of these calls have come. */
export async function called(proxy: FaultProxy, which: Which, count = 1): Promise<void> {
  const come = (): number => proxy.calls().filter((call) => isOf(call, which)).length
  await vi.waitFor(() => expect(come()).toBeGreaterThanOrEqual(count), { timeout: 60_000, interval: 5 })
}
