import type { RecordedParts } from '../record.ts'
import type { Part } from './api.ts'
import { nothing } from './content.ts'
import { failure } from './failure.ts'
import { liesOnGrid, planParts, sizeOfPart, startOfPart } from './plan.ts'
import { writeRecord } from './records.ts'
import type { Service } from './service.ts'
import { endOfParts, liveTail, type Standing } from './standing.ts'
import { putTail } from './tail.ts'

/**
 * Makes an upload ready for more bytes, and says how it is cut into parts. Usually there is nothing to do. What another server
 * began gets a plan for the rest, in its record, and its tail a word on where it begins: what is not on record cannot be
 * relied on after a crash.
 */
export async function prepare(service: Service, standing: Standing): Promise<RecordedParts> {
  const { record, tailPlace } = standing
  const sizes = standing.parts.map(({ size }) => size)
  const kept = record.parts !== null && liesOnGrid(record.parts, sizes, record.length) ? record.parts : null
  const plan = kept ?? planParts(record.length, service.settings, sizes.length, endOfParts(standing))
  const tail = liveTail(standing)
  if (tail !== null && tail.start === null) {
    standing.tail = await putTail(service, tailPlace, endOfParts(standing), nothing, tail, true)
  }
  await dropStrays(service, standing, (part) => kept === null || !isPlanned(kept, part, record.length))
  if (kept === null) await writeRecord(service, standing, { ...record, parts: plan })
  return plan
}

/** Whether a part behind a gap has the bounds that it will have anyway: then it has the bytes as well, and is welcome. */
function isPlanned(plan: RecordedParts, { number, size }: Part, length: number | null): boolean {
  return size === sizeOfPart(plan, number) || startOfPart(plan, number) + size === length
}

/**
 * Parts behind a gap were never counted. Those with other bounds, of another server, would be counted in a wrong place once the
 * gap is filled: they are replaced by empty ones, as S3 has no way to delete a part.
 */
async function dropStrays(service: Service, standing: Standing, isWrong: (part: Part) => boolean): Promise<void> {
  const wrong = standing.strays.filter(isWrong)
  for (const { number } of wrong) {
    await service.api.uploadPart(standing, number, nothing).catch((error: unknown) => {
      throw failure(error, `drop part ${number}`, standing.place)
    })
  }
  standing.strays = standing.strays.filter((part) => !wrong.includes(part))
}
