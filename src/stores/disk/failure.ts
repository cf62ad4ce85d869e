import { UploadError } from '../../core/errors.ts'

/** Seconds after which a client may try again when the process has run out of something. */
const TRY_AGAIN = 2

const FULL: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EFBIG']
const BUSY: readonly unknown[] = ['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EAGAIN', 'EBUSY']
const READ_ONLY: readonly unknown[] = ['EROFS', 'EACCES', 'EPERM']

/** The code of an error from the file system: `ENOENT`. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : null
}

/** Whether an error says that there is no such file. A name that is too long, or below a file, cannot exist either. */
export function isMissing(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG'
}

/**
 * What an error of the file system means for an upload. The only place that knows. An `UploadError` stays what it is.
 * @param doing what failed, for the operator: `write to /srv/up/abc`
 */
export function failure(error: unknown, doing: string): UploadError {
  if (error instanceof UploadError) return error
  const code = codeOf(error)
  const hint = (advice: string) => `could not ${doing} (${code ?? 'no code'}): ${advice}`
  const options = { cause: error }
  if (code === 'ENOENT') return new UploadError('upload_not_found', { hint: hint('it was removed meanwhile') }, options)
  if (FULL.includes(code)) {
    const advice = 'free space, or raise the quota or the largest file size; clients resume where they stood'
    return new UploadError('storage_full', { hint: hint(advice) }, options)
  }
  if (BUSY.includes(code)) {
    const advice = 'the process or the machine has run out of it; for open files raise the limit (ulimit -n)'
    return new UploadError('storage_busy', { retryAfter: TRY_AGAIN, hint: hint(advice) }, options)
  }
  if (READ_ONLY.includes(code)) {
    const advice = 'let the user of this process read and write there, and mount the file system for writing'
    return new UploadError('storage_failed', { hint: hint(advice) }, options)
  }
  return new UploadError('storage_failed', { hint: hint('look for errors of the disk or the network') }, options)
}
