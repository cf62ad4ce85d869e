import type { Metadata, NewUpload, Upload } from './upload.ts'

type Maybe<T> = T | null | undefined | void | Promise<T | null | undefined | void>

/** The request in which something happens, as far as hooks may see it. */
export interface RequestInfo {
  readonly method: string
  /** Names the request in the log: what the client calls it (X-Request-ID) or one of ours. */
  readonly id?: string
  /** Path and query as the client sent them. */
  readonly uri: string
  readonly remoteAddress: string | null
  /** A header field by its lower-case name; null if absent. */
  header(name: Lowercase<string>): string | null
}

/** Added to the response that the client gets. */
export interface ReplyPatch {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A hook's no. The client gets `reply`, or 400. */
export interface Rejection {
  readonly reject: true
  readonly reply?: ReplyPatch
}

/** What a hook may change before an upload exists. */
export interface CreateChanges {
  /** Another id; checked like one from a URL. */
  readonly id?: string
  /** Replaces the client's metadata. */
  readonly metadata?: Metadata
  /** Where the store shall keep the bytes; see `NewUpload.storage`. The URL of the upload does not change by it. */
  readonly storage?: Readonly<Record<string, string>>
  readonly reply?: ReplyPatch
}

/**
 * Moments in the life of an upload. `pre` moments decide: they are awaited, and one that throws refuses the request with
 * 500. `post` moments are told: one that throws is logged. A partial upload of a concatenation is not a file: `preFinish` and
 * `postFinish` are not called for it.
 */
export interface Hooks {
  preCreate?(upload: NewUpload, request: RequestInfo): Maybe<Rejection | CreateChanges>
  postCreate?(upload: Upload, request: RequestInfo): Maybe<never>
  /** All bytes are stored, the upload is not complete yet. Asked again by the next request if it rejects or fails. */
  preFinish?(upload: Upload, request: RequestInfo): Maybe<Rejection | { readonly reply: ReplyPatch }>
  postFinish?(upload: Upload, request: RequestInfo): Maybe<never>
  preTerminate?(upload: Upload, request: RequestInfo): Maybe<Rejection | { readonly reply: ReplyPatch }>
  postTerminate?(upload: Upload, request: RequestInfo): Maybe<never>
}
