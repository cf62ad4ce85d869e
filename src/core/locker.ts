import type { UploadId } from './upload.ts'

/** Mutual exclusion by upload id, among requests, and among processes if the locker reaches that far. */
export interface Locker {
  /** For logs and metrics: `memory`. */
  readonly name: string
  /** Makes ready. Called once, before anything else. */
  start?(): Promise<void>
  /**
   * Resolves when the lock is held. Asks a present holder to stop, and waits; those who wait are served in order.
   * Rejects with the signal's reason when `signal` fires; then nothing is held and nobody is kept waiting.
   */
  acquire(id: UploadId, signal: AbortSignal): Promise<Lock>
  /** As `acquire`, but null at once if somebody holds the lock or waits for it; disturbs nobody. */
  tryAcquire(id: UploadId): Promise<Lock | null>
  /** Ends timers and watches. Locks that are still held are released. */
  close?(): Promise<void>
}

/** A lock that is held. */
export interface Lock {
  /**
   * Fires, with an `UploadError` as its reason, when the holder should stop: `upload_interrupted` (another waits: save
   * what came, then release) or `lock_lost` (write nothing more). `lock_lost` may follow on `upload_interrupted`: ask `held`.
   */
  readonly revoked: AbortSignal
  /**
   * False once the lock is lost, even if no timer has had a chance to say so (a process that was frozen and wakes). Cheap:
   * asked right before every write.
   */
  held(): boolean
  /** Gives the lock up. Safe to repeat, and after it was lost. */
  release(): Promise<void>
}
