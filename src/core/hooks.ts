import type { Metadata, NewUpload, Upload } from './upload.ts'

/** A value, or nothing, now or later. */
export type Maybe<T> = T | null | undefined | void | Promise<T | null | undefined | void>

/** The request in which something happens, as far as hooks may see it. */
export interface RequestInfo {
  readonly method: string
  /** Names the request in the log: what the client calls it (X-Request-ID) or one of ours. */
  readonly id?: string
  /** Path and query as the client sent them. */
  readonly uri: string
  readonly remoteAddress: string | null
  /** Of the client; absent or null where it is not known, as behind a proxy. */
  readonly remotePort?: number | null
  /** A header field by its lower-case name; null if absent. */
  header(name: Lowercase<string>): string | null
  /** All header fields by their lower-case names, repeated ones joined by `, `. Absent where they are not known any more. */
  headers?(): Readonly<Record<string, string>>
}

/** Names an event that is told to a hook, for whoever must not act on it twice. */
export interface Occasion {
  /** The same however often the event is delivered, also after a restart; another for each event. */
  readonly id: string
  /** When it happened. */
  readonly at: Date
  /** 1 for the first delivery. */
  readonly attempt: number
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
  /** Most bytes of this upload, however late its length is declared; cannot exceed the maximum of the server. */
  readonly maxSize?: number
  /** When the upload expires if it is unfinished by then; null for never. */
  readonly expiresAt?: Date | null
  /** Whose it is, for rights and quotas. Replaces whom the rights named. */
  readonly owner?: string | null
  /** Where the store shall keep the bytes; see `NewUpload.storage`. The URL of the upload does not change by it. */
  readonly storage?: Readonly<Record<string, string>>
  readonly reply?: ReplyPatch
}

/**
 * Moments in the life of an upload. `pre` moments decide: they are awaited, and one that throws refuses the request with
 * 500. `post` moments are told: one that throws is logged. A partial upload of a concatenation is not a file: `preFinish` and
 * `postFinish` are not called for it unless the server is told to.
 *
 * `postFinish` and `postTerminate` are delivered at least once: one that throws is called again, with growing pauses, also after
 * a restart of the process, with the same `occasion.id`; for one upload in the order in which things happened.
 */
export interface Hooks {
  /** Nothing exists yet. Asked once for each creation. */
  preCreate?(upload: NewUpload, request: RequestInfo): Maybe<Rejection | CreateChanges>
  postCreate?(upload: Upload, request: RequestInfo): Maybe<never>
  /**
   * Bytes are arriving: at most once in an interval, one call at a time, `upload.offset` counting what was received so far. A rejection
   * stops the transfer and removes the upload; one that comes when the transfer is over does nothing. Throwing is only logged.
   */
  postReceive?(upload: Upload, request: RequestInfo): Maybe<Rejection>
  /** All bytes are stored, the upload is not complete yet. Asked again by the next request if it rejects or fails. */
  preFinish?(upload: Upload, request: RequestInfo): Maybe<Rejection | { readonly reply: ReplyPatch }>
  postFinish?(upload: Upload, request: RequestInfo, occasion: Occasion): Maybe<never>
  preTerminate?(upload: Upload, request: RequestInfo): Maybe<Rejection | { readonly reply: ReplyPatch }>
  postTerminate?(upload: Upload, request: RequestInfo, occasion: Occasion): Maybe<never>
}

/** The moments by name, in the order of an upload's life. */
export const MOMENTS = [
  'preCreate',
  'postCreate',
  'postReceive',
  'preFinish',
  'postFinish',
  'preTerminate',
  'postTerminate',
] as const satisfies readonly (keyof Hooks)[]

export type Moment = (typeof MOMENTS)[number]
