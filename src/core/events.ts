import type { Upload } from './upload.ts'

/** What can happen to an upload. */
export const EVENT_TYPES = ['created', 'progress', 'completed', 'terminated', 'expired'] as const

export type EventType = (typeof EVENT_TYPES)[number]

/** Something that happened to an upload. */
export interface LifecycleEvent {
  readonly type: EventType
  /** As it was then. Of a progress, `offset` counts what was received so far. */
  readonly upload: Upload
  readonly at: Date
}

/** What happens to the uploads of a server, in this process. Nobody who listens can slow an upload. */
export interface UploadEvents extends AsyncIterable<LifecycleEvent> {
  /** Calls `listener`, synchronously, for each event of a type; what it throws is logged. Returns what ends that. */
  on(type: EventType, listener: (event: LifecycleEvent) => void): () => void
  /**
   * Events one after the other, from now until the server closes or the iteration is left. Up to `limit` (default 1,000) wait
   * to be taken; of more the oldest are dropped, and `dropped` is told how many so far.
   */
  iterate(options?: {
    readonly limit?: number
    readonly dropped?: (count: number) => void
  }): AsyncIterableIterator<LifecycleEvent>
}
