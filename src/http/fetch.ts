import { type Body, type BodySink, emptyBody } from '../core/body.ts'
import { UploadError } from '../core/errors.ts'
import { type Log, silent } from '../core/log.ts'
import type { Batch, Bytes } from '../core/store.ts'
import type { Reply } from '../protocols/exchange.ts'
import type { Arrival, Handle } from './arrival.ts'

/** What a `Request` does not tell. */
export interface FetchContext {
  /** Address of the client, for hooks. Default: unknown. */
  readonly remoteAddress?: string
}

/** The door for what speaks Fetch. Never rejects as long as `Handle` does not. */
export type FetchDoor = (request: Request, context?: FetchContext) => Promise<Response>

/** Rest of a refused body, in bytes, that is read for the sake of keeping the connection. */
const DRAIN = 256 * 1024

/** Statuses that the constructor of `Response` accepts only without a body, not even an empty one. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304])

/** `log` gets what cannot be told to the client any more. */
export function createFetchDoor(handle: Handle, log: Log = silent): FetchDoor {
  return async (request, context = {}) => {
    const reading = await readingOf(request)
    const reply = await handle(arrivalOf(request, reading.body, context))
    const drained = reading.settle()
    try {
      return responseOf(reply, request.method === 'HEAD', drained, log)
    } catch (error) {
      // A hook may name a status or a field that HTTP does not have, and only the constructor of Response knows them all.
      log.error(
        'response.failed',
        { request: reply.request, hint: 'check the status and headers that hooks return' },
        error,
      )
      return new Response(`${new UploadError('internal').text}\n`, { status: 500 })
    }
  }
}

function arrivalOf(request: Request, body: Body, context: FetchContext): Arrival {
  const { url, headers } = request
  // A Request holds a serialised URL with a host, a path and perhaps a fragment, which no server sends.
  const path = url.indexOf('/', url.indexOf('//') + 2)
  const fragment = url.indexOf('#', path)
  return {
    method: request.method,
    uri: fragment === -1 ? url.slice(path) : url.slice(path, fragment),
    secure: url.startsWith('https:'),
    remoteAddress: context.remoteAddress ?? null,
    // Some runtimes tell the host by the URL only. Behind a proxy it is the field that has the name clients know.
    header: (name) => headers.get(name) ?? (name === 'host' ? url.slice(url.indexOf('//') + 2, path) : null),
    headers: () => Object.fromEntries(headers),
    body,
    signal: request.signal,
  }
}

/** The body of a request, and its end. */
interface Reading {
  readonly body: Body
  /**
   * To be called when the reply is known: sees to what is left of the body. False if most of it may still be on its way, so
   * that the connection is of no more use.
   */
  settle(): boolean
}

async function readingOf(request: Request): Promise<Reading> {
  const stream = request.body
  const length = stream === null ? 0 : parseLength(request.headers.get('content-length'))
  if (stream === null || length === 0) return { body: emptyBody, settle: () => true }
  if (!request.bodyUsed && !stream.locked) {
    const reader = stream.getReader()
    // Adapters from node:http give every POST a stream. One that nothing announces is there for a real body over HTTP/2 only
    const bare = ['content-length', 'transfer-encoding', 'content-type'].every((name) => !request.headers.has(name))
    // A client that has left is noticed by the next read, too
    const first = bare ? await reader.read().catch(() => null) : null
    return first?.done ? { body: emptyBody, settle: () => true } : read(reader, length, first)
  }
  const hint = 'give the upload server the Request before anything reads its body, or a clone'
  const open = (sink: BodySink): void => sink.cut(new UploadError('body_consumed', { hint }))
  return { body: { ...emptyBody, length, open }, settle: () => true }
}

/** Digits and a safe integer; null if it is absent or not to be trusted. */
function parseLength(text: string | null): number | null {
  if (text === null || !/^\d+$/.test(text)) return null
  const length = Number(text)
  return Number.isSafeInteger(length) ? length : null
}

type Step = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']>>

/** `first` is what was read already, null for nothing. */
function read(reader: ReadableStreamDefaultReader<Uint8Array>, length: number | null, first: Step | null): Reading {
  let early = first
  let paused = false
  let stopped = false
  let ended = false
  let taken = 0
  let wake: (() => void) | null = null

  /** Waits while the sink is paused. Nothing is read meanwhile, and that is what slows the client. */
  const ready = async (): Promise<void> => {
    while (paused && !stopped) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  const next = async (): Promise<Uint8Array | null> => {
    const { done, value } = early ?? (await reader.read())
    early = null
    ended = done
    if (done) return null
    // Strings and the like come from streams that people make themselves; they would be counted wrongly.
    if (!ArrayBuffer.isView(value)) throw new TypeError('the request body gave something else than bytes')
    taken += value.byteLength
    return value
  }
  const flow = async (sink: BodySink): Promise<void> => {
    while (true) {
      if (paused) await ready()
      if (stopped) return
      const chunk = await next()
      // It may have been paused or stopped while this chunk was on its way.
      if (paused) await ready()
      if (stopped) return
      if (chunk === null) return sink.end()
      if (chunk.length > 0) sink.data(chunk)
    }
  }
  const drain = async (): Promise<void> => {
    while ((await next()) !== null);
  }
  const resume = (): void => {
    paused = false
    wake?.()
  }
  const stop = (): void => {
    stopped = true
    wake?.()
  }
  return {
    body: {
      length,
      open: (sink) => void flow(sink).catch((reason: unknown) => stopped || sink.cut(reason)),
      pause: () => {
        paused = true
      },
      resume,
      stop,
    },
    settle() {
      stop()
      if (ended) return true
      const small = length !== null && length - taken <= DRAIN
      // Fails if the client leaves: it is not there to be told, and nobody waits for the body any more.
      if (small) void drain().catch(() => undefined)
      // Not cancelled: Node's adapter from its own streams throws where nobody can catch it, if it is cancelled while
      // data comes (Readable.toWeb). What is not read slows the client until the connection ends.
      else reader.releaseLock()
      return small
    },
  }
}

function responseOf({ status, headers, body, request }: Reply, isHead: boolean, reusable: boolean, log: Log): Response {
  // Servers over HTTP/1.1 obey this; where connections carry many requests it means nothing, and is dropped.
  const fields = reusable ? headers : { ...headers, Connection: 'close' }
  const none = body === null || isHead || BODILESS.has(status)
  const content = none ? null : typeof body === 'string' ? body : streamOf(body, request, log)
  return new Response(content, { status, headers: fields })
}

/** Reads when the client takes, not before: a response that nobody reads opens no file. */
function streamOf(bytes: Bytes, request: string | undefined, log: Log): ReadableStream<Uint8Array> {
  const iterator = bytes[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const step = await iterator.next().catch((error: unknown) => {
          log.error('response.failed', { request }, error)
          // Breaks the connection off: the client sees that bytes are missing.
          throw error
        })
        // If the client left meanwhile, this throws, and a cancelled stream takes no notice of it.
        if (step.done) controller.close()
        else controller.enqueue(copy(step.value))
      },
      async cancel() {
        await iterator.return?.().catch((error: unknown) => log.error('response.failed', { request }, error))
      },
    },
    { highWaterMark: 0 },
  )
}

/** The memory of a batch is used again for the next one, and a stream cannot say when it is done with a chunk. */
function copy(batch: Batch): Uint8Array {
  const size = batch.reduce((sum, chunk) => sum + chunk.length, 0)
  // Not from Buffer's pool: a reader may transfer the memory of what it gets.
  const whole = Buffer.allocUnsafeSlow(size)
  let offset = 0
  for (const chunk of batch) {
    whole.set(chunk, offset)
    offset += chunk.length
  }
  return whole
}
