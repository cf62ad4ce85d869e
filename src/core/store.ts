import type { Notes } from './notes.ts'
import type { ByteRange, Digests, NewUpload, Upload, UploadId } from './upload.ts'

/** Chunks that arrived together, to be written together. Never empty; no chunk is empty. */
export type Batch = readonly Uint8Array[]

/**
 * Bytes of an upload, in order, in batches of up to about 1 MiB. An end means: keep what came, whatever the reason.
 * A throw means: the lock is lost, write nothing more. The memory of a batch belongs to its source again as soon as the
 * next one is asked for, so finish with one before you ask, and ask again as soon as you can: the source gathers the next
 * batch while you write this one.
 */
export type Bytes = AsyncIterable<Batch>

/**
 * Keeps uploads. Everything that changes an upload happens under its lock. `list` and `open` change nothing and may be
 * called without; of what `open` then finds, only `complete` and what never changes (length once set, concat) may be relied
 * on, and only a complete upload may be read. What is required here, every store can do; an optional method is a shortcut
 * that the engine can do without.
 */
export interface Store {
  /** For logs and metrics: `disk`. */
  readonly name: string
  /** Makes ready (folders, credentials). Throws if the store cannot serve. Called once, before anything else. */
  start?(): Promise<void>
  /**
   * The name under which an upload is locked. For a store that knows an upload by more than one id: all of them have one
   * name, or two requests could hold the same upload. Without it the id is the name.
   */
  lockName?(id: UploadId): UploadId
  /** Whether a hook may say where the bytes go (`NewUpload.storage`). Without it the engine refuses a hook that does. */
  readonly takesStorage?: boolean
  /**
   * Records a new upload with no bytes. Throws `upload_exists` if the id is taken; leaves nothing behind if it throws. What it
   * returns may have a longer id, which begins with the one that was asked for; either opens it.
   */
  create(upload: NewUpload): Promise<StoredUpload>
  /** Changes nothing. Throws `upload_not_found`, or `upload_gone` if the store remembers removing it. */
  open(id: UploadId): Promise<StoredUpload>
  /** An id of every upload of which the store holds anything at all, orphans included, in any order. */
  list(): AsyncIterable<UploadId>
  /**
   * Shortcut for the sweep: as `list`, but may leave out uploads that are complete and left nothing behind. For stores in which
   * looking at every upload costs money.
   */
  unfinished?(): AsyncIterable<UploadId>
  /**
   * Removes what is left of an upload that cannot be opened (data without a record, a record without data, temporary
   * files), if it is older than `before`; does nothing to a sound one. Returns whether anything was removed.
   */
  tidy(id: UploadId, before: Date): Promise<boolean>
  /**
   * Finds out whether uploads can be written now, by writing something that is not one and leaves nothing behind. Blocks
   * nobody. Throws what keeps it from writing. Without it the store counts as one that can.
   */
  check?(): Promise<void>
  /**
   * Shortcut: keeps small texts beside the uploads. Without it events that no hook took, and what owners have under way, are
   * forgotten when the process dies.
   */
  readonly notes?: Notes
  close?(): Promise<void>
}

/**
 * One upload, opened. It lives for one request, so a store may keep what it looked up. It owns no open file or
 * connection between calls. After a method that returns an `Upload`, `upload` is that.
 */
export interface StoredUpload {
  readonly upload: Upload
  /**
   * Adds bytes at the current offset until they end. The new offset counts only what survives the death of this process,
   * and with a durability of `always` the loss of power. If it throws, what came is counted by the next `open`.
   * Throws `storage_full`, `storage_busy`, `storage_failed`, or what the bytes throw.
   * @param saved may be told on the way how far the offset has come, in bytes that would be counted if the process died now
   */
  append(bytes: Bytes, saved?: (offset: number) => void): Promise<Upload>
  /**
   * Shortcut: as `append`, but the bytes count only once `verdict`, asked after their end, says so. Otherwise, and if it
   * throws, and if the process dies before, the upload stands where it stood. Without it the engine spools first.
   */
  appendChecked?(bytes: Bytes, verdict: () => boolean): Promise<Upload>
  /**
   * Shortcut: fills this upload, which has no bytes yet, with those of complete `parts` in order, inside the store. Without
   * it the engine reads and appends.
   */
  concat?(parts: readonly StoredUpload[]): Promise<Upload>
  /** Declares a deferred length, in bytes. */
  setLength(length: number): Promise<Upload>
  /**
   * Seals the upload and sets `complete`, durably. Safe to repeat: a crash may fall right after it. If it throws because bytes were
   * lost on their way to the disk, the next `open` counts them no more.
   * @param digests recorded in the same step, if there are any
   */
  finish(digests?: Digests): Promise<Upload>
  /** Removes bytes and record. Succeeds if some of it is gone already. */
  remove(): Promise<void>
  /**
   * The bytes, all or those of `range` (which lies inside the upload). Reading starts with the first batch; leaving the
   * iteration early frees what it holds. Throws `upload_incomplete` if the upload is not complete and this store cannot read it
   * yet; every store can once all bytes of a known length are there.
   */
  read(range?: ByteRange): Bytes
  /**
   * Shortcut: a URL from which whoever has it may read this complete upload for a while, without this server. Null if the store
   * does not hand out any. Without it the bytes go through this server.
   * @param headers what the response there should carry, as far as the store can arrange that
   */
  link?(headers: LinkHeaders): Promise<string | null>
}

/** What a response to a link should carry. */
export interface LinkHeaders {
  readonly contentType: string
  readonly contentDisposition: string
}
