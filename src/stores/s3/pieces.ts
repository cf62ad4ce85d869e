import { UploadError } from '../../core/errors.ts'

const MiB = 1024 ** 2

/** Largest range that is copied in one call as long as there are numbers enough: copies take seconds a GiB, and run side by side. */
const COPY = 1024 * MiB

/** A stretch of a complete object, which is known by its index in the list of sizes. */
export interface Range {
  readonly piece: number
  /** First byte. */
  readonly start: number
  /** Behind the last byte. */
  readonly end: number
}

/** One part of the new object: a copied range of one piece, or bytes of several ranges read and sent through this process. */
export interface Joint {
  /** A copy has exactly one range. It is either the whole of its piece, or the piece is larger than `minPartSize`. */
  readonly kind: 'copy' | 'stream'
  /** Not empty, in order. */
  readonly ranges: readonly Range[]
  /** Bytes of all ranges together. */
  readonly size: number
}

export interface JointLimits {
  /** For each joint but the last. */
  readonly minPartSize: number
  readonly maxPartSize: number
  readonly maxParts: number
  /** Whether all joints but the last must be of one size. */
  readonly equalParts: boolean
  /** Whether the service copies ranges of objects into parts. */
  readonly canCopy: boolean
  /** Wanted size of what is streamed. */
  readonly partSize: number
}

/**
 * How complete objects become one. As much as possible is copied inside the service, and as little as possible goes through
 * this process: pieces below the minimum of a part, with what their neighbours must add to reach it.
 * @param sizes of the pieces in order, in bytes; may be 0
 * @returns joints that cover all bytes in order; none if there are none
 * @throws UploadError `max_size_exceeded` if the bytes do not fit into `maxParts` parts of `maxPartSize`
 */
export function planJoints(sizes: readonly number[], limits: JointLimits): readonly Joint[] {
  const { maxPartSize, maxParts, minPartSize } = limits
  const total = sizes.reduce((sum, size) => sum + size, 0)
  if (total > maxParts * maxPartSize) {
    const hint = `${total} bytes do not fit into maxParts (${maxParts}) parts of maxPartSize (${maxPartSize})`
    throw new UploadError('max_size_exceeded', { hint })
  }
  // With so little room between the limits not every size can be cut into parts, but equal ones always fit.
  if (limits.equalParts || !limits.canCopy || maxPartSize < 2 * minPartSize) return equalJoints(sizes, total, limits)
  const joints = mergeDownTo(maxParts, freeJoints(sizes, limits), sizes, limits)
  return joints ?? equalJoints(sizes, total, limits)
}

function equalJoints(sizes: readonly number[], total: number, limits: JointLimits): readonly Joint[] {
  const { partSize, minPartSize, maxPartSize, maxParts } = limits
  const wanted = Math.max(partSize, minPartSize)
  const needed = Math.ceil(total / maxParts)
  const size = needed <= wanted ? wanted : Math.min(maxPartSize, Math.ceil(needed / MiB) * MiB)
  return cut(wholes(sizes), () => size).map((ranges) => jointOf(ranges, sizes, limits))
}

/** Copies of large pieces, and streams of small ones, without regard to how many there may be. */
function freeJoints(sizes: readonly number[], limits: JointLimits): Joint[] {
  const { minPartSize } = limits
  const joints: Joint[] = []
  const add = (groups: readonly Range[][]) => {
    for (const ranges of groups) joints.push(jointOf(ranges, sizes, limits))
  }
  /** What is to be streamed and has no joint yet. */
  let pending: Range[] = []
  let bytes = 0
  const stream = (range: Range) => {
    pending.push(range)
    bytes += range.end - range.start
  }
  const flush = () => {
    add(streamed(pending, limits))
    pending = []
    bytes = 0
  }
  const pieces = wholes(sizes)
  for (const [index, piece] of pieces.entries()) {
    const least = index === pieces.length - 1 ? 1 : minPartSize
    const lacking = bytes === 0 ? 0 : Math.max(0, minPartSize - bytes)
    const isLarge = piece.end >= minPartSize
    if (lacking === 0 && piece.end >= least) {
      flush()
      add(copied(piece, limits))
    } else if (lacking > 0 && piece.end > minPartSize && piece.end - lacking >= least) {
      stream({ ...piece, end: lacking })
      flush()
      add(copied({ ...piece, start: lacking }, limits))
    } else {
      const before = lacking > 0 && isLarge ? borrow(joints, lacking, sizes, limits) : null
      if (before === null) stream(piece)
      else {
        pending.unshift(before)
        flush()
        add(copied(piece, limits))
      }
    }
  }
  flush()
  return joints
}

/**
 * Takes the last bytes of the copy that was planned last, if enough of it remains.
 * @returns null if it does not
 */
function borrow(joints: Joint[], bytes: number, sizes: readonly number[], limits: JointLimits): Range | null {
  const last = joints.at(-1)
  const range = last?.ranges[0]
  if (last?.kind !== 'copy' || range === undefined || last.size - bytes < limits.minPartSize) return null
  const middle = range.end - bytes
  joints[joints.length - 1] = jointOf([{ ...range, end: middle }], sizes, limits)
  return { ...range, start: middle }
}

/** Cuts what is copied evenly, so that no remainder is too small. */
function copied(range: Range, { minPartSize, maxPartSize }: JointLimits): Range[][] {
  const most = Math.min(maxPartSize, Math.max(COPY, 2 * minPartSize))
  return cutEvenly([range], Math.ceil((range.end - range.start) / most))
}

/** Cuts what is streamed into joints of `partSize`; the last two share what would leave a remainder that is too small. */
function streamed(ranges: readonly Range[], { partSize, minPartSize, maxPartSize }: JointLimits): Range[][] {
  const target = Math.min(maxPartSize, Math.max(partSize, minPartSize))
  const bytes = sizeOf(ranges)
  const full = Math.floor(bytes / target)
  const rest = bytes % target
  if (full === 0 || rest === 0 || rest >= minPartSize) return cut(ranges, () => target)
  const shared = target + rest
  const half = shared < 2 * minPartSize ? shared : Math.ceil(shared / 2)
  return cut(ranges, (index) => (index < full - 1 ? target : half))
}

/**
 * Joins neighbours until there are at most `most`, those first for which the fewest bytes are streamed that were copied.
 * Null if that cannot be, because the joints would become too large.
 */
function mergeDownTo(
  most: number,
  planned: Joint[],
  sizes: readonly number[],
  limits: JointLimits,
): readonly Joint[] | null {
  let joints = planned
  while (joints.length > most) {
    const chosen = cheapestPairs(joints, joints.length - most, sizes, limits)
    if (chosen.size === 0) return null
    joints = joints.flatMap((joint, index) => {
      const merged = chosen.get(index)
      if (merged !== undefined) return merged
      return chosen.has(index - 1) ? [] : joint
    })
  }
  return joints
}

/**
 * At most `count` pairs of neighbours as one joint each, by the index of the first of the two; no joint is in two pairs.
 * As long as there are pairs that cost nothing, only such.
 */
function cheapestPairs(
  joints: readonly Joint[],
  count: number,
  sizes: readonly number[],
  limits: JointLimits,
): ReadonlyMap<number, Joint> {
  const pairs = joints.flatMap((joint, index) => {
    const next = joints[index + 1]
    const size = joint.size + (next?.size ?? 0)
    return next === undefined || size > limits.maxPartSize
      ? []
      : { index, joint, next, size, cost: costOf(joint, next) }
  })
  pairs.sort((a, b) => a.cost - b.cost || a.size - b.size || a.index - b.index)
  const isFree = pairs[0]?.cost === 0
  const chosen = new Map<number, Joint>()
  for (const { index, joint, next, cost } of pairs) {
    if (chosen.size === count || (isFree && cost > 0)) break
    if (chosen.has(index - 1) || chosen.has(index + 1)) continue
    chosen.set(index, jointOf([...joint.ranges, ...next.ranges], sizes, limits))
  }
  return chosen
}

/** Bytes that are streamed in addition if the two become one: none if they are copies from the same piece. */
function costOf(joint: Joint, next: Joint): number {
  const isOneCopy = joint.kind === 'copy' && next.kind === 'copy' && joint.ranges[0]?.piece === next.ranges[0]?.piece
  return isOneCopy ? 0 : bytesCopied(joint) + bytesCopied(next)
}

function bytesCopied(joint: Joint): number {
  return joint.kind === 'copy' ? joint.size : 0
}

/**
 * A copy if it can be one. AWS copies ranges only of objects above 5 MiB, which is its minimum for parts as well; of a
 * smaller one it copies the whole.
 */
function jointOf(ranges: readonly Range[], sizes: readonly number[], limits: JointLimits): Joint {
  const joined = joinRanges(ranges)
  const [only] = joined
  const whole = only === undefined ? 0 : (sizes[only.piece] ?? 0)
  const isWhole = only !== undefined && only.start === 0 && only.end === whole
  const isCopy = limits.canCopy && joined.length === 1 && (isWhole || whole > limits.minPartSize)
  return { kind: isCopy ? 'copy' : 'stream', ranges: joined, size: sizeOf(joined) }
}

/** Neighbours within one piece as one range. */
function joinRanges(ranges: readonly Range[]): Range[] {
  const joined: Range[] = []
  for (const range of ranges) {
    const last = joined.at(-1)
    if (last?.piece === range.piece && last.end === range.start) joined[joined.length - 1] = { ...last, end: range.end }
    else joined.push(range)
  }
  return joined
}

/** Cuts ranges into groups that differ by no more than a byte. */
function cutEvenly(ranges: readonly Range[], count: number): Range[][] {
  const bytes = sizeOf(ranges)
  const longer = bytes % count
  return cut(ranges, (index) => Math.floor(bytes / count) + (index < longer ? 1 : 0))
}

/** Cuts ranges into groups of the given sizes. */
function cut(ranges: readonly Range[], sizeAt: (index: number) => number): Range[][] {
  const groups: Range[][] = []
  let group: Range[] = []
  let room = 0
  for (const { piece, start, end } of ranges) {
    for (let at = start; at < end; ) {
      if (room === 0) {
        room = sizeAt(groups.length)
        group = []
        groups.push(group)
      }
      const stop = Math.min(end, at + room)
      group.push({ piece, start: at, end: stop })
      room -= stop - at
      at = stop
    }
  }
  return groups
}

/** All pieces that are not empty. */
function wholes(sizes: readonly number[]): Range[] {
  return sizes.map((end, piece) => ({ piece, start: 0, end })).filter(({ end }) => end > 0)
}

function sizeOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0)
}
