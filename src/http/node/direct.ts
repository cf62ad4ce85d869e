import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Bodies whose rest is at least this long are worth it, in bytes. The connection cannot be given back to Node's parser
 * afterwards and is closed behind the answer, so short ones are not.
 */
export const LARGE = 8 * 1024 * 1024

/**
 * Memory of each connection that is read directly, in bytes, and how many there are at once: 64 MiB in all. Two batches where they are
 * few: one is written while the other fills. One where they are many: others fill while it is written. All beyond go the common way.
 */
const RINGS = [
  { size: 2 * 1024 * 1024, count: 8 },
  { size: 1024 * 1024, count: 48 },
] as const
/** Rings of each size that are kept for the next connections. */
const SPARES = 4
/** Where the first bytes after a pause land, and least room for which it is worth to go on. */
const LANDING = 64 * 1024
/** Lines of Node.js on which this is tested. On others everything goes the common way. */
const PROVEN: ReadonlySet<string> = new Set(['20', '22', '24'])

/** A body on its way from the socket into memory of our own. */
export interface DirectReader {
  /** Nothing comes before something is freed. */
  readonly isFull: boolean
  pause(): void
  resume(): void
  /** The oldest `count` bytes that were delivered are not needed any more. */
  free(count: number): void
  /** Delivers nothing from now on. Safe to repeat. */
  stop(): void
  /** Nobody uses what was delivered any more. To be called once, whatever happened. */
  close(): void
}

/**
 * Reads large bodies past Node's HTTP parser, which copies every 64 KiB into a buffer of its own: a third of all the time
 * that a large upload costs. It uses parts of Node that have no public name (the user buffer of `net.Socket`, which has a
 * public way in for sockets that one opens, but not for those that a server accepts), so it looks at each of them first, and
 * returns null where one is missing: then the common way is taken.
 */
export interface DirectReaders {
  /**
   * Takes the connection over; to be called when Node's parser is not at work and has delivered all it has. `left` bytes of
   * the body are to come. `deliver` gets chunks that stay as they are until they are freed. When the body is whole,
   * `request` ends as usual; `response` will close the connection.
   */
  takeOver(
    request: IncomingMessage,
    response: ServerResponse,
    left: number,
    deliver: (chunk: Uint8Array) => void,
  ): DirectReader | null
}

export function createDirectReaders(): DirectReaders {
  const stocks = RINGS.map(({ size, count }) => ({ size, left: count, idle: [] as Uint8Array[] }))
  return {
    takeOver(request, response, left, deliver) {
      const stock = stocks.find((one) => one.left > 0)
      if (stock === undefined) return null
      const inside = lookInside(request.socket)
      if (inside === null) return null
      stock.left--
      const ring = stock.idle.pop() ?? Buffer.allocUnsafeSlow(stock.size)
      const release = (clean: boolean): void => {
        stock.left++
        // Somebody may still write from a ring that did not come back whole.
        if (clean && stock.idle.length < SPARES) stock.idle.push(ring)
      }
      const complete = (): void => {
        request.complete = true
        request.push(null)
        // It may have been paused when it was taken over, and would keep its end to itself.
        request.resume()
      }
      response.shouldKeepAlive = false
      return new RingReader(inside, ring, left, { deliver, complete, release })
    },
  }
}

interface Handle {
  reading: boolean
  readStart(): number
  readStop(): number
  /** From now on the kernel's bytes go to `buffer`. Each call costs a little memory for the life of the connection. */
  useUserBuffer(buffer: Uint8Array): void
}

/** The parts of a connection that have no public name. */
interface Inside {
  readonly socket: Socket
  readonly handle: Handle
  readonly parser: { unconsume(): void }
  /** Names under which a socket keeps its user buffer, who is told of a read, and who gives the next buffer. */
  readonly buffer: symbol
  readonly onRead: symbol
  readonly nextBuffer: symbol
}

function lookInside(socket: Socket): Inside | null {
  if (!PROVEN.has(process.versions.node.split('.', 1)[0] ?? '')) return null
  if ('encrypted' in socket || socket.destroyed) return null
  const handle: unknown = Reflect.get(socket, '_handle')
  const parser: unknown = Reflect.get(socket, 'parser')
  const symbols = Object.getOwnPropertySymbols(socket)
  const named = (name: string): symbol | undefined => symbols.find((symbol) => symbol.description === name)
  const [buffer, onRead, nextBuffer] = [named('kBuffer'), named('kBufferCb'), named('kBufferGen')]
  if (buffer === undefined || onRead === undefined || nextBuffer === undefined) return null
  if (!isHandle(handle) || !isParser(parser) || Reflect.get(socket, buffer) !== null) return null
  return { socket, handle, parser, buffer, onRead, nextBuffer }
}

function isHandle(value: unknown): value is Handle {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['readStart', 'readStop', 'useUserBuffer'].every((name) => typeof Reflect.get(value, name) === 'function') &&
    'reading' in value &&
    // Set by the parser that reads past the socket's own listeners; without it bytes come another way.
    Reflect.get(value, '_consumed') === true
  )
}

function isParser(value: unknown): value is Inside['parser'] {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, 'unconsume') === 'function'
}

interface Owner {
  deliver(chunk: Uint8Array): void
  /** The body is whole. */
  complete(): void
  /** `clean`: everything that was delivered has been freed. */
  release(clean: boolean): void
}

/**
 * The ring: the kernel writes at `head`, and what was written stays until the owner frees it, oldest first. While there is
 * no room the socket is not read, and its buffer is `#landing`: whatever may start it again, bytes that are lent are never
 * written over.
 */
class RingReader implements DirectReader {
  readonly #inside: Inside
  readonly #ring: Uint8Array
  readonly #landing = Buffer.allocUnsafeSlow(LANDING)
  readonly #owner: Owner
  /** Where the next byte goes. */
  #head = 0
  /** Bytes that are lent to the owner. */
  #lent = 0
  /** Bytes of the body to come. */
  #left: number
  /** Whether the next read goes to `#landing`. */
  #lands = false
  #paused = false
  /** Whether the kernel has been asked for bytes. */
  #asked = false
  #over = false

  constructor(inside: Inside, ring: Uint8Array, left: number, owner: Owner) {
    this.#inside = inside
    this.#ring = ring
    this.#left = left
    this.#owner = owner
    const { socket, handle, parser } = inside
    parser.unconsume()
    const first = this.#next()
    Reflect.set(socket, inside.buffer, first)
    Reflect.set(socket, inside.onRead, this.#onRead)
    Reflect.set(socket, inside.nextBuffer, () => Reflect.get(socket, inside.buffer))
    handle.useUserBuffer(first)
    this.#goOn()
  }

  get isFull(): boolean {
    return this.#room < LANDING
  }

  get #room(): number {
    return this.#ring.length - this.#lent
  }

  pause(): void {
    this.#paused = true
    this.#hold()
  }

  resume(): void {
    this.#paused = false
    this.#goOn()
  }

  free(count: number): void {
    this.#lent -= count
    this.#goOn()
  }

  stop(): void {
    if (this.#over) return
    this.#over = true
    this.#hold()
    const { socket, handle, buffer } = this.#inside
    if (socket.destroyed) return
    // Nothing that still reads from this socket may write into memory that is another's by then.
    Reflect.set(socket, buffer, this.#landing)
    handle.useUserBuffer(this.#landing)
  }

  close(): void {
    this.stop()
    this.#owner.release(this.#lent === 0)
  }

  /** Node has read `count` bytes to where the last `#next` said. Returns whether to read on. */
  readonly #onRead = (count: number, buffer: Uint8Array): boolean => {
    if (this.#over) return false
    if (this.#lands) this.#land(buffer.subarray(0, count))
    else this.#lend(count)
    Reflect.set(this.#inside.socket, this.#inside.buffer, this.#next())
    this.#asked = this.#mayAsk()
    return this.#asked
  }

  /** Memory for the next read. Never beyond the body: what a client sends behind it stays in the kernel. */
  #next(): Uint8Array {
    const free = this.#room
    this.#lands = this.#over || free < LANDING
    if (this.#lands) return this.#landing.subarray(0, Math.max(1, Math.min(LANDING, this.#left)))
    return this.#ring.subarray(this.#head, this.#head + Math.min(this.#ring.length - this.#head, free, this.#left))
  }

  #mayAsk(): boolean {
    return !this.#over && !this.#paused && !this.isFull
  }

  #goOn(): void {
    const { handle, socket } = this.#inside
    if (this.#asked || !this.#mayAsk() || socket.destroyed) return
    this.#asked = true
    handle.reading = true
    // It may be reading already. If it cannot, the connection is gone, and says so by its events.
    handle.readStart()
  }

  #hold(): void {
    const { handle, socket } = this.#inside
    if (!this.#asked || socket.destroyed) return
    this.#asked = false
    handle.reading = false
    handle.readStop()
  }

  /** Moves what came after a wait from `#landing` into the ring. */
  #land(bytes: Uint8Array): void {
    if (bytes.length > this.#room) {
      // Somebody else has started the socket. Rather cut it than lose a byte: the client comes back for what is missing.
      this.#inside.socket.destroy()
      this.#over = true
      return
    }
    const first = bytes.subarray(0, this.#ring.length - this.#head)
    for (const piece of [first, bytes.subarray(first.length)]) {
      if (piece.length === 0 || this.#over) continue
      this.#ring.set(piece, this.#head)
      this.#lend(piece.length)
    }
  }

  /** Hands over what stands at the head. */
  #lend(count: number): void {
    const chunk = this.#ring.subarray(this.#head, this.#head + count)
    this.#head = (this.#head + count) % this.#ring.length
    this.#lent += count
    this.#left -= count
    this.#owner.deliver(chunk)
    if (this.#left > 0 || this.#over) return
    this.#over = true
    this.#owner.complete()
  }
}
