import { UploadError } from '../../core/errors.ts'
import type { StoredUpload } from '../../core/store.ts'
import type { Content, Part, Receipt } from './api.ts'
import { joined } from './content.ts'
import { failure } from './failure.ts'
import type { Place } from './layout.ts'
import { type Joint, planJoints } from './pieces.ts'
import type { Service } from './service.ts'
import type { Standing } from './standing.ts'

/**
 * Fills an upload with the bytes of others, as far as possible inside the service. What is smaller than a part may be goes through
 * this process, without being held here.
 */
export async function concat(service: Service, standing: Standing, pieces: readonly StoredUpload[]): Promise<void> {
  const { settings } = service
  const sizes = pieces.map(({ upload }) => upload.offset)
  const joints = planJoints(sizes, { ...settings, canCopy: settings.copyParts })
  const cut = new AbortController()
  const parts: Part[] = []
  let next = 0
  const work = async () => {
    for (let index = next++; index < joints.length && !cut.signal.aborted; index = next++) {
      const joint = joints[index]
      if (joint === undefined) return
      const receipt = await join(service, standing, index + 1, joint, pieces, cut.signal)
      parts.push({ number: index + 1, size: joint.size, ...receipt, modifiedAt: new Date() })
    }
  }
  const workers = Array.from({ length: Math.min(settings.concurrentPartUploads, joints.length) }, work)
  try {
    await Promise.all(workers)
  } catch (error) {
    cut.abort(error)
    await Promise.allSettled(workers)
    throw failure(error, 'join uploads', standing.place)
  }
  standing.parts = parts.sort((one, other) => one.number - other.number)
}

function placeOf({ Bucket = '', Key = '' }: Readonly<Record<string, string>>): Place {
  if (Bucket === '' || Key === '') {
    throw new UploadError('storage_failed', { hint: 'an upload to be joined is not in S3' })
  }
  return { bucket: Bucket, key: Key }
}

async function join(
  { api }: Service,
  standing: Standing,
  number: number,
  joint: Joint,
  pieces: readonly StoredUpload[],
  signal: AbortSignal,
): Promise<Receipt> {
  const sources = joint.ranges.map(({ piece, start, end }) => {
    const upload = pieces[piece]?.upload
    if (upload === undefined) throw new TypeError('the plan names a piece that is not there')
    const isWhole = end - start === upload.offset
    return { from: placeOf(upload.storage), range: { start, end: end - 1 }, isWhole }
  })
  const [source] = sources
  if (joint.kind === 'copy' && source !== undefined) {
    // AWS copies no ranges of objects of up to 5 MiB.
    return api.copyPart(standing, number, source.from, source.isWhole ? undefined : source.range)
  }
  const contents = sources.map(({ from, range }): Content => {
    return { size: range.end - range.start + 1, open: (until) => api.bytes(from, range, null, until) }
  })
  return api.uploadPart(standing, number, joined(contents), signal)
}
