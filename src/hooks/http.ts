import { setTimeout as sleep } from 'node:timers/promises'
import { UploadError } from '../core/errors.ts'
import { type Hooks, MOMENTS, type Moment, type RequestInfo } from '../core/hooks.ts'
import { type Answer, createPost, type PostOptions } from './http/post.ts'
import { createSigner } from './http/sign.ts'
import { excerpt, parseAnswer, printCall } from './message.ts'
import { type HookAnswer, type HookCall, remoteHooks } from './remote.ts'
import { withoutSecrets } from './secrets.ts'

export interface HttpHooksOptions extends Pick<PostOptions, 'skipVerify' | 'ca'> {
  /** Where messages are sent by POST: `https://api.example.org/hooks`. A user and a password in it are sent as Basic credentials. */
  readonly url: string | URL
  /** Moments at which it is asked. Default: all. */
  readonly moments?: readonly Moment[]
  /** Attempts in all, as long as there is no answer, or one of 500 and more. Default: 3. */
  readonly attempts?: number
  /** Milliseconds between two attempts. Default: 1,000. */
  readonly backoff?: number
  /** Milliseconds for all attempts together. Default: 15,000. */
  readonly timeout?: number
  /** Most bytes of an answer. Default: 5,120. */
  readonly maxResponse?: number
  /**
   * Names of header fields of the client's request that are sent along. What says how a request itself is to be read (`Host`,
   * `Content-Type`, `Transfer-Encoding` and their like) never is. Default: none.
   */
  readonly forwardHeaders?: readonly string[]
  /**
   * Signs every message, so that the endpoint can trust it, as the Standard Webhooks specification has it: `webhook-id`,
   * `webhook-timestamp`, `webhook-signature`. A text, or `whsec_` and Base64; several while a secret is being replaced.
   */
  readonly secret?: string | readonly string[]
}

/**
 * Asks an HTTP server, with tusd's messages as JSON. It must answer 2xx with JSON; anything else is a failure. Throws `TypeError` for a URL or
 * a secret that cannot be used.
 */
export function httpHooks(options: HttpHooksOptions): Hooks {
  const url = urlOf(options.url)
  const shown = `${url.origin}${url.pathname}`
  const { moments = MOMENTS, attempts = 3, backoff = 1000, timeout = 15_000, forwardHeaders = [] } = options
  const { maxResponse = 5120, skipVerify = false, ca } = options
  const sign = createSigner(options.secret ?? [])
  const post = createPost({ url, maxResponse, skipVerify, ...(ca !== undefined && { ca }) })
  return remoteHooks({ ask }, moments)

  async function ask(call: HookCall): Promise<HookAnswer> {
    const text = printCall(call)
    const along = forwarded(call.request, forwardHeaders)
    const headers = { ...along, 'Content-Type': 'application/json', ...sign(call.occasion.id, text) }
    const shown = (said: string) => excerpt(withoutSecrets(said, call.request, Object.values(along)))
    const late = AbortSignal.timeout(timeout)
    const answer = await answered(text, headers, late)
    if (answer.status < 200 || answer.status > 299) throw failure(`answered ${answer.status}: ${shown(answer.text)}`)
    if (!/^application\/json\s*(;|$)/i.test(answer.contentType)) {
      throw failure(`answered with the Content-Type ${excerpt(answer.contentType)}, not application/json`)
    }
    if (answer.text === '') throw failure('answered with an empty body; {} is an answer that says nothing')
    return parseAnswer(answer.text, shown)
  }

  /** The first answer below 500, or the last. */
  async function answered(text: string, headers: Readonly<Record<string, string>>, late: AbortSignal): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      const last = attempt >= attempts
      try {
        const answer = await post(text, headers, late)
        if (answer.status < 500 || last) return answer
      } catch (cause) {
        if (cause instanceof UploadError) throw cause
        if (late.aborted) throw failure(`did not answer within ${timeout} ms`, cause)
        if (last) throw failure(`cannot be asked: ${cause instanceof Error ? cause.message : String(cause)}`, cause)
      }
      await sleep(backoff, undefined, { signal: late }).catch((cause: unknown) => {
        throw failure(`did not answer well within ${timeout} ms`, cause)
      })
    }
  }

  function failure(what: string, cause?: unknown): UploadError {
    return new UploadError('hook_failed', { hint: `the hook ${shown} ${what}` }, { cause })
  }
}

function urlOf(given: string | URL): URL {
  const text = String(given)
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:')) return url
  throw new TypeError(`the url of a hook must begin with http:// or https://, but is ${JSON.stringify(text)}`)
}

/** Of the request to the hook, and nobody else's to say: a client could lead it elsewhere, or have it read as another one. */
const OWN =
  /^(?:host|content-(?:type|length|encoding)|transfer-encoding|te|trailer|connection|keep-alive|upgrade|expect|webhook-(?:id|timestamp|signature))$/

/** Fields by the names under which they were asked for, as far as the client sent them. */
function forwarded(request: RequestInfo, names: readonly string[]): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const name of names) {
    const lower = name.toLowerCase()
    const value = isLower(lower) && !OWN.test(lower) ? request.header(lower) : null
    if (value !== null) found[name] = value
  }
  return found
}

function isLower(name: string): name is Lowercase<string> {
  return name === name.toLowerCase()
}
