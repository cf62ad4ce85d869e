import type { Uploads } from '../../../src/uploads.ts'
import { type Answer, answerOf, type Fields, isChunks, linesOf, type Payload } from './answer.ts'
import type { Door, Running } from './doors.ts'

type Content = ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | null

const ORIGIN = 'http://uploads.example'

/** `uploads.fetch`, called directly. */
export const fetchDoor: Door = {
  name: 'fetch',
  trailers: false,
  network: false,
  http1: false,
  async open(uploads) {
    return {
      origin: ORIGIN,
      port: 0,
      async send(method, url, fields, body) {
        return await ask(uploads, method, request(method, url, framed(fields, body), bodyOf(body)))
      },
      begin(method, url, fields, start) {
        return begin(uploads, method, url, fields, start)
      },
      close: async () => undefined,
    }
  },
}

function begin(...args: [Uploads, string, string, Fields, { length?: number; first: string | Uint8Array }]): Running {
  const [uploads, method, url, fields, { length, first }] = args
  const gone = new AbortController()
  let feed: ReadableStreamDefaultController<Uint8Array> | null = null
  let over = false
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      feed = controller
      controller.enqueue(Buffer.from(first))
    },
    cancel() {
      over = true
    },
  })
  const framing: Fields = length === undefined ? {} : { 'Content-Length': String(length) }
  const answer = ask(uploads, method, request(method, url, { ...fields, ...framing }, stream, gone.signal))
  answer.catch(() => undefined)
  const closed = answer.then(
    () => undefined,
    () => undefined,
  )
  let left = length === undefined ? Number.POSITIVE_INFINITY : length - Buffer.byteLength(first)
  const finish = () => {
    if (!over) feed?.close()
    over = true
  }
  return {
    async write(bytes) {
      if (!over) feed?.enqueue(Buffer.from(bytes))
      left -= Buffer.byteLength(bytes)
      if (left <= 0) finish()
    },
    end: async () => finish(),
    cut() {
      if (!over) feed?.error(new Error('the client left'))
      over = true
      gone.abort()
    },
    answer,
    closed,
  }
}

/** A Request that says what the test says, even where the constructor would refuse it. */
function request(method: string, url: string, fields: Fields, body: Content, signal?: AbortSignal): Request {
  const stream = body instanceof ReadableStream
  const constructible = !/^(CONNECT|TRACE|TRACK)$/i.test(method) && (body === null || !/^(GET|HEAD)$/.test(method))
  const made = new Request(new URL(url, ORIGIN), {
    method: constructible ? method : 'POST',
    headers: linesOf(fields),
    body,
    ...(stream && { duplex: 'half' }),
    ...(signal && { signal }),
  })
  if (!constructible) Object.defineProperty(made, 'method', { value: method })
  // A Request resolves dot segments and turns backslashes; not every runtime that makes one need do so.
  if (/\/\.{1,2}(\/|$)|\/%2e|\\/i.test(url)) Object.defineProperty(made, 'url', { value: `${ORIGIN}${url}` })
  return made
}

function framed(fields: Fields, body: Payload | undefined): Fields {
  if (body === undefined || isChunks(body)) return fields
  return { 'Content-Length': String(Buffer.byteLength(body)), ...fields }
}

function bodyOf(body: Payload | undefined): Content {
  if (body === undefined) return null
  if (!isChunks(body)) return Buffer.from(body)
  if (body.trailers !== undefined) throw new Error('there are no trailers in Fetch')
  const chunks = body.chunks.map((chunk) => Buffer.from(chunk))
  return new ReadableStream({
    pull(controller) {
      const chunk = chunks.shift()
      if (chunk === undefined) controller.close()
      else controller.enqueue(chunk)
    },
  })
}

/** Checks, too, that the response could be sent: its length is true, and HEAD, 204 and 304 have no body. */
async function ask(uploads: Uploads, method: string, request: Request): Promise<Answer> {
  const response = await uploads.fetch(request)
  const body = Buffer.from(await response.arrayBuffer())
  const bodiless = method === 'HEAD' || response.status === 204 || response.status === 304
  const length = response.headers.get('content-length')
  if (bodiless && body.length > 0) throw new Error(`a body of ${body.length} bytes in answer to ${method}`)
  if (!bodiless && length !== null && Number(length) !== body.length) {
    throw new Error(`Content-Length ${length} with a body of ${body.length} bytes in answer to ${method}`)
  }
  return answerOf(response.status, [...response.headers], body)
}
