import { UploadError } from '../../core/errors.ts'
import type { Moment, ReplyPatch } from '../../core/hooks.ts'
import { parseTime } from '../message.ts'
import type { HookAnswer } from '../remote.ts'
import type { FileInfoChanges, HookResponse, HTTPResponse } from './hook_pb.ts'

/**
 * What the hook server answered. An empty text, map or number is an absent one, as in tusd, but for the fields that are ours.
 * @throws UploadError `hook_failed` if it cannot be followed
 */
export function answerOf(response: HookResponse, moment: Moment): HookAnswer {
  const { httpResponse, changeFileInfo, rejectUpload, rejectTermination, stopUpload } = response
  const reply = httpResponse === undefined ? null : replyOf(httpResponse)
  return {
    ...(reply !== null && { reply }),
    ...(rejectUpload && { rejectUpload }),
    ...(rejectTermination && { rejectTermination }),
    ...(stopUpload && { stopUpload }),
    // At other moments they are of no effect, so they shall do no harm either
    ...(changeFileInfo !== undefined && moment === 'preCreate' && { changes: changesOf(changeFileInfo) }),
  }
}

/** Whether it can be sent is found by the engine, as for every hook. */
function replyOf({ statusCode, header, body }: HTTPResponse): ReplyPatch | null {
  const reply = {
    ...(statusCode !== 0n && { status: Number(statusCode) }),
    ...(isFilled(header) && { headers: header }),
    ...(body !== '' && { body }),
  }
  return isFilled(reply) ? reply : null
}

function changesOf(changes: FileInfoChanges): NonNullable<HookAnswer['changes']> {
  const { id, metaData, storage, maxSize, expiresAt, owner } = changes
  return {
    ...(id !== '' && { id }),
    ...(isFilled(metaData) && { metadata: new Map(Object.entries(metaData)) }),
    ...(isFilled(storage) && { storage }),
    ...(maxSize !== undefined && { maxSize: sizeOf(maxSize) }),
    ...(expiresAt !== undefined && { expiresAt: expiresAt === '' ? null : timeOf(expiresAt) }),
    ...(owner !== undefined && { owner: owner === '' ? null : owner }),
  }
}

function isFilled(fields: object): boolean {
  return Object.keys(fields).length > 0
}

function sizeOf(bytes: bigint): number {
  if (bytes < 0n || bytes > BigInt(Number.MAX_SAFE_INTEGER)) throw unusable('maxSize', 'no number of bytes')
  return Number(bytes)
}

function timeOf(text: string): Date {
  const time = parseTime(text)
  if (time === null) throw unusable('expiresAt', 'no time as RFC 3339 writes it')
  return time
}

function unusable(field: string, why: string): UploadError {
  return new UploadError('hook_failed', { hint: `the gRPC hook pre-create answered with ${field} that is ${why}` })
}
