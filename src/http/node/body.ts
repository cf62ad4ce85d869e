import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Readable } from 'node:stream'
import type { Body, BodySink } from '../../core/body.ts'
import { UploadError } from '../../core/errors.ts'
import { type DirectReader, type DirectReaders, LARGE } from './direct.ts'
import { LentChunks } from './lent.ts'
import type { NodeRequest, NodeResponse, Rest } from './send.ts'

/** How fast the bytes of a large body must come to be read directly: this many of them ... */
const PACE = 1024 * 1024
/** ... in this many milliseconds. A slow client costs little either way, and would hold the memory for long. */
const PACE_TIME = 250

/**
 * What comes behind so many bytes is given back by hand. Before, it is not worth it, and programs that watch a server may keep the
 * beginning of a body.
 */
const KEPT = 1024 * 1024
/** Length of what stands before each frame of HTTP/2 (RFC 9113, section 4.1). */
const FRAME_HEADER = 9

/** The body of a request, as it comes from Node. */
export class NodeBody implements Body {
  readonly length: number | null
  readonly #request: NodeRequest
  readonly #response: NodeResponse
  /**
   * Where the bytes come from. For HTTP/2 that is the stream itself: the request of the compatibility API is a second stream
   * behind it, which costs time, and takes the end of a stream that was reset for the end of the body.
   */
  readonly #source: Readable
  #sink: BodySink | null = null
  #opened = false
  #isWhole = false
  #paused = false
  readonly #readers: DirectReaders
  #direct: DirectReader | null = null
  /** Bytes that came through Node's parser. */
  #parsed = 0
  /** Of these, the ones that the sink has not freed yet. */
  #held = 0
  #lent: LentChunks | null = null
  /** Where the pace is measured next, in bytes, and since when. */
  #milestone = PACE
  #since = 0

  constructor(request: NodeRequest, response: NodeResponse, readers: DirectReaders) {
    this.#request = request
    this.#response = response
    this.#readers = readers
    this.#source = 'stream' in request ? request.stream : request
    this.length = bodyLength(request)
  }

  open(sink: BodySink): void {
    const source = this.#source
    if (this.length !== 0 && (this.#request.readableDidRead || source.readableDidRead)) {
      const hint = 'mount the upload server before body parsers, or keep them away from its path'
      sink.cut(new UploadError('body_consumed', { hint }))
      return
    }
    this.#sink = sink
    this.#opened = true
    if (this.#isHere()) {
      this.#isWhole = true
      while (source.readableLength > 0) this.#sink?.data(source.read())
      this.#sink?.end()
      return
    }
    source.on('data', this.#isLarge() ? this.#onLargeData : this.#onData)
    source.on('end', this.#onEnd)
    source.on('error', this.#onCut)
    source.on('close', this.#onCut)
    this.#continue()
    // Node ends a stream of HTTP/2 that brings no bytes by itself, also before anybody asked for them
    if (source.readableEnded) this.#onEnd()
    else if (source.destroyed) this.#onCut()
  }

  /** What of the body nobody has read. */
  get rest(): Rest {
    if (this.#isWhole || this.#request.complete) return 'none'
    return this.#opened ? 'abandoned' : 'unopened'
  }

  get isFull(): boolean {
    return this.#direct?.isFull ?? false
  }

  pause(): void {
    this.#paused = true
    if (this.#direct !== null) this.#direct.pause()
    else this.#source.pause()
  }

  resume(): void {
    this.#paused = false
    if (this.#direct !== null) this.#direct.resume()
    else this.#source.resume()
  }

  free(bytes: number): void {
    const parsed = Math.min(bytes, this.#held)
    this.#held -= parsed
    this.#lent?.free(parsed)
    if (bytes > parsed) this.#direct?.free(bytes - parsed)
  }

  stop(): void {
    if (this.#sink === null) return
    this.#sink = null
    // Whoever stops early may free what a call of the system still reads
    this.#lent = null
    this.#direct?.stop()
    const source = this.#source
    source.off('data', this.#onData)
    source.off('data', this.#onLargeData)
    source.off('end', this.#onEnd)
    source.off('close', this.#onCut)
    // The listener for errors stays: a connection that breaks later must not become an uncaught exception.
    if (!this.#request.complete) source.pause()
  }

  /** Nobody uses the body or its bytes any more. */
  close(): void {
    this.stop()
    this.#direct?.close()
  }

  trailer(name: Lowercase<string>): string | null {
    const value = this.#request.trailers[name]
    return Array.isArray(value) ? value.join(', ') : (value ?? null)
  }

  /** Node says 100 by itself, unless the server listens for `checkContinue`; then it is said when the body is wanted. */
  #continue(): void {
    const expects = this.#request.headers.expect?.toLowerCase() === '100-continue'
    if (expects && serverOf(this.#request)?.listenerCount('checkContinue')) this.#response.writeContinue()
  }

  /**
   * A small body is here, as a rule, before anybody asks for it: then there is nothing to wait or to listen for. Node hands
   * over bytes before it says that they were the last, so they are counted.
   */
  #isHere(): boolean {
    if ('stream' in this.#request) return false
    const { complete, readableLength, destroyed, headers } = this.#request
    // Who asks whether to send it gets an answer, also if it did not wait for one.
    return (complete || readableLength === this.length) && !destroyed && headers.expect === undefined
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#parsed += chunk.length
    if (this.#parsed > KEPT) this.#lend(chunk)
    this.#held += chunk.length
    this.#sink?.data(chunk)
  }

  #lend(chunk: Buffer): void {
    this.#lent ??= new LentChunks('stream' in this.#request ? FRAME_HEADER : 0, this.#held)
    this.#lent.add(chunk, this.#isAlone())
  }

  /** Whether nobody else listens to the body. */
  #isAlone(): boolean {
    return this.#source.listenerCount('data') === 1 && this.#source.listenerCount('readable') === 0
  }

  #isLarge(): boolean {
    if (this.length === null || this.length < LARGE || 'stream' in this.#request) return false
    this.#since = performance.now()
    return true
  }

  readonly #onLargeData = (chunk: Buffer): void => {
    this.#onData(chunk)
    if (this.#parsed < this.#milestone) return
    this.#milestone = this.#parsed + PACE
    const now = performance.now()
    // Not at once: the parser that called us is still at work on what it has read.
    if (now - this.#since < PACE_TIME) setImmediate(this.#goDirect)
    this.#since = now
  }

  readonly #goDirect = (): void => {
    const [request, response] = [this.#request, this.#response]
    if (this.#sink === null || this.#direct !== null || 'stream' in request || 'stream' in response) return
    // They are told by the parser only
    if (!this.#isAlone()) return
    // What was read and waits in a paused request comes first; reading it tells the listener.
    while (request.readableLength > 0) request.read()
    const left = (this.length ?? 0) - this.#parsed
    if (this.#sink === null || left < LARGE) return
    this.#direct = this.#readers.takeOver(request, response, left, (chunk) => this.#sink?.data(chunk))
    if (this.#paused) this.#direct?.pause()
  }

  readonly #onEnd = (): void => {
    const request = this.#request
    if (this.length !== null || !('stream' in request)) this.#sink?.end()
    else setImmediate(() => (isWhole(request.stream) ? this.#sink?.end() : this.#sink?.cut(undefined)))
  }

  readonly #onCut = (reason?: unknown): void => {
    if (!this.#source.readableEnded) this.#sink?.cut(reason)
  }
}

/**
 * Whether a stream of HTTP/2 that ended was ended by its client: a reset looks the same to a reader, and what tells them apart is
 * known a moment later. Without a length nobody else would notice that bytes are missing.
 */
function isWhole(stream: ServerHttp2Stream): boolean {
  return (
    !stream.aborted && !stream.destroyed && stream.state.state === constants.NGHTTP2_STREAM_STATE_HALF_CLOSED_REMOTE
  )
}

/** Node has checked the framing: a length is digits, and never beside a transfer coding. */
function bodyLength(request: NodeRequest): number | null {
  const { headers } = request
  if (headers['transfer-encoding'] !== undefined) return null
  // In HTTP/2 a body needs no length: its frames say where it ends
  if (headers['content-length'] === undefined && 'stream' in request && !request.stream.endAfterHeaders) return null
  return Number(headers['content-length'] ?? 0)
}

interface HttpServer {
  readonly requestTimeout: number
  listenerCount(event: string): number
}

/** The server behind a request: Node has no public name for it, so it is looked for with care. */
export function serverOf(request: NodeRequest): HttpServer | null {
  const socket: NodeRequest['socket'] & { readonly server?: HttpServer } = request.socket
  return socket.server ?? null
}
