import type { Body, BodySink } from '../core/body.ts'
import { UploadError } from '../core/errors.ts'
import { type Observer, type Span, unobserved } from '../core/observer.ts'
import type { Batch, Bytes } from '../core/store.ts'
import type { Budget } from './budget.ts'
import type { Job } from './job.ts'

/** Bytes that one write should carry: large enough that the cost of the write vanishes. */
export const BATCH = 1024 * 1024

/** Milliseconds for which bytes wait for more to come before they are written: a slow client keeps nothing in memory. */
const LINGER = 20

export interface ReceiveOptions {
  /** Bytes that may come; what goes beyond is not given to the store, and is a problem. May be Infinity. */
  readonly limit: number
  /** Longest time without a byte, in milliseconds; 0 for no limit. */
  readonly idle: number
  readonly budget: Budget
  readonly job: Job
  /** Sees every byte that is given to the store. */
  readonly watch: ((chunk: Uint8Array) => void) | null
  readonly observer?: Observer
}

/**
 * Turns the body of a request into bytes for a store. Whatever goes wrong on the network is not the store's business: the
 * bytes end, what came is kept, and `problem` says why. They throw for one reason, a lost lock (invariant 4).
 *
 * It gathers while the store writes: one batch is in flight while the next fills, and the client is held back when that
 * is full. No promise is made per chunk, only one per batch.
 */
export class Receiver implements Bytes, AsyncIterator<Batch>, BodySink {
  readonly #body: Body
  readonly #options: ReceiveOptions
  readonly #observer: Observer
  readonly #span: Span
  #idleTimer: NodeJS.Timeout | null = null
  #lingerTimer: NodeJS.Timeout | null = null
  #chunks: Uint8Array[] = []
  /** Bytes in `#chunks`. */
  #size = 0
  /** Bytes of the batch that the store is writing. */
  #inFlight = 0
  /** Bytes taken from the client. */
  #taken = 0
  #ended = false
  #paused = false
  #problem: UploadError | null = null
  #consumer: ((result: IteratorResult<Batch>) => void) | null = null
  #fail: ((error: UploadError) => void) | null = null

  constructor(body: Body, options: ReceiveOptions) {
    this.#body = body
    this.#options = options
    this.#observer = options.observer ?? unobserved
    this.#span = this.#observer.begin('body')
    body.open(this)
    // A body that came whole is kept, whoever may want its upload: there is nothing left to watch for.
    if (!this.#ended) this.#watchOver()
  }

  #watchOver(): void {
    const { idle, job } = this.#options
    if (idle > 0) this.#idleTimer = setTimeout(this.#onIdle, idle)
    job.listen(this.#onStop)
  }

  /** Bytes given to the store or about to be. */
  get count(): number {
    return this.#taken
  }

  /** Why the body ended before its proper end; null if it is whole. Settled once the bytes have ended. */
  get problem(): UploadError | null {
    return this.#problem
  }

  data(chunk: Uint8Array): void {
    if (this.#ended || chunk.length === 0) return
    const { limit, watch, budget } = this.#options
    const room = limit - this.#taken
    const kept = chunk.length > room ? chunk.subarray(0, room) : chunk
    if (kept.length > 0) {
      this.#chunks.push(kept)
      this.#size += kept.length
      this.#taken += kept.length
      budget.take(kept.length)
      watch?.(kept)
    }
    if (kept !== chunk) {
      this.#finish(new UploadError('length_exceeded'))
      return
    }
    this.#idleTimer?.refresh()
    if (this.#consumer === null) this.#holdBack()
    else if (this.#isDue()) this.#hand()
    else this.#linger()
  }

  end(): void {
    if (this.#ended) return
    const { length } = this.#body
    // A door that cannot see framing errors tells an end where the body was cut.
    const short = length !== null && this.#taken < length
    this.#finish(short ? new UploadError('connection_lost') : null)
  }

  cut(reason: unknown): void {
    if (this.#ended) return
    this.#finish(reason instanceof UploadError ? reason : new UploadError('connection_lost', {}, { cause: reason }))
  }

  [Symbol.asyncIterator](): AsyncIterator<Batch> {
    return this
  }

  next(): Promise<IteratorResult<Batch>> {
    // Whoever asks for more has stored what it got.
    if (this.#inFlight > 0) this.#observer.received(this.#inFlight)
    this.#settle()
    return new Promise((resolve, reject) => {
      this.#consumer = resolve
      this.#fail = reject
      if (this.#ended || (this.#size > 0 && this.#isDue())) {
        this.#hand()
        return
      }
      if (this.#size > 0) this.#linger()
      this.#flow()
    })
  }

  /** The store stops early (it failed): nobody will ask for bytes again. */
  return(): Promise<IteratorResult<Batch>> {
    this.close()
    return Promise.resolve({ done: true, value: undefined })
  }

  /** Lets go of everything. Safe to repeat; must be called whatever happened. */
  close(): void {
    if (!this.#ended) this.#finish(null)
    this.#settle()
    this.#options.budget.give(this.#size)
    this.#chunks = []
    this.#size = 0
  }

  /** Whether to wait for more bytes makes no sense: they are enough, or no more can come. */
  #isDue(): boolean {
    return this.#size >= BATCH || this.#options.budget.full || this.#body.isFull === true
  }

  /** Gives the gathered bytes, or the end, to the store that waits for them. */
  #hand(): void {
    const consumer = this.#consumer
    const fail = this.#fail
    if (consumer === null || fail === null) return
    this.#consumer = null
    this.#fail = null
    this.#unlinger()
    if (!this.#options.job.held()) {
      if (!this.#ended) this.#finish(new UploadError('lock_lost'))
      fail(new UploadError('lock_lost'))
      return
    }
    if (this.#size === 0) {
      consumer({ done: true, value: undefined })
      return
    }
    const batch = this.#chunks
    this.#inFlight = this.#size
    this.#chunks = []
    this.#size = 0
    consumer({ done: false, value: batch })
    this.#flow()
  }

  /** The batch in flight has been written. */
  #settle(): void {
    if (this.#inFlight === 0) return
    const written = this.#inFlight
    this.#inFlight = 0
    this.#options.budget.give(written)
    if (!this.#ended) this.#idleTimer?.refresh()
    this.#body.free?.(written)
  }

  #finish(problem: UploadError | null): void {
    this.#ended = true
    this.#problem = problem
    this.#span.end(problem)
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer)
    this.#options.job.unlisten()
    this.#options.budget.forget(this.#wake)
    this.#body.stop()
    this.#unlinger()
    this.#hand()
  }

  /** Slows the client if the store is behind, or the whole process holds too much. */
  #holdBack(): void {
    if (this.#paused) return
    if (this.#size >= BATCH) this.#pause()
    else if (this.#options.budget.full) {
      this.#pause()
      this.#options.budget.wait(this.#wake)
    }
  }

  #pause(): void {
    this.#paused = true
    this.#body.pause()
  }

  /** Lets the client go on if there is room. */
  #flow(): void {
    if (!this.#paused || this.#ended || this.#size >= BATCH) return
    if (this.#options.budget.full) {
      this.#options.budget.wait(this.#wake)
      return
    }
    this.#paused = false
    this.#idleTimer?.refresh()
    this.#body.resume()
  }

  readonly #wake = (): void => this.#flow()

  #linger(): void {
    if (this.#lingerTimer !== null) return
    this.#lingerTimer = setTimeout(this.#onLinger, LINGER)
  }

  #unlinger(): void {
    if (this.#lingerTimer === null) return
    clearTimeout(this.#lingerTimer)
    this.#lingerTimer = null
  }

  readonly #onLinger = (): void => {
    this.#lingerTimer = null
    this.#hand()
  }

  readonly #onIdle = (): void => {
    // A client that we hold back ourselves is not idle. While the store writes, its door may have no room left, too.
    if (this.#paused || this.#inFlight > 0) this.#idleTimer?.refresh()
    else this.#finish(new UploadError('read_timeout'))
  }

  readonly #onStop = (reason: UploadError): void => {
    if (!this.#ended) this.#finish(reason)
  }
}
