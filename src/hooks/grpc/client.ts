import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { Code, ConnectError } from '@connectrpc/connect'
import { UploadError } from '../../core/errors.ts'
import type { RequestInfo } from '../../core/hooks.ts'
import { wireName } from '../message.ts'
import type { HookCall, Transport } from '../remote.ts'
import type { Target } from './address.ts'
import { answerOf } from './answer.ts'
import { attempt, type Failure } from './attempt.ts'
import { connectionTo } from './connection.ts'
import { requestOf } from './request.ts'
import { hideSecrets } from './secrets.ts'

/** How a hook server is asked; all times in milliseconds. */
export interface ClientOptions {
  readonly target: Target
  /** In all, at least 1. */
  readonly attempts: number
  /** Between attempts. */
  readonly backoff: number
  /** For all attempts of a call together; null for none. */
  readonly timeout: number | null
  /** Names of header fields, as metadata of gRPC wants them. */
  readonly forward: readonly Lowercase<string>[]
}

/** A hook server and the connection to it, which is opened when there is something to ask. */
export interface Client extends Transport {
  /** Ends the connection and the calls on it. */
  close(): void
}

export function createClient({ target, attempts, backoff, timeout, forward }: ClientOptions): Client {
  const connection = connectionTo(target)
  const running = new Set<AbortController>()
  let closed = false

  async function ask(call: HookCall, closing: AbortSignal): Promise<ReturnType<typeof answerOf>> {
    const request = requestOf(call)
    const headers = forwarded(call.request, forward)
    const end = timeout === null ? Infinity : performance.now() + timeout
    for (let count = 1; ; count++) {
      const left = Math.max(1, Math.ceil(end - performance.now()))
      const limit = left === Infinity ? {} : { timeoutMs: left }
      const result = await attempt(connection, request, { headers, signal: closing, ...limit })
      if (!('passing' in result)) return answerOf(result, call.moment)
      if (result.passing && count < attempts && performance.now() + backoff < end) {
        await pause(backoff, undefined, { signal: closing }).catch(() => undefined)
        if (!closing.aborted) continue
      }
      const why = closing.aborted ? 'the hooks were closed' : told(result, call.request, headers)
      throw failed(why, call, count, result)
    }
  }

  function told({ from, error }: Failure, request: RequestInfo, headers: Headers): string {
    if (from === 'time') return `no answer within ${timeout} ms`
    const text = hideSecrets(rootOf(error), request, headers.values())
    if (from === 'connection') return `no connection to ${target.origin}: ${text}`
    return from === 'hook' ? `it answered ${Code[error.code]}: ${text}` : `what it answered is not gRPC: ${text}`
  }

  return {
    async ask(call) {
      if (closed) throw new UploadError('hook_failed', { hint: 'a gRPC hook was called after the hooks were closed' })
      const controller = new AbortController()
      running.add(controller)
      try {
        return await ask(call, controller.signal)
      } finally {
        running.delete(controller)
      }
    },
    close() {
      closed = true
      const reason = new ConnectError('the hooks were closed', Code.Unavailable)
      for (const controller of running) controller.abort(reason)
      connection.close()
    },
  }
}

function failed(why: string, { moment }: HookCall, count: number, { from, error }: Failure): UploadError {
  const times = count === 1 ? '' : ` ${count} times`
  const hint = `the gRPC hook ${wireName(moment)} failed${times}: ${why}`
  // What the hook says is in the hint, without secrets; the error has it as it came
  return new UploadError('hook_failed', { hint }, from === 'hook' ? {} : { cause: error })
}

/** What it began with: node:http2 wraps it, and so does Connect. */
function rootOf(error: ConnectError): string {
  let root: Error = error
  while (root.cause instanceof Error) root = root.cause
  return root === error ? error.rawMessage : root.message
}

/** What the client sent under the names that shall reach the hook server as metadata of the call. */
function forwarded(request: RequestInfo, names: readonly Lowercase<string>[]): Headers {
  const headers = new Headers()
  for (const name of names) {
    const value = request.header(name)
    if (value !== null) headers.set(name, value)
  }
  return headers
}
