/** A response as a test sees it, whatever door it came through. */
export interface Answer {
  readonly status: number
  /** Field lines as sent, names in lower case. */
  readonly fields: readonly (readonly [string, string])[]
  /** Without transfer coding. */
  readonly body: Buffer
  readonly text: string
  /** Values of all lines of that name, joined by `, `; null if there is none. */
  header(name: Lowercase<string>): string | null
}

/** Header fields of a request; an array sends several lines, null takes a default away. */
export type Fields = Readonly<Record<string, string | readonly string[] | null>>

/** A body sent in chunks, without a Content-Length. Trailers work through the node door only. */
export interface Chunks {
  readonly chunks: readonly (string | Uint8Array)[]
  readonly trailers?: Readonly<Record<string, string>>
}

export type Payload = string | Uint8Array | Chunks

/** Wraps parts of a body so that it is sent chunked. */
export function chunked(...chunks: readonly (string | Uint8Array)[]): Chunks {
  return { chunks }
}

export function isChunks(body: Payload | undefined): body is Chunks {
  return typeof body === 'object' && 'chunks' in body
}

export function answerOf(status: number, fields: readonly (readonly [string, string])[], body: Buffer): Answer {
  return {
    status,
    fields,
    body,
    text: body.toString('utf8'),
    header(name) {
      const values = fields.filter(([key]) => key === name).map(([, value]) => value)
      return values.length > 0 ? values.join(', ') : null
    },
  }
}

/** Field lines ready for the wire: octets as Latin-1 characters; what does not fit is sent as UTF-8. */
export function linesOf(fields: Fields): [string, string][] {
  const lines: [string, string][] = []
  for (const [name, value] of Object.entries(fields)) {
    if (value === null) continue
    for (const each of typeof value === 'string' ? [value] : value) lines.push([name, octets(each)])
  }
  return lines
}

function octets(text: string): string {
  const latin = Buffer.from(text, 'latin1').toString('latin1') === text
  return latin ? text : Buffer.from(text, 'utf8').toString('latin1')
}
