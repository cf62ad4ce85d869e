import type { Body } from '../core/body.ts'
import type { UploadError } from '../core/errors.ts'
import type { ReplyPatch, RequestInfo } from '../core/hooks.ts'
import type { Grant } from '../core/rights.ts'
import type { Bytes } from '../core/store.ts'
import type { Completion, UploadId } from '../core/upload.ts'
import type { Caller } from '../engine/commands.ts'

/** A request as protocols see it, whatever door it came through. */
export interface UploadRequest extends RequestInfo {
  /** The effective method: the door's, or what X-HTTP-Method-Override replaced it by. Upper case. */
  readonly method: string
  /** What the URL names: the base path itself (where uploads are created), or an upload. */
  readonly target: Target
  readonly body: Body
  /** Fires when the client has gone. */
  readonly signal: AbortSignal
  /** The URL of an upload, as this client should see it. */
  urlOf(id: UploadId): string
  /**
   * The id behind a URL that this client names (relative or absolute), null if it is none of ours. Fetches nothing.
   */
  idOf(url: string): UploadId | null
  /** Is told what a yes to a creation is tied to: the query that URLs of uploads have from now on, for this request. */
  granted?(grant: Grant): void
  /** Is told, once the body has been dealt with, how many of its bytes were taken. */
  received?(bytes: number): void
  /** Sends an interim response (IETF 104). Absent where the door cannot. */
  interim?(status: number, headers: Readonly<Record<string, string>>): void
}

/** Where a URL points to. */
export type Target =
  | { readonly kind: 'base' }
  | { readonly kind: 'upload'; readonly id: UploadId }
  /** Below the base path, but not the name of an upload. */
  | { readonly kind: 'unknown' }

/** A response, before a door sends it. */
export interface Reply {
  readonly status: number
  /** Names in their usual case, for people who read traces. */
  readonly headers: Readonly<Record<string, string>>
  /** Text is sent as UTF-8. Bytes must come with a Content-Length. A reply to HEAD has none. */
  readonly body: string | Bytes | null
  /** Name of the request that this answers, for the log. */
  readonly request?: string | undefined
  /** The door ends the connection, or stream, without another word, if it can; else it sends the reply. */
  readonly abrupt?: boolean
}

/** A language in which clients speak to the engine. */
export interface Protocol {
  readonly name: string
  /** The kind of upload that it is about. */
  readonly completion: Completion
  /** Whether this request is spoken in it. */
  claims(request: UploadRequest): boolean
  /** Does what the request asks for. Throws only `UploadError`, unless there is a bug. */
  answer(request: UploadRequest): Promise<Reply>
  /** How this protocol says that a request failed. */
  refuse(error: UploadError, request: UploadRequest): Reply
  /**
   * What GET of an upload tells beside its bytes. A running transfer is ended first, so it is current. Absent where GET is
   * no business of the protocol.
   */
  state?(request: UploadRequest, id: UploadId): Promise<State>
  /** Fields on every reply, whatever it says. */
  readonly stamp: Readonly<Record<string, string>>
  /** Fields on the answer to OPTIONS. */
  discovery(request: UploadRequest): Readonly<Record<string, string>>
}

/** Where an upload stands, in the words of a protocol. */
export interface State {
  readonly complete: boolean
  readonly headers: Readonly<Record<string, string>>
}

/**
 * The request as the engine's caller.
 * @param completion the kind of upload that is meant; any if absent
 */
export function callerOf(request: UploadRequest, completion?: Completion): Caller {
  return new RequestCaller(request, completion)
}

/** What hooks want to see in a response goes over what the protocol says. */
export function patched(reply: Reply, patch: ReplyPatch | null): Reply {
  if (patch === null) return reply
  return {
    status: patch.status ?? reply.status,
    headers: { ...reply.headers, ...patch.headers },
    body: patch.body ?? reply.body,
  }
}

class RequestCaller implements Caller {
  readonly request: UploadRequest
  readonly completion?: Completion

  constructor(request: UploadRequest, completion: Completion | undefined) {
    this.request = request
    if (completion !== undefined) this.completion = completion
  }

  received(bytes: number): void {
    this.request.received?.(bytes)
  }

  granted(grant: Grant): void {
    this.request.granted?.(grant)
  }

  /** Asked for when somebody waits, as making one is not for free. */
  get signal(): AbortSignal {
    return this.request.signal
  }
}
