import type { IncomingMessage } from 'node:http'
import type { Fault } from './faults.ts'
import { parseS3Request, type S3Request } from './s3-request.ts'

/** One call, as the proxy saw it. */
export interface Call extends S3Request {
  /** 1 for the first call of all. */
  readonly number: number
  /** Content-Length; null if it was not told. */
  readonly length: number | null
  /** Bytes of the body that have come from the client. */
  readonly bytes: number
  readonly fault: Fault | null
  /** What the service answered; null as long as it has not, or if it never was asked. */
  readonly status: number | null
  /** Resolves when the call is over for client and service: answered, cut or given up. */
  readonly ended: Promise<void>
}

/** A call under way, and what notes its course. */
export interface CallUnderWay {
  readonly call: Call
  begin(fault: Fault | null): void
  received(bytes: number): void
  answered(status: number): void
  end(status: number | null): void
}

export function callOf(request: IncomingMessage, number: number): CallUnderWay {
  const { method = '', url = '/', headers } = request
  const length = headers['content-length']
  let fault: Fault | null = null
  let bytes = 0
  let status: number | null = null
  let resolve: () => void = () => undefined
  const ended = new Promise<void>((done) => {
    resolve = done
  })
  const call: Call = {
    ...parseS3Request(method, url, headers['x-amz-copy-source'] !== undefined),
    number,
    length: length === undefined ? null : Number(length),
    ended,
    get bytes() {
      return bytes
    },
    get fault() {
      return fault
    },
    get status() {
      return status
    },
  }
  return {
    call,
    begin: (what) => {
      fault = what
    },
    received: (more) => {
      bytes += more
    },
    answered: (what) => {
      status = what
    },
    end(what) {
      status ??= what
      resolve()
    },
  }
}
