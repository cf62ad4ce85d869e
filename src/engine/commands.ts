import type { Body } from '../core/body.ts'
import type { UploadEvents } from '../core/events.ts'
import type { ReplyPatch, RequestInfo } from '../core/hooks.ts'
import type { Grant, Operation } from '../core/rights.ts'
import type { Bytes, LinkHeaders } from '../core/store.ts'
import type { ByteRange, Completion, Concat, Metadata, Upload, UploadId } from '../core/upload.ts'

/** Who asks: what hooks may know of the request, and when to give up on it. */
export interface Caller {
  readonly request: RequestInfo
  /** Fires when the client has gone. What it sent before is kept. */
  readonly signal: AbortSignal
  /** Is told, once the body of the request has been dealt with, how many of its bytes were taken. */
  received?(bytes: number): void
  /** Is told what a yes is tied to. */
  granted?(grant: Grant): void
  /** The kind of upload that the caller's protocol is about: one of the other kind does not exist for it. Absent: any. */
  readonly completion?: Completion
}

/** What the bytes of one request must hash to. */
export interface Checksum {
  /**
   * The algorithm, one of `CHECKSUM_ALGORITHMS`, and the digest. Null: both come as a trailer, and `trailer` tells them
   * once the body has ended.
   */
  readonly expected: ExpectedDigest | null
  /** Throws `invalid_checksum` or `unsupported_checksum`. Only asked when `expected` is null. */
  trailer(): ExpectedDigest
}

export interface ExpectedDigest {
  readonly algorithm: string
  readonly digest: Uint8Array
}

/** Bytes that come with a command. */
export interface Content {
  readonly body: Body
  readonly checksum: Checksum | null
}

/** What a request says in a protocol in which the client declares that an upload is complete. */
export interface Declaration {
  /** Whether these bytes are the last: if all of them arrive, the upload is complete. */
  readonly last: boolean
  /** Fewest bytes of one request that is not the last; 0 for no limit. */
  readonly least: number
  /** Most bytes of one request; Infinity for no limit. */
  readonly most: number
  /** Whether the client can come back for what a creation stored before it broke off. */
  readonly resumable: boolean
  /** Whether bytes beyond the length end the upload for good; else they are refused, and it lives on. */
  readonly fatal: boolean
  /** Whether an empty request, declared the last, to a complete upload gets the answer again that may have been lost. */
  readonly replays: boolean
  /** The digests that the complete upload must have, and those that its client wants to know. */
  whole(upload: Upload): WholeDigests
}

/** What is to be found out about all bytes of an upload together. */
export interface WholeDigests {
  readonly expected: readonly ExpectedDigest[]
  /** Algorithms, of `CHECKSUM_ALGORITHMS`. */
  readonly wanted: readonly string[]
}

/** Hears of what happens while a command is at work. Called synchronously; must not throw. */
export interface Witness {
  /** The upload exists; none of its bytes was read yet. */
  created?(upload: Upload): void
  /** Bytes up to `offset` are kept whatever happens. Not called for a body with a checksum, nor by every store. */
  saved?(offset: number): void
}

export interface CreateCommand {
  /** Bytes of the whole; null while deferred. Must be null for a final upload, whose length is the sum of its parts. */
  readonly length: number | null
  readonly metadata: Metadata
  readonly concat: Concat | null
  readonly completion: Completion
  readonly echo: Readonly<Record<string, string>>
  /** The first bytes, if the request has any. */
  readonly content: Content | null
  /** Absent if `completion` is `at_length`. */
  readonly declaration?: Declaration
  readonly witness?: Witness
}

export interface AppendCommand {
  readonly id: UploadId
  /** Where the client believes the upload to stand, in bytes. */
  readonly offset: number
  /** Declares the length of an upload that was deferred; the same length again does no harm. */
  readonly length: number | null
  readonly content: Content
  /** Absent if the upload's completion is `at_length`. */
  readonly declaration?: Declaration
  readonly witness?: Witness
}

/** What became of a command. */
export interface Outcome {
  readonly upload: Upload
  /** Bytes of this request that the upload now holds. */
  readonly received: number
  /** What hooks want to see in the response. */
  readonly reply: ReplyPatch | null
  /** Of the whole upload, as a declaration asked for them; none before it is complete. */
  readonly digests: readonly ExpectedDigest[]
}

/**
 * The rules of resumable upload. Speaks no protocol; front ends and embedders who route themselves call it. Whatever is about
 * an upload that the caller has no right to throws what the rights say: `upload_not_found`, `forbidden` or `unauthorized`.
 */
export interface Engine {
  /**
   * Creates an upload and takes its first bytes. Throws `unauthorized`, `forbidden`, `too_many_requests`, `quota_uploads`, `quota_bytes`, `max_size_exceeded`, `length_exceeded`, `upload_exists`,
   * `invalid_concat`, `upload_incomplete`, `upload_rejected`, and what `append` throws.
   */
  create(command: CreateCommand, caller: Caller): Promise<Outcome>
  /**
   * Adds bytes, and completes the upload when they are the last. Ends a request that is still adding to the same upload.
   * Throws `offset_mismatch`, `length_exceeded`, `length_mismatch`, `max_size_exceeded`, `final_upload`,
   * `checksum_mismatch`, `upload_not_found`, `upload_gone`, `lock_timeout`; and, when it kept what came but could not go on,
   * `upload_interrupted`, `connection_lost`, `read_timeout`, `shutdown`, `storage_full`.
   */
  append(command: AppendCommand, caller: Caller): Promise<Outcome>
  /**
   * Where an upload stands: current, as a running request for it is ended first. Throws `upload_not_found`, `upload_gone`,
   * `lock_timeout`.
   */
  stat(id: UploadId, caller: Caller): Promise<Upload>
  /**
   * What kind of upload it is, without a lock: disturbs nobody. Null if there is none, or none that who asks may know of.
   * @param asking who asks, and what for; absent: whoever may know everything
   */
  kindOf(id: UploadId, asking?: Asking): Promise<Completion | null>
  /**
   * Throws `upload_not_found`, `upload_gone`, `upload_incomplete`.
   */
  read(id: UploadId, caller: Caller): Promise<Readable>
  /** Removes an upload, finished or not; ends a running request for it. Throws `upload_not_found`, `termination_rejected`. */
  terminate(id: UploadId, caller: Caller): Promise<ReplyPatch | null>
  /**
   * Removes what expired before `now`, and what crashes left behind. Passes over uploads in use. Returns how many it
   * removed.
   */
  sweep(now?: Date): Promise<number>
  /** What happens to uploads, in this process. */
  readonly events: UploadEvents
  /** Bytes that are in memory now, on their way from clients to the store. */
  buffered(): number
  /**
   * Whether uploads can be taken now: not while it closes, nor when the store cannot be written, which is really tried, but
   * at most once a second. Never rejects, and takes five seconds at most.
   */
  ready(): Promise<Readiness>
  /**
   * Refuses new requests with `shutdown`, asks running ones to save what came, waits for them for `grace` milliseconds,
   * then closes locker and store. Safe to repeat.
   */
  close(grace?: number): Promise<void>
}

/** Who wants to know of an upload, and what for. */
export interface Asking {
  readonly request: RequestInfo
  readonly operation: Exclude<Operation, 'create' | 'finish'>
}

/** Whether uploads can be taken, and in a few words why not. */
export interface Readiness {
  readonly ready: boolean
  /** Null if ready. Tells nothing about our insides. */
  readonly reason: string | null
}

/** A complete upload, ready to be read. */
export interface Readable {
  readonly upload: Upload
  /** All bytes, or those of `range`. Reading starts with the first batch. */
  read(range?: ByteRange): Bytes
  /**
   * A URL at which whoever has it may read the bytes for a while, without this server; null if the store hands out none for this
   * upload. Absent if it never does.
   * @param headers what the response there should carry, as far as the store can arrange that
   */
  link?(headers: LinkHeaders): Promise<string | null>
}
