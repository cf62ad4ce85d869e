import { Agent, type ClientRequest, type IncomingMessage, request as outgoing, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { CallUnderWay } from './fault-call.ts'
import type { Answered, Forward } from './faults.ts'

/** A request at the proxy, and where it would go. */
export interface Exchanged {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** The client's connection; a request that was destroyed has none any more. */
  readonly socket: Socket
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expects: boolean
  readonly call: CallUnderWay
  readonly upstream: { readonly target: URL; readonly agent: Agent }
}

/** Connections are used again for a few seconds only: less than any service leaves one open. */
export function upstreamAgent(): Agent {
  return new Agent({ keepAlive: true, timeout: 5000 })
}

/** Reads the body, if there is any, and never answers; over when the client goes. */
export async function discard(exchanged: Exchanged): Promise<void> {
  bodyOf(exchanged, null).catch(() => undefined)
  await closed(exchanged.response)
  exchanged.call.end(null)
}

/** Answers in the service's place. */
export async function answerError(exchanged: Exchanged, fault: Answered): Promise<void> {
  const { request, response, call } = exchanged
  const text = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${fault.code}</Code><Message>by the test</Message></Error>`
  const headless = request.method === 'HEAD'
  const fields = { 'Content-Type': 'application/xml', 'Content-Length': headless ? 0 : Buffer.byteLength(text) }
  if (fault.early) {
    response.writeHead(fault.status, { ...fields, Connection: 'close' })
  } else {
    await bodyOf(exchanged, null)
    await fault.after
    response.writeHead(fault.status, fields)
  }
  response.end(headless ? undefined : text)
  call.end(fault.status)
}

/**
 * Passes call and answer on, as far as the fault allows.
 * @param cutAfter bytes of the body after which both sides are cut
 */
export async function forward(exchanged: Exchanged, fault: Forward, cutAfter?: number): Promise<void> {
  const { response, call } = exchanged
  const { signal, disarm } = clientGone(response)
  if (fault.before && !(await settled(fault.before, signal))) return call.end(null)
  const sending = send(exchanged)
  signal.addEventListener('abort', () => sending.destroy(), { once: true })
  const answered = answerOf(sending, call)
  // Whichever way the body ends, the answer decides; a call whose body was cut gets none.
  const body = passBody(exchanged, sending, cutAfter).catch(() => sending.destroy())
  const answer = await answered
  if (fault.after && !(await settled(fault.after, signal))) return call.end(null)
  await passAnswer(answer, fault.answer ?? 'whole', { socket: exchanged.socket, response, disarm })
  await body
  call.end(null)
}

/** Takes the body, cuts the client, and calls the service when it is time. */
export async function forwardLate(exchanged: Exchanged, fault: Forward): Promise<void> {
  const { socket, call } = exchanged
  const chunks: Buffer[] = []
  await bodyOf(exchanged, chunks)
  socket.resetAndDestroy()
  await fault.before
  const sending = send({ ...exchanged, expects: false })
  const answered = answerOf(sending, call)
  sending.end(Buffer.concat(chunks))
  for await (const _ of await answered) void _
  call.end(null)
}

function send({ request, response, expects, upstream }: Exchanged): ClientRequest {
  const { connection: _, expect, ...headers } = request.headers
  const sending = outgoing(new URL(request.url ?? '/', upstream.target), {
    method: request.method,
    // `host` among them: it is part of what the client has signed.
    headers: expects && expect !== undefined ? { ...headers, expect } : headers,
    agent: upstream.agent,
  })
  if (expects) sending.on('continue', () => response.writeContinue())
  return sending
}

function answerOf(sending: ClientRequest, call: CallUnderWay): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sending.on('response', (answer) => {
      call.answered(answer.statusCode ?? 0)
      resolve(answer)
    })
    sending.on('error', reject)
    sending.on('close', () => reject(new Error('no answer')))
  })
}

async function passBody(
  { request, socket, call }: Exchanged,
  sending: ClientRequest,
  cutAfter?: number,
): Promise<void> {
  let left = cutAfter ?? Number.POSITIVE_INFINITY
  await pipeline(
    request,
    async function* (source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        call.received(chunk.length)
        yield chunk.subarray(0, left)
        left -= chunk.length
        if (left > 0) continue
        socket.resetAndDestroy()
        throw new Error('cut')
      }
    },
    sending,
  )
}

interface ToClient {
  readonly socket: Socket
  readonly response: ServerResponse
  /** The service has said all: its connection may serve others, and must not be cut when this client goes. */
  readonly disarm: () => void
}

async function passAnswer(answer: IncomingMessage, how: NonNullable<Forward['answer']>, to: ToClient): Promise<void> {
  const { socket, response } = to
  const { connection: _, 'keep-alive': __, ...headers } = answer.headers
  answer.once('end', to.disarm)
  if (how === 'whole') {
    response.writeHead(answer.statusCode ?? 500, headers)
    return await pipeline(answer, response)
  }
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk)
  if (how === 'never') return await closed(response)
  const body = Buffer.concat(chunks)
  if (how === 'half' && body.length > 0) {
    response.writeHead(answer.statusCode ?? 500, headers)
    await written((done) => response.write(body.subarray(0, body.length / 2), done))
  } else if (how === 'half') {
    await written((done) => socket.write(`HTTP/1.1 ${answer.statusCode} OK\r\nContent-Le`, done))
  }
  // Not a reset, which may take back what was just written.
  socket.destroy()
}

function written(write: (done: () => void) => unknown): Promise<void> {
  return new Promise((resolve) => write(() => resolve()))
}

/** Reads the whole body; into `chunks` if there are any to fill. */
async function bodyOf(exchanged: Exchanged, chunks: Buffer[] | null): Promise<void> {
  const { request, response, expects, call } = exchanged
  if (expects) response.writeContinue()
  for await (const chunk of request) {
    call.received(chunk.length)
    chunks?.push(chunk)
  }
}

/** Resolves when a response is over, or the connection that waited for it. */
function closed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (response.closed) return resolve()
    response.once('close', () => resolve())
  })
}

/** Fires when the client goes before it is disarmed. */
function clientGone(response: ServerResponse): { readonly signal: AbortSignal; readonly disarm: () => void } {
  const over = new AbortController()
  const abort = (): void => over.abort()
  if (response.closed) abort()
  response.once('close', abort)
  return { signal: over.signal, disarm: () => response.off('close', abort) }
}

/** Whether `moment` came before the signal fired. */
async function settled(moment: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false
  return await new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(false), { once: true })
    moment.then(
      () => resolve(!signal.aborted),
      () => resolve(false),
    )
  })
}
