/** What becomes of a call to the service. */
export type Fault =
  /** Taken, and never answered nor forwarded. */
  | { readonly do: 'drop' }
  | Answered
  /** The connection is reset: at once, or after so many bytes of the body, which the service sees cut as well. */
  | { readonly do: 'reset'; readonly after: number }
  | Forward

/** Answered in the service's place, with an error document. */
export interface Answered {
  readonly do: 'answer'
  readonly status: number
  readonly code: string
  /** Before the body is read. */
  readonly early?: boolean
  /** Waits with answering, unless it is early. */
  readonly after?: Promise<unknown>
}

/** Forwarded, but not as it should be. */
export interface Forward {
  readonly do: 'forward'
  /** Waits with forwarding. */
  readonly before?: Promise<unknown>
  /** Waits with answering, when the service's answer is there. */
  readonly after?: Promise<unknown>
  /** How much of the answer is passed on: all; half, and then a reset; none, and a reset; none, and silence. Default: all. */
  readonly answer?: 'whole' | 'half' | 'lost' | 'never'
  /**
   * The client is reset once its body is here, and the call goes to the service nevertheless, when `before` allows: a part
   * that lands late. Its body is kept in memory meanwhile.
   */
  readonly late?: boolean
}

export const drop: Fault = { do: 'drop' }
export const reset: Fault = { do: 'reset', after: 0 }
export const lostAnswer: Fault = { do: 'forward', answer: 'lost' }
export const halfAnswer: Fault = { do: 'forward', answer: 'half' }
/** The service has done it, and never says so. */
export const silence: Fault = { do: 'forward', answer: 'never' }
export const internalError: Answered = { do: 'answer', status: 500, code: 'InternalError' }
export const slowDown: Answered = { do: 'answer', status: 503, code: 'SlowDown' }
export const forbidden: Answered = { do: 'answer', status: 403, code: 'AccessDenied' }
/** S3 begins the answer to a completion before it is done, so that a failure may come with status 200. */
export const errorInSuccess: Answered = { do: 'answer', status: 200, code: 'InternalError' }

/** Cut in the middle of its body, for us and for the service. */
export function cutAfter(bytes: number): Fault {
  return { do: 'reset', after: bytes }
}

/** The client is reset, and the call reaches the service when `when` resolves. */
export function late(when: Promise<unknown>): Fault {
  return { do: 'forward', late: true, before: when }
}
