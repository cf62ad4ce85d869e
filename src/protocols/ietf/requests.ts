import { UploadError } from '../../core/errors.ts'
import type { CreateCommand, Declaration } from '../../engine/commands.ts'
import type { UploadRequest } from '../exchange.ts'
import { contentChecksum, parseBoolean, parseDigests, parseInteger, parseWanted, printBoolean } from './fields.ts'
import type { Rules } from './interop.ts'
import type { Limits } from './limits.ts'
import { encodingOf, metadataOf } from './metadata.ts'

/** Whether a request says that it brings the last bytes; null if it does not say. */
export function saidOf(request: UploadRequest, { completeness }: Rules): boolean | null {
  const value = parseBoolean(request.header(completeness.key))
  return value === null ? null : value === completeness.whenComplete
}

/** The field that says whether an upload is complete. */
export function completenessField({ completeness }: Rules, complete: boolean): Record<string, string> {
  return { [completeness.name]: printBoolean(complete === completeness.whenComplete) }
}

/** What a request declares, as the engine understands it. */
export function declarationOf(rules: Rules, last: boolean, limits: Limits, resumable = true): Declaration {
  return {
    last,
    least: limits.minAppendSize,
    most: limits.maxAppendSize,
    resumable,
    fatal: rules.surplusIsFatal,
    replays: rules.replays,
    whole({ echo }) {
      const wanted = parseWanted(echo['want-repr-digest'] ?? null)
      return { expected: parseDigests(echo['repr-digest'] ?? null), wanted: wanted === null ? [] : [wanted] }
    },
  }
}

/** Throws `invalid_checksum`, and `upload_too_small` if it is to come in several requests although it is small. */
export function creationOf(request: UploadRequest, rules: Rules, last: boolean, limits: Limits): CreateCommand {
  const { body } = request
  const length = rules.readsLength ? parseInteger(request.header('upload-length')) : null
  const known = length ?? (last ? body.length : null)
  const small = known !== null && known < limits.minSize
  if (small && !last) throw new UploadError('upload_too_small')
  const digest = request.header('repr-digest')
  // Before it is kept: what is malformed is refused now and not when everything has been sent.
  parseDigests(digest)
  const wanted = request.header('want-repr-digest')
  const encoding = encodingOf(request)
  const checksum = contentChecksum(request)
  return {
    length,
    metadata: metadataOf(request),
    concat: null,
    completion: 'declared',
    echo: {
      ...(digest !== null && { 'repr-digest': digest }),
      ...(wanted !== null && { 'want-repr-digest': wanted }),
      ...(encoding !== null && { 'content-encoding': encoding }),
    },
    content: body.length === 0 && checksum === null ? null : { body, checksum },
    // A small one goes on without the ability to resume it (section Limits).
    declaration: declarationOf(rules, last, limits, !small),
  }
}
