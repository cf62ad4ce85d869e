import { once } from 'node:events'
import http from 'node:http'

/** Where a request is: its body is on the way; the body is out and the answer is awaited; it is over. */
export type Stage = 'body' | 'answer' | 'over'

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

/** How a request ended: with a whole answer, or without one (reset, refused, cut by us, no answer in time). */
export type Ending = { readonly answer: Answer } | { readonly answer: null; readonly broken: Error }

export interface BodyPlan {
  /** For Content-Length; null sends it chunked. */
  readonly length: number | null
  /** Makes the body; ends early when the signal fires. */
  readonly pieces: (signal: AbortSignal) => AsyncIterable<Buffer>
  /** Sent after a chunked body. */
  readonly trailers?: Readonly<Record<string, string>>
}

export interface RequestPlan {
  readonly method: string
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: BodyPlan
  /** Default: a connection of its own. */
  readonly agent?: http.Agent
  /** Time after the last byte was sent after which a missing answer counts as broken, in milliseconds. Default 120,000. */
  readonly patience?: number
}

/** One request on its way. It can be watched and cut, and it never rejects: whoever started it looks at the ending. */
export interface Exchange {
  readonly ended: Promise<Ending>
  /** Bytes of the body handed to the socket so far: the server cannot have more. */
  sent(): number
  stage(): Stage
  /** Resolves when all of the body is out, or the exchange is over. */
  readonly bodyOut: Promise<void>
  /** Ends it from our side, in the middle of whatever it does. */
  cut(): void
}

/** Starts a request. */
export function exchange(plan: RequestPlan): Exchange {
  const over = new AbortController()
  const headers = { ...plan.headers, ...framing(plan.body) }
  const request = http.request(plan.url, { method: plan.method, headers, agent: plan.agent ?? false })
  let stage: Stage = plan.body ? 'body' : 'answer'
  let sent = 0
  let whole = plan.body === undefined
  let bodyIsOut: () => void = () => undefined
  const bodyOut = new Promise<void>((resolve) => {
    bodyIsOut = resolve
  })

  let timer: NodeJS.Timeout | null = null
  const ended = new Promise<Ending>((resolve) => {
    const finish = (ending: Ending): void => {
      if (stage === 'over') return
      stage = 'over'
      if (timer) clearTimeout(timer)
      over.abort()
      bodyIsOut()
      if (!whole || ending.answer === null) request.destroy()
      resolve(ending)
    }
    const broke = (broken: Error): void => finish({ answer: null, broken })
    timer = setTimeout(() => broke(new Error(`${plan.method} got no answer in time`)), plan.patience ?? 120_000)
    request.on('error', broke)
    request.on('close', () => broke(new Error('the connection closed')))
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', broke)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        finish({ answer: { status: response.statusCode ?? 0, headers: response.headers, text } })
      })
    })
  })

  async function pump(body: BodyPlan): Promise<void> {
    try {
      for await (const piece of body.pieces(over.signal)) {
        if (over.signal.aborted) return
        sent += piece.length
        timer?.refresh()
        if (!request.write(piece)) await once(request, 'drain', { signal: over.signal })
      }
      if (over.signal.aborted) return
      if (body.trailers) request.addTrailers(body.trailers)
      whole = true
      stage = 'answer'
      request.end()
      bodyIsOut()
    } catch (error) {
      if (!over.signal.aborted) request.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  }
  if (plan.body) void pump(plan.body)
  else request.end()
  return { ended, sent: () => sent, stage: () => stage, bodyOut, cut: () => request.destroy(new Error('cut by us')) }
}

function framing(body: BodyPlan | undefined): Record<string, string> {
  if (!body) return {}
  if (body.length !== null) return { 'Content-Length': String(body.length) }
  return {
    'Transfer-Encoding': 'chunked',
    ...(body.trailers ? { Trailer: Object.keys(body.trailers).join(', ') } : {}),
  }
}
