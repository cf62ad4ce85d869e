import { DetailedError, Upload, type UploadOptions } from 'tus-js-client'

type Source = ConstructorParameters<typeof Upload>[0]

/** A request that tus-js-client made, and its answer. */
export interface Exchange {
  readonly method: string
  readonly url: string
  /** Upload-Offset as sent; undefined if it was not. */
  readonly offset: string | undefined
  /** A request header by its name. */
  header(name: string): string | undefined
  /** Null until the answer is there, and if it never comes. */
  readonly status: number | null
  /** From the request to its answer. */
  readonly milliseconds: number | null
}

/** Why tus-js-client gave up. */
export class Failure extends Error {
  override readonly name = 'Failure'
  /** Of the answer that it did not expect; null if there was none. */
  readonly status: number | null
  readonly body: string | null

  constructor(reason: Error | DetailedError) {
    // Not as a cause: the sockets in it make every report unreadable.
    super(reason.message)
    const response = reason instanceof DetailedError ? reason.originalResponse : null
    this.status = response?.getStatus() ?? null
    this.body = response?.getBody() ?? null
  }
}

/** An upload by tus-js-client. */
export interface Transfer {
  readonly upload: Upload
  /** Resolves to the URL of the upload once all of it is there; rejects with a {@link Failure} if the client gives up. */
  readonly done: Promise<string>
  /** Everything that went over the wire so far, in order. */
  readonly exchanges: readonly Exchange[]
  /** `METHOD status` of each exchange. */
  summary(): string[]
}

interface Sent extends Exchange {
  status: number | null
  milliseconds: number | null
  readonly since: number
}

/** Prepares an upload; `upload.start()` starts it. Does not try again unless `retryDelays` says so. */
export function prepare(source: Source, options: UploadOptions): Transfer {
  const exchanges: Sent[] = []
  let succeed: (url: string) => void = () => undefined
  let fail: (error: unknown) => void = () => undefined
  const done = new Promise<string>((resolve, reject) => {
    succeed = resolve
    fail = reject
  })
  const pending = new Map<unknown, Sent>()
  const upload = new Upload(source, {
    retryDelays: null,
    ...options,
    onBeforeRequest: (request) => {
      const exchange = {
        method: request.getMethod(),
        url: request.getURL(),
        offset: request.getHeader('Upload-Offset'),
        header: (name: string) => request.getHeader(name),
        status: null,
        milliseconds: null,
        since: performance.now(),
      }
      pending.set(request, exchange)
      exchanges.push(exchange)
    },
    onAfterResponse: (request, response) => {
      const exchange = pending.get(request)
      if (exchange === undefined) return
      exchange.status = response.getStatus()
      exchange.milliseconds = performance.now() - exchange.since
    },
    onSuccess: () => succeed(upload.url ?? ''),
    onError: (error) => fail(new Failure(error)),
  })
  return {
    upload,
    done,
    exchanges,
    summary: () => exchanges.map(({ method, status }) => `${method} ${status}`),
  }
}

/** Uploads all of it; resolves to what was sent and the URL. */
export async function transfer(source: Source, options: UploadOptions): Promise<Transfer & { readonly url: string }> {
  const prepared = prepare(source, options)
  prepared.upload.start()
  return { ...prepared, url: await prepared.done }
}
