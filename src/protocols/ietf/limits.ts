import type { Upload } from '../../core/upload.ts'
import { LARGEST_INTEGER, printIntegers } from './fields.ts'
import type { Rules } from './interop.ts'

/** What uploads by this protocol are held to. Sizes in bytes; 0 and Infinity for no limit. */
export interface Limits {
  readonly maxSize: number
  /** Smaller uploads are not made in several requests. */
  readonly minSize: number
  /** Of one request. */
  readonly maxAppendSize: number
  readonly minAppendSize: number
  /** Milliseconds; null for ever. */
  readonly expireAfter: number | null
}

/** Upload-Limit of uploads that are yet to be created. */
export function announcedLimits(limits: Limits, lifetime: NonNullable<Rules['lifetime']>): string {
  return print(limits, lifetime, limits.expireAfter === null ? null : Math.floor(limits.expireAfter / 1000))
}

/**
 * Upload-Limit of an upload. It does not tighten while the upload lasts: one whose length was accepted under another maximum
 * goes on, and so it says; one that was given a maximum of its own is told that. The seconds left are rounded up, lest the end that they imply seem to come closer.
 */
export function uploadLimits(limits: Limits, lifetime: NonNullable<Rules['lifetime']>, upload: Upload): string {
  const { expiresAt, complete, length, maxSize = Number.POSITIVE_INFINITY } = upload
  const left = complete || expiresAt === null ? null : Math.ceil((expiresAt.getTime() - Date.now()) / 1000)
  return print({ ...limits, maxSize: Math.max(Math.min(limits.maxSize, maxSize), length ?? 0) }, lifetime, left)
}

function print(limits: Limits, lifetime: string, seconds: number | null): string {
  const { maxSize, minSize, maxAppendSize, minAppendSize } = limits
  const members = {
    ...(Number.isFinite(maxSize) && { 'max-size': maxSize }),
    ...(minSize > 0 && { 'min-size': minSize }),
    ...(Number.isFinite(maxAppendSize) && { 'max-append-size': maxAppendSize }),
    ...(minAppendSize > 0 && { 'min-append-size': minAppendSize }),
    ...(seconds !== null && { [lifetime]: Math.max(seconds, 0) }),
  }
  const sound = Object.entries(members).map(([name, value]) => [name, Math.min(value, LARGEST_INTEGER)])
  // An empty value is not allowed (section Limits).
  return printIntegers(sound.length === 0 ? { 'min-size': 0 } : Object.fromEntries(sound))
}
