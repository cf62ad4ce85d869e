/**
 * The body of a request as a door hands it over. It pushes, so that nothing is allocated per chunk between the socket
 * and the buffer that gathers it; whoever opens it must take every chunk, and pauses it to push back on the client.
 */
export interface Body {
  /** Bytes to come as the request states them (Content-Length); null when it does not say (chunked). 0: no body. */
  readonly length: number | null
  /** Starts the flow into `sink`. Once at most. Before it is opened no byte is read. */
  open(sink: BodySink): void
  pause(): void
  resume(): void
  /**
   * The sink has finished with the oldest `bytes` of what it took, whose memory may be used again. Absent where every chunk
   * has memory of its own.
   */
  free?(bytes: number): void
  /** It has no memory left: nothing comes before the sink frees some. Absent as `free` is. */
  readonly isFull?: boolean
  /** Ends the flow for good: `sink` is not called again, whatever else arrives. Safe to repeat. */
  stop(): void
  /** A trailer field, once the body has ended; null if it was not sent. Absent where the door has no trailers. */
  trailer?(name: Lowercase<string>): string | null
}

/** Takes what a {@link Body} pushes. Calls are synchronous and in order; nothing follows `end` or `cut`. */
export interface BodySink {
  /** The chunk belongs to the sink from now on; if the body has `free`, until that. */
  data(chunk: Uint8Array): void
  /** The body is whole. */
  end(): void
  /** The body broke off: the client left, or its framing is wrong. */
  cut(reason: unknown): void
}

/** A body of no bytes. */
export const emptyBody: Body = {
  length: 0,
  open: (sink) => sink.end(),
  pause: () => undefined,
  resume: () => undefined,
  stop: () => undefined,
}
