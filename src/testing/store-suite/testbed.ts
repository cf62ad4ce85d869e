import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { UploadError } from '../../core/errors.ts'
import type { Bytes, Store, StoredUpload } from '../../core/store.ts'
import { type NewUpload, parseUploadId, type Upload, type UploadId } from '../../core/upload.ts'

/** A store with nothing in it, made for one test. */
export interface StoreUnderTest {
  readonly store: Store
  /** The same data through a fresh store, as after a restart of the process. */
  reopen(): Promise<Store>
  /** Removes everything. */
  close(): Promise<void>
}

/** Declares a test, which gets a started store of its own. */
export type It = (name: string, body: (made: StoreUnderTest) => Promise<void>) => unknown

export const KiB = 1024
export const MiB = 1024 * KiB
/** Where buffers, batches and parts begin and end. */
export const SIZES = [0, 1, 64 * KiB - 1, 64 * KiB, 64 * KiB + 1, MiB - 1, MiB, MiB + 1, 3 * MiB + 7]

/** An id that is nobody else’s. */
export function newId(): UploadId {
  return parseUploadId(randomBytes(16).toString('hex'))
}

/** An ordinary upload of unknown length, with a new id. */
export function newUpload(changes: Partial<NewUpload> = {}): NewUpload {
  return {
    id: newId(),
    length: null,
    metadata: new Map(),
    concat: null,
    completion: 'at_length',
    echo: {},
    createdAt: new Date('2026-02-03T04:05:06.789Z'),
    expiresAt: null,
    ...changes,
  }
}

/** `bytes`, in batches and chunks of at most so many bytes. */
export async function* batches(bytes: Uint8Array, batchSize = MiB, chunkSize = batchSize): Bytes {
  for (let start = 0; start < bytes.length; start += batchSize) {
    const batch = bytes.subarray(start, start + batchSize)
    const chunks: Uint8Array[] = []
    for (let at = 0; at < batch.length; at += chunkSize) chunks.push(batch.subarray(at, at + chunkSize))
    yield chunks
  }
}

/** The first `count` batches, then a throw. */
export async function* interrupted(bytes: Bytes, count: number, error: unknown): Bytes {
  let left = count
  for await (const batch of bytes) {
    if (left-- === 0) throw error
    yield batch
  }
  throw error
}

/** Appends `bytes`. */
export async function fill(stored: StoredUpload, bytes: Uint8Array): Promise<StoredUpload> {
  await stored.append(batches(bytes))
  return stored
}

/** All bytes in one piece. */
export async function collect(bytes: Bytes): Promise<Buffer> {
  const all: Uint8Array[] = []
  // The memory of a batch goes back to its source with the next step.
  for await (const batch of bytes) all.push(Buffer.concat(batch))
  return Buffer.concat(all)
}

/** SHA-256 in hexadecimal. */
export function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** The one id among those of an upload by which all of them are known to be one. */
export function nameOf(store: Store, id: UploadId): UploadId {
  return store.lockName?.(id) ?? id
}

/** The names of what the store lists, sorted. */
export async function listed(store: Store): Promise<UploadId[]> {
  const names: UploadId[] = []
  for await (const id of store.list()) names.push(nameOf(store, id))
  return names.sort()
}

/** An upload is as it was asked for, and stands where it should. */
export function assertIsLike(
  store: Store,
  upload: Upload,
  wanted: NewUpload,
  facts: { offset: number; complete: boolean },
): void {
  const { length, metadata, concat, completion, echo, createdAt, expiresAt, offset, complete } = upload
  assertIsId(store, upload.id, wanted.id)
  const found = {
    id: wanted.id,
    length,
    metadata: [...metadata],
    concat,
    completion,
    echo,
    createdAt,
    expiresAt,
    offset,
    complete,
  }
  assert.deepEqual(found, { ...wanted, metadata: [...wanted.metadata], ...facts })
  assert.ok(!Number.isNaN(upload.modifiedAt.getTime()))
  assert.equal(typeof upload.storage['Type'], 'string')
}

/** An id is the one that was asked for, or, where ids may grow, one that begins with it and has the same name. */
export function assertIsId(store: Store, id: UploadId, wanted: UploadId): void {
  if (store.lockName === undefined) assert.equal(id, wanted)
  assert.ok(id.startsWith(wanted), `${id} does not begin with ${wanted}`)
  assert.equal(nameOf(store, id), nameOf(store, wanted))
}

/** What was thrown is an `UploadError` of this code, or of one of these. */
export function assertCode(code: string | readonly string[], error: unknown): void {
  assert.ok(error instanceof UploadError, `not an UploadError: ${String(error)}`)
  if (typeof code === 'string') assert.equal(error.code, code)
  else assert.ok(code.includes(error.code), `${error.code} is none of ${code.join(', ')}`)
}

/** A promise rejects with an `UploadError` of this code, or of one of these. */
export async function rejects(code: string | readonly string[], promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error) => {
    assertCode(code, error)
    return true
  })
}

/** Appends by the shortcut, which has to be there. */
export async function checked(stored: StoredUpload, bytes: Bytes, verdict: () => boolean): Promise<Upload> {
  assert.ok(stored.appendChecked, 'the store has no appendChecked')
  return stored.appendChecked(bytes, verdict)
}
