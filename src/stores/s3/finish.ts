import { setTimeout as pause } from 'node:timers/promises'
import { UploadError } from '../../core/errors.ts'
import type { Digests } from '../../core/upload.ts'
import { nothing } from './content.ts'
import { answerOf, failure, isMissing, isPassing } from './failure.ts'
import { objectHeaders } from './headers.ts'
import { writeRecord } from './records.ts'
import { look, type Service } from './service.ts'
import { endOfParts, isOf, liveTail, offsetOf, type Standing } from './standing.ts'
import { tailContent } from './tail.ts'

/** Pause between two tries to complete, in milliseconds; grows by itself each time. */
const PAUSE = 500

/**
 * Makes the object of the parts, and then says so in the record. In this order, so that no record promises what is not there;
 * whoever finds the object without the word comes here again.
 */
export async function finish(service: Service, standing: Standing, digests: Digests | undefined): Promise<void> {
  if (standing.record.complete === true) return
  await assemble(service, standing)
  const { record, size } = standing
  await writeRecord(service, standing, { ...record, complete: true, offset: size, digests: digests ?? null })
  if (standing.tail === null) return
  // Of no use any more. If it stays, the sweep finds it.
  await service.api.remove(standing.tailPlace).catch(() => undefined)
  standing.tail = null
}

/** Makes the object of what is there. Safe to repeat. */
export async function assemble(service: Service, standing: Standing): Promise<void> {
  if (standing.assembled) return
  try {
    const size = offsetOf(standing)
    await tailToPart(service, standing)
    await (standing.parts.length === 0 ? putEmpty(service, standing) : complete(service, standing))
    standing.assembled = true
    standing.size = size
  } catch (error) {
    throw failure(error, 'complete the multipart upload', standing.place)
  }
}

/** What is in the tail becomes the last part, which may be of any size. */
async function tailToPart(service: Service, standing: Standing): Promise<void> {
  const { parts, tailPlace } = standing
  const tail = liveTail(standing)
  if (tail === null) return
  const number = parts.length + 1
  const receipt = service.settings.copyParts
    ? await service.api.copyPart(standing, number, tailPlace)
    : await service.api.uploadPart(standing, number, tailContent(service, tailPlace, tail))
  parts.push({ number, size: tail.size, ...receipt, modifiedAt: new Date() })
}

/** An object cannot be made of no parts. */
async function putEmpty(service: Service, standing: Standing): Promise<void> {
  const { place, multipart, record, objectId } = standing
  const headers = objectHeaders(service.settings, place, { id: objectId, metadata: record.metadata })
  await service.api.put(place, nothing, headers, undefined)
  await service.api.abort(place, multipart)
}

/** Repeats the call until it is known to have happened: its answer may be lost, and the object may be there all the same. */
async function complete(service: Service, standing: Standing): Promise<void> {
  const size = endOfParts(standing)
  for (let attempt = 1; ; attempt++) {
    try {
      return await service.api.complete(standing, standing.parts)
    } catch (error) {
      if (await happened(service, standing, size)) return
      if (isMissing(error)) {
        throw new UploadError('upload_gone', { hint: 'the multipart upload was aborted' }, { cause: error })
      }
      const again = isPassing(error) || (answerOf(error).code === 'InvalidPart' && (await relist(service, standing)))
      if (!again || attempt >= service.settings.attempts) throw error
    }
    await pause(PAUSE * attempt)
  }
}

/** Whether the object is there. If that is not to be found out, it does not count. */
async function happened(service: Service, standing: Standing, size: number): Promise<boolean> {
  const head = await look(service, standing.place).catch(() => null)
  if (head === null || head.size !== size || !isOf(service, standing, head)) return false
  const { key, bucket } = standing.place
  // The same name may have had an object of the same size before.
  const usual = key === `${service.settings.objectPrefix}${standing.objectId}` && bucket === service.settings.bucket
  return usual || (await service.api.parts(standing.place, standing.multipart).catch(() => undefined)) === null
}

/** Learns the ETags anew: a part may have arrived once more after it was counted. False if the parts are not what they were. */
async function relist(service: Service, standing: Standing): Promise<boolean> {
  const found = await service.api.parts(standing.place, standing.multipart)
  if (found === null) return true
  const same = standing.parts.map((part) =>
    found.parts.find(({ number, size }) => number === part.number && size === part.size),
  )
  if (same.some((part) => part === undefined)) return false
  standing.parts = same.flatMap((part) => part ?? [])
  return true
}
