import { Agent, type IncomingHttpHeaders, request as plainRequest } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import { rootCertificates } from 'node:tls'
import { UploadError } from '../../core/errors.ts'

export interface PostOptions {
  readonly url: URL
  /** Most bytes of an answer of 2xx. Of another one so many are read: what is wrong is told by its status. */
  readonly maxResponse: number
  /** Whether any certificate is believed. Default: false. */
  readonly skipVerify?: boolean
  /** Certificates (PEM) of authorities that are believed beside those that Node knows. */
  readonly ca?: string
}

/** What came back. */
export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly text: string
}

/** Sends a text. Throws what the network says, or an `UploadError` for an answer that cannot be used. */
export type Post = (text: string, headers: Readonly<Record<string, string>>, signal: AbortSignal) => Promise<Answer>

/** Connections are kept for the next message; those that are idle keep no process alive. */
export function createPost({ url, maxResponse, skipVerify = false, ca }: PostOptions): Post {
  const secure = url.protocol === 'https:'
  const agent = secure
    ? new SecureAgent({
        keepAlive: true,
        rejectUnauthorized: !skipVerify,
        ...(ca !== undefined && { ca: [...rootCertificates, ca] }),
      })
    : new Agent({ keepAlive: true })
  const begin = secure ? secureRequest : plainRequest
  const post: Post = (text, headers, signal) =>
    new Promise((resolve, reject) => {
      const body = Buffer.from(text)
      const request = begin(url, {
        method: 'POST',
        agent,
        signal,
        headers: { ...headers, 'Content-Length': String(body.length) },
      })
      request.once('error', (error) => {
        // The server closed an idle connection in the moment in which it was taken: nothing was asked yet.
        const stale = request.reusedSocket && 'code' in error && error.code === 'ECONNRESET'
        if (stale && !signal.aborted) resolve(post(text, headers, signal))
        else reject(error)
      })
      request.once('response', (response) => {
        const chunks: Buffer[] = []
        let size = 0
        const status = response.statusCode ?? 0
        const told = () =>
          resolve({ status, contentType: contentTypeOf(response.headers), text: Buffer.concat(chunks).toString() })
        response.on('data', (chunk: Buffer) => {
          size += chunk.length
          chunks.push(chunk)
          if (size <= maxResponse) return
          request.destroy()
          const hint = `the hook ${url.origin}${url.pathname} answered with more than ${maxResponse} bytes`
          if (status < 200 || status > 299) told()
          else reject(new UploadError('hook_failed', { hint }))
        })
        response.once('end', told)
        response.once('error', reject)
      })
      request.end(body)
    })
  return post
}

function contentTypeOf(headers: IncomingHttpHeaders): string {
  return headers['content-type'] ?? ''
}
