import type { Rejection, RequestInfo } from './hooks.ts'
import type { NewUpload, Upload } from './upload.ts'

/** What somebody wants to do with an upload. */
export type Operation =
  | 'create'
  /** Ask where it stands. */
  | 'head'
  | 'append'
  /** Download it. */
  | 'read'
  | 'terminate'
  /** Make it a part of a final upload. */
  | 'concat'
  /** Complete it: all bytes are there. Asked in the request that brought the last of them. */
  | 'finish'

/** What an owner may have unfinished at a time. Absent: no limit. */
export interface Quota {
  /** Unfinished uploads. */
  readonly maxUploads?: number
  /** Bytes of unfinished uploads: their lengths, as far as known, or else what they hold. */
  readonly maxBytes?: number
  /** Creations in a minute. What was not used of one minute is there in the next. */
  readonly creationsPerMinute?: number
}

/** A yes, with what it is tied to. */
export interface Grant {
  /** Whose the upload will be, or who asks. At creation it is recorded; absent or null: nobody's. */
  readonly owner?: string | null
  /** Creation: most bytes of the upload. */
  readonly maxSize?: number
  /**
   * Creation: query to be added to the URL of the upload, without the `?`, for a client that has its rights by the URL: `access_token=...`.
   */
  readonly urlQuery?: string
  /** Replaces the quota that the server gives every owner. */
  readonly quota?: Quota
}

/** True and a {@link Grant} say yes; everything else, a forgotten `return` included, says no. */
export type Verdict = boolean | Grant | Rejection | null | undefined

/**
 * Decides on every request, before anything else happens: whether a stranger may so much as disturb a running transfer is its
 * to say. `false` is answered with 404, as if there were no such upload, or 403 (`UploadsOptions.refuseWith`); a
 * `Rejection` with what it says.
 *
 * For an id of which there is no upload, it is asked about one that is nobody's, so that its answers do not tell the two apart.
 * For `create`, `upload` is what the client wants, and has no owner yet.
 *
 * Throwing refuses the request with 500.
 */
export type Authorize = (
  operation: Operation,
  upload: NewUpload | Upload,
  request: RequestInfo,
) => Verdict | Promise<Verdict>
