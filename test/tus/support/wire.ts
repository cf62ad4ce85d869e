import { createConnection } from 'node:net'
import { type Answer, answerOf, type Fields, isChunks, linesOf, type Payload } from './answer.ts'
import { PATIENCE } from './stores.ts'

/** One TCP connection that speaks HTTP/1.1 as well or as badly as the test wants. */
export interface Wire {
  /** Resolves when the kernel has the bytes, or the connection is gone. */
  write(data: string | Uint8Array): Promise<void>
  /** The next final response, given the method that it answers. Rejects if the connection ends before it is whole. */
  answer(method?: string): Promise<Answer>
  /** As `answer`, but takes an interim response, too. */
  next(method?: string): Promise<Answer>
  /** Resolves when the server has ended the connection. */
  readonly closed: Promise<void>
  isClosed(): boolean
  /** What came and was not part of an answer yet. */
  rest(): string
  /** Leaves what comes in the kernel from now on. */
  stopReading(): void
  /** Ends our side after what was written. */
  cut(): void
}

/** Opens a connection to a port of the loopback interface, or to a Unix socket. */
export async function connect(target: number | string): Promise<Wire> {
  let received = Buffer.alloc(0)
  let ended = false
  let wake: () => void = () => undefined
  const socket = createConnection(
    typeof target === 'string' ? { path: target } : { port: target, host: '127.0.0.1', noDelay: true },
  )
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  socket.removeAllListeners('error')
  const closed = new Promise<void>((resolve) => {
    const over = () => {
      ended = true
      wake()
      resolve()
    }
    socket.on('end', over).on('close', over).on('error', over)
  })
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    wake()
  })

  async function next(method = 'GET'): Promise<Answer> {
    const deadline = Date.now() + PATIENCE
    for (;;) {
      const parsed = parse(received, method, ended)
      if (parsed !== null) {
        received = received.subarray(parsed.used)
        return parsed.answer
      }
      if (ended) throw new Error(`connection ended before the answer to ${method}; got: ${preview(received)}`)
      const left = deadline - Date.now()
      if (left <= 0) throw new Error(`no answer to ${method} in ${PATIENCE} ms; got: ${preview(received)}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  return {
    write: (data) => new Promise((resolve) => (socket.destroyed ? resolve() : socket.write(data, () => resolve()))),
    async answer(method) {
      for (;;) {
        const answer = await next(method)
        if (answer.status >= 200) return answer
      }
    },
    next,
    closed,
    isClosed: () => ended,
    rest: () => received.toString('latin1'),
    stopReading: () => void socket.pause(),
    cut: () => void socket.destroy(),
  }
}

/** A request as it goes over the wire. `Host` must be among the fields, as nothing is added. */
export function requestText(method: string, target: string, fields: Fields, body?: Payload): Buffer {
  const framing: Fields = isChunks(body)
    ? { 'Transfer-Encoding': 'chunked', ...(body.trailers && { Trailer: Object.keys(body.trailers).join(', ') }) }
    : body !== undefined
      ? { 'Content-Length': String(Buffer.byteLength(body)) }
      : {}
  const head = headText(method, target, { ...framing, ...fields })
  if (body === undefined) return head
  if (!isChunks(body)) return Buffer.concat([head, Buffer.from(body)])
  const trailers = linesOf(body.trailers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`)
  const end = Buffer.from(`0\r\n${trailers.join('')}\r\n`, 'latin1')
  return Buffer.concat([head, ...body.chunks.map(chunkText), end])
}

export function headText(method: string, target: string, fields: Fields): Buffer {
  const lines = linesOf(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1')
}

export function chunkText(chunk: string | Uint8Array): Buffer {
  const bytes = Buffer.from(chunk)
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])
}

/** The first response in `bytes`; null if it is not whole yet. Strict: what is no response is an error. */
function parse(bytes: Buffer, method: string, ended: boolean): { answer: Answer; used: number } | null {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return null
  const [statusLine = '', ...rows] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const match = /^HTTP\/1\.[01] (\d{3}) /.exec(statusLine)
  if (match === null) throw new Error(`not a response: ${preview(bytes)}`)
  const status = Number(match[1])
  const fields = rows.map((row): [string, string] => {
    const colon = row.indexOf(':')
    if (colon < 1) throw new Error(`not a header line: ${row}`)
    return [row.slice(0, colon).toLowerCase(), row.slice(colon + 1).trim()]
  })
  const field = (name: string) => fields.find(([key]) => key === name)?.[1]
  const rest = bytes.subarray(end + 4)
  const whole = (body: Buffer, used: number) => ({ answer: answerOf(status, fields, body), used: end + 4 + used })
  if (status < 200 || status === 204 || status === 304 || method === 'HEAD') return whole(Buffer.alloc(0), 0)
  if (field('transfer-encoding')?.toLowerCase() === 'chunked') {
    const decoded = unchunk(rest)
    return decoded && whole(decoded.body, decoded.used)
  }
  const length = field('content-length')
  if (length === undefined) return ended ? whole(rest, rest.length) : null
  return rest.length < Number(length) ? null : whole(rest.subarray(0, Number(length)), Number(length))
}

function unchunk(bytes: Buffer): { body: Buffer; used: number } | null {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return null
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString('latin1'), 16)
    const start = lineEnd + 2
    if (bytes.length < start + size + 2) return null
    parts.push(bytes.subarray(start, start + size))
    at = start + size + 2
    if (size === 0) return { body: Buffer.concat(parts), used: at }
  }
}

function preview(bytes: Buffer): string {
  return JSON.stringify(bytes.subarray(0, 300).toString('latin1'))
}
