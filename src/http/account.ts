import { UploadError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { RequestSpan } from '../core/observer.ts'
import type { Batch, Bytes } from '../core/store.ts'
import type { Reply, UploadRequest } from '../protocols/exchange.ts'

/** What is told about one request, from its arrival to the end of its answer: a span, and one line in the log. */
export class Account {
  readonly #log: Log
  readonly #began = performance.now()
  #received = 0

  constructor(log: Log) {
    this.#log = log
  }

  /** The body of the request has been dealt with, and so many bytes of it were taken. */
  received(bytes: number): void {
    this.#received += bytes
  }

  /**
   * The answer is known. Returns it as it is to be sent: one that carries bytes of an upload is over when the last of them
   * was taken or the client has gone.
   * @param error what the client is refused with; null if it is not
   * @param gone fires when the client has gone
   */
  settle(
    request: UploadRequest,
    span: RequestSpan,
    reply: Reply,
    error: UploadError | null,
    gone: () => AbortSignal,
  ): Reply {
    const { status, body } = reply
    const end = (failure: UploadError | null, sent: number, cut: boolean): void => {
      span.end(status, failure, sent)
      this.#say(request, status, failure, sent, cut)
    }
    const bytes = body === null || typeof body === 'string' ? null : new Sent(body, gone(), end)
    if (bytes === null) end(error, 0, false)
    return { ...reply, body: bytes ?? body, request: request.id }
  }

  #say({ id, method, target }: UploadRequest, status: number, error: UploadError | null, sent: number, cut: boolean) {
    this.#log.info('request.finished', {
      request: id,
      method,
      id: target.kind === 'upload' ? target.id : undefined,
      status,
      code: error?.code,
      hint: error?.details.hint,
      received: this.#received > 0 ? this.#received : undefined,
      sent: sent > 0 ? sent : undefined,
      cut: cut || undefined,
      milliseconds: Math.round((performance.now() - this.#began) * 10) / 10,
    })
  }
}

/** Bytes on their way to a client, counted; tells once how it ended, also if nobody ever asks for the first. */
class Sent implements Bytes, AsyncIterator<Batch> {
  readonly #source: AsyncIterator<Batch>
  readonly #gone: AbortSignal
  #end: ((failure: UploadError | null, sent: number, cut: boolean) => void) | null
  #sent = 0

  constructor(bytes: Bytes, gone: AbortSignal, end: (failure: UploadError | null, sent: number, cut: boolean) => void) {
    this.#source = bytes[Symbol.asyncIterator]()
    this.#gone = gone
    this.#end = end
    if (gone.aborted) this.#cut()
    else gone.addEventListener('abort', this.#cut)
  }

  [Symbol.asyncIterator](): AsyncIterator<Batch> {
    return this
  }

  async next(): Promise<IteratorResult<Batch>> {
    try {
      const step = await this.#source.next()
      if (step.done) this.#tell(null, false)
      else for (const chunk of step.value) this.#sent += chunk.length
      return step
    } catch (error) {
      this.#tell(error instanceof UploadError ? error : new UploadError('internal'), true)
      throw error
    }
  }

  async return(): Promise<IteratorResult<Batch>> {
    this.#cut()
    return (await this.#source.return?.()) ?? { done: true, value: undefined }
  }

  readonly #cut = (): void => this.#tell(null, true)

  #tell(failure: UploadError | null, cut: boolean): void {
    const end = this.#end
    this.#end = null
    this.#gone.removeEventListener('abort', this.#cut)
    end?.(failure, this.#sent, cut)
  }
}
