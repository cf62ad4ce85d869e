import { UploadError } from '../../core/errors.ts'
import type { RecordedParts } from '../record.ts'
import type { S3Settings } from './options.ts'

const MiB = 1024 ** 2

/** Part numbers that are kept free, for short parts that other servers left or leave behind. */
export const SPARE = 500

/**
 * Parts that grow stop growing here, at what S3 takes. A constant, and not `maxPartSize`, because sizes must follow from the
 * recorded plan alone, whatever the options are when the upload goes on. Where `maxPartSize` is lower, the plan grows so
 * slowly that no part number reaches it.
 */
const LARGEST = 5 * 1024 * MiB

type Limits = Pick<S3Settings, 'partSize' | 'minPartSize' | 'maxPartSize' | 'maxParts' | 'maxObjectSize' | 'equalParts'>

/**
 * A plan for an upload of `length` bytes that has `from` parts already, which hold `at` bytes. Parts are of `partSize`,
 * or of what makes the upload fit and leaves {@link SPARE} numbers free (half of the numbers, if there are few). Where that
 * cannot be, fewer are left. Of an upload of unknown length the parts grow, so that `maxObjectSize` bytes fit in, unless
 * they must be equal: then no more than the {@link capacity} does.
 * @param length null if unknown; then nothing is thrown, and the capacity says where the upload must end
 * @throws UploadError `max_size_exceeded` if the upload is larger than an object may be, or needs more parts than it may have
 */
export function planParts(length: number | null, limits: Limits, from = 0, at = 0): RecordedParts {
  const size = Math.max(limits.partSize, limits.minPartSize)
  if (length !== null && length > limits.maxObjectSize)
    throw tooLarge(`${length} bytes are more than maxObjectSize (${limits.maxObjectSize})`)
  if (limits.equalParts && from > 0) return planLikeOthers(length, limits, from, at, size)
  if (length !== null) return planKnown(length, limits, from, at, size)
  return limits.equalParts ? { size, stride: 0, from, at } : planGrowing(limits, from, at, size)
}

/** Bytes of part `number` (above `plan.from`), were the upload to go on behind it. */
export function sizeOfPart(plan: RecordedParts, number: number): number {
  if (plan.stride === 0) return plan.size
  return sizeAtLevel(plan.size, Math.floor((number - plan.from - 1) / plan.stride))
}

/** The offset in the upload at which part `number` (above `plan.from`) begins. */
export function startOfPart(plan: RecordedParts, number: number): number {
  let left = number - plan.from - 1
  let start = plan.at
  let size = plan.size
  for (let level = 1; plan.stride > 0 && left > plan.stride && size < LARGEST; level += 1) {
    start += plan.stride * size
    left -= plan.stride
    size = sizeAtLevel(plan.size, level)
  }
  return start + left * size
}

/** How many bytes fit into `maxParts` parts at most. */
export function capacity(plan: RecordedParts, maxParts: number): number {
  return startOfPart(plan, Math.max(maxParts, plan.from) + 1)
}

/**
 * Whether an upload that has parts of these sizes can go on by the plan.
 * @param sizes of the parts that are there without a gap, from number 1; the last of them may be shorter than planned if it
 * ends at `length`
 */
export function liesOnGrid(plan: RecordedParts, sizes: readonly number[], length: number | null): boolean {
  if (sizes.length < plan.from) return false
  let end = 0
  for (const [index, size] of sizes.entries()) {
    if (index === plan.from && end !== plan.at) return false
    end += size
    if (index < plan.from) continue
    const planned = sizeOfPart(plan, index + 1)
    const isEnd = index === sizes.length - 1 && end === length
    if (size > planned || (size < planned && !isEnd)) return false
  }
  return sizes.length > plan.from || end === plan.at
}

function planKnown(length: number, limits: Limits, from: number, at: number, least: number): RecordedParts {
  const { maxPartSize, maxParts } = limits
  const needed = Math.max(least, Math.ceil((length - at) / countOf(limits, from)))
  const size = needed === least ? least : Math.min(maxPartSize, Math.ceil(needed / MiB) * MiB)
  const plan = { size, stride: 0, from, at }
  insistOnFit(plan, length, maxParts)
  return plan
}

/** Where all parts but the last must be equal, those that are there have settled the size. */
function planLikeOthers(
  length: number | null,
  limits: Limits,
  from: number,
  at: number,
  otherwise: number,
): RecordedParts {
  const { minPartSize, maxPartSize, maxParts } = limits
  const found = at / from
  // If they are not equal, the service refuses the object in the end, whatever is chosen here.
  const fits = Number.isInteger(found) && found >= minPartSize && found <= maxPartSize
  const plan = { size: fits ? found : otherwise, stride: 0, from, at }
  if (length !== null) insistOnFit(plan, length, maxParts)
  return plan
}

/**
 * The slowest growth with which the largest object fits in, with numbers to spare, or else without. If none is fast enough,
 * because growth must end at a `maxPartSize` below 5 GiB, the first parts are larger.
 */
function planGrowing(limits: Limits, from: number, at: number, least: number): RecordedParts {
  const { maxObjectSize, maxPartSize, maxParts } = limits
  const numbers = Math.max(1, maxParts - from)
  for (let size = least; ; size = Math.min(maxPartSize, size * 2)) {
    const slowest = (count: number) => slowestGrowth({ size, stride: 0, from, at }, limits, from + count)
    const plan = slowest(countOf(limits, from)) ?? slowest(numbers)
    if (plan !== null) return plan
    // Not even if all parts were the largest: then the capacity is what it is.
    if (size >= maxPartSize || at + numbers * maxPartSize < maxObjectSize)
      return { size, stride: leastStride(size, maxPartSize, numbers), from, at }
  }
}

/** The plan with the largest stride that holds `maxObjectSize` bytes in parts up to number `last`; null if there is none. */
function slowestGrowth(plan: RecordedParts, limits: Limits, last: number): RecordedParts | null {
  const { maxObjectSize, maxPartSize, maxParts } = limits
  const numbers = Math.max(1, maxParts - plan.from)
  const fits = (stride: number) => capacity({ ...plan, stride }, last) >= maxObjectSize
  let low = leastStride(plan.size, maxPartSize, numbers)
  let high = numbers
  if (fits(high)) return { ...plan, stride: high }
  if (!fits(low)) return null
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (fits(middle)) low = middle
    else high = middle
  }
  return { ...plan, stride: low }
}

/** The fastest growth with which no part becomes larger than `maxPartSize`. */
function leastStride(size: number, maxPartSize: number, numbers: number): number {
  if (maxPartSize >= LARGEST) return 1
  const levels = Math.floor(Math.log2(maxPartSize / size)) + 1
  return Math.ceil(numbers / levels)
}

/** How many parts may follow the `from` first ones if numbers are to be spared; at least 1. */
function countOf({ maxParts }: Limits, from: number): number {
  const left = Math.max(1, maxParts - from)
  return left - Math.min(SPARE, Math.floor(left / 2))
}

/** Stops before doublings leave the safe integers: 33 of them make 5 GiB of a byte. */
function sizeAtLevel(size: number, level: number): number {
  return Math.min(size * 2 ** Math.min(level, 33), Math.max(size, LARGEST))
}

function insistOnFit(plan: RecordedParts, length: number, maxParts: number): void {
  if (capacity(plan, maxParts) >= length) return
  const there = plan.from > 0 ? ` behind the ${plan.from} that are there` : ''
  throw tooLarge(`${length} bytes do not fit into maxParts (${maxParts}) parts of ${plan.size} bytes${there}`)
}

function tooLarge(hint: string): UploadError {
  return new UploadError('max_size_exceeded', { hint })
}
