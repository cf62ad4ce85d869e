/** One call of a store to the service behind it that is over; each attempt by itself. */
export interface ServiceCall {
  /** As the service calls it: `UploadPart`. One of a few. */
  readonly operation: string
  /** Of the object; of a listing its prefix. */
  readonly key: string
  /** 1 for the first attempt, 2 for its repetition. */
  readonly attempt: number
  /** Milliseconds until the answer was there; of a download, until it began. */
  readonly duration: number
  /** Bytes sent as the body of the request. */
  readonly sent: number
  /** What the service called the failure (`SlowDown`), or what broke (`TimeoutError`); null if there was none. */
  readonly error: string | null
  /** Null if no answer came. */
  readonly status: number | null
}

/** How much of the process is in use for what goes to a service. */
export interface ServiceUsage {
  /** Bytes of parts in memory, on their way to the service. */
  readonly buffered: number
  /** Parts that are being sent. */
  readonly parts: number
}

/** Is told what happens between a store and its service. All calls are synchronous, must be quick, and must not throw. */
export interface ServiceObserver {
  /** Once, when the store is made: `usage` tells at any time what is in use. */
  attach(usage: () => ServiceUsage): void
  call(call: ServiceCall): void
}
