import { UploadError } from '../core/errors.ts'
import type { Grant, Quota } from '../core/rights.ts'
import type { Upload, UploadId } from '../core/upload.ts'
import { addressGroup } from './address.ts'
import type { Caller } from './commands.ts'
import { type EngineContext, errorFields } from './context.ts'
import { holdOwner, lockName } from './hold.ts'
import { nameFor } from './notes.ts'
import { findUpload, hasExpired } from './open.ts'

/** Seconds after which it is worth to try again when somebody has too much under way. */
const RETRY_AFTER = 60

/** What an owner has reserved for one unfinished upload. */
interface Entry {
  readonly id: UploadId
  readonly bytes: number
}

/** What an owner may have under way: the grant's word, or else the server's. Null if nothing limits it. */
export function quotaOf({ quotas }: EngineContext, grant: Grant | null): Quota | null {
  return grant?.quota ?? quotas.perOwner ?? null
}

/**
 * Counts a creation against the rates of its owner and its address.
 * @throws UploadError `too_many_requests`, with the seconds after which the next is welcome
 */
export function countCreation(
  { creations, quotas }: EngineContext,
  owner: string | undefined,
  quota: Quota | null,
  caller: Caller,
): void {
  const take = (key: string, perMinute: number | undefined): void => {
    if (perMinute === undefined) return
    const retryAfter = creations.take(key, perMinute / 60, perMinute)
    if (retryAfter === 0) return
    throw new UploadError('too_many_requests', { message: 'too many uploads were begun; try again later', retryAfter })
  }
  const { remoteAddress } = caller.request
  if (remoteAddress !== null) take(`address ${addressGroup(remoteAddress)}`, quotas.perAddress?.creationsPerMinute)
  if (owner !== undefined) take(`owner ${owner}`, quota?.creationsPerMinute)
}

/**
 * Reserves an upload for its owner and creates it by `work`, one creation of an owner at a time, in all processes: parallel ones
 * cannot pass the quota together. An upload of unknown length reserves what it gets as it gets it.
 * @throws UploadError `quota_uploads`, `quota_bytes`, `max_size_exceeded` if it alone is too much, and what `work` throws
 */
export async function withinQuota<T>(
  context: EngineContext,
  quota: Quota | null,
  { id, owner, length }: Pick<Upload, 'id' | 'owner' | 'length'>,
  caller: Caller,
  work: () => Promise<T>,
): Promise<T> {
  if (quota === null || owner === undefined || !isBounding(quota)) return work()
  const { maxUploads = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY } = quota
  const bytes = length ?? 0
  if (bytes > maxBytes) throw new UploadError('max_size_exceeded')
  return holdOwner(context, nameFor(owner), caller, async () => {
    const others = await room(context, owner, id, (count, sum) => count < maxUploads && sum + bytes <= maxBytes)
    if (others.length >= maxUploads) throw new UploadError('quota_uploads', { retryAfter: RETRY_AFTER })
    if (total(others) + bytes > maxBytes) throw new UploadError('quota_bytes', { retryAfter: RETRY_AFTER })
    // Before it is created: if the process dies in between, an entry without an upload counts only until somebody needs its room.
    const name = nameOf(context, owner, id)
    const before = await context.notes.get(name)
    await reserve(context, owner, { id, bytes })
    try {
      return await work()
    } catch (error) {
      // There is an entry already if the id is taken: that of the upload which has it.
      if (before === null) await context.notes.remove(name)
      else await context.notes.put(name, before)
      throw error
    }
  })
}

/**
 * Bytes that an upload of unknown length may come to hold, reserved for as long as `work` lasts; what was not used is free
 * again afterwards. `wanted` bytes are enough.
 * @throws UploadError `quota_bytes` if there is no room at all, and what `work` throws
 */
export async function withinAllowance<T>(
  context: EngineContext,
  quota: Quota | null,
  upload: Upload,
  wanted: number | null,
  caller: Caller,
  work: (most: number) => Promise<T>,
  reached: () => Upload,
): Promise<T> {
  const { id, owner, offset } = upload
  const maxBytes = quota?.maxBytes
  if (maxBytes === undefined || owner === undefined || upload.length !== null || upload.complete) return work(Infinity)
  const most = await holdOwner(context, nameFor(owner), caller, async () => {
    const enough = wanted ?? offset + 1
    const others = await room(context, owner, id, (_, sum) => sum + enough <= maxBytes)
    const left = maxBytes - total(others)
    if (left < offset || left < (wanted ?? 0)) throw new UploadError('quota_bytes', { retryAfter: RETRY_AFTER })
    await reserve(context, owner, { id, bytes: wanted ?? left })
    return left
  })
  try {
    return await work(most)
  } finally {
    const now = reached()
    if (!now.complete) await reserve(context, owner, { id, bytes: now.length ?? now.offset })
  }
}

/** Reserves what an upload of unknown length is now said to become. Throws `quota_bytes` if its owner has no room for that. */
export async function reserveLength(
  context: EngineContext,
  quota: Quota | null,
  upload: Upload,
  length: number,
  caller: Caller,
): Promise<void> {
  const nothing = async (): Promise<void> => undefined
  await withinAllowance(context, quota, upload, length, caller, nothing, () => ({ ...upload, length }))
}

/**
 * An upload is finished or gone: its owner has room for another. If that cannot be noted, it is found out when somebody needs the
 * room; what has happened to the upload has happened.
 */
export async function release(context: EngineContext, { id, owner }: Upload): Promise<void> {
  if (owner === undefined) return
  if (context.authorize === undefined && context.quotas.perOwner === undefined) return
  try {
    await context.notes.remove(nameOf(context, owner, id))
  } catch (error) {
    if (!(error instanceof UploadError)) throw error
    context.log.warn('quota.unreleased', { id, ...errorFields(error) })
  }
}

function isBounding({ maxUploads, maxBytes }: Quota): boolean {
  return maxUploads !== undefined || maxBytes !== undefined
}

/** What an owner has reserved beside `id`. If that is too much, entries of which nothing is left are dropped first. */
async function room(
  context: EngineContext,
  owner: string,
  id: UploadId,
  fits: (count: number, sum: number) => boolean,
): Promise<readonly Entry[]> {
  const own = nameOf(context, owner, id)
  const found: { readonly name: string; readonly entry: Entry }[] = []
  for await (const name of context.notes.list(folderOf(owner))) {
    const entry = name === own ? null : await readEntry(context, name)
    if (entry !== null) found.push({ name, entry })
  }
  const entries = found.map(({ entry }) => entry)
  if (fits(entries.length, total(entries))) return entries
  const left: Entry[] = []
  for (const { name, entry } of found) {
    if (await isUnderWay(context, entry.id)) left.push(entry)
    else await context.notes.remove(name)
  }
  return left
}

async function isUnderWay(context: EngineContext, id: UploadId): Promise<boolean> {
  const upload = await findUpload(context, id)
  return upload !== null && !upload.complete && !hasExpired(upload, new Date())
}

async function readEntry({ notes }: EngineContext, name: string): Promise<Entry | null> {
  const text = await notes.get(name)
  if (text === null) return null
  try {
    const value: unknown = JSON.parse(text)
    return isEntry(value) ? value : null
  } catch {
    return null
  }
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== 'object' || value === null || !('id' in value) || !('bytes' in value)) return false
  return typeof value.id === 'string' && typeof value.bytes === 'number'
}

async function reserve(context: EngineContext, owner: string, entry: Entry): Promise<void> {
  await context.notes.put(nameOf(context, owner, entry.id), JSON.stringify(entry))
}

function folderOf(owner: string): string {
  return `owners/${nameFor(owner)}`
}

function nameOf(context: EngineContext, owner: string, id: UploadId): string {
  return `${folderOf(owner)}/${nameFor(lockName(context, id))}`
}

function total(entries: readonly Entry[]): number {
  return entries.reduce((sum, { bytes }) => sum + bytes, 0)
}
