import type { Body } from '../core/body.ts'
import type { Reply } from '../protocols/exchange.ts'

/** A request as a door hands it in, before its URL and method are understood. */
export interface Arrival {
  /** As on the wire. */
  readonly method: string
  /** Request target as on the wire: path and query, or an absolute URL. */
  readonly uri: string
  /** Whether it came over TLS. */
  readonly secure: boolean
  readonly remoteAddress: string | null
  readonly remotePort?: number | null
  /** Whether it came over a Unix socket, whose peers have no address. */
  readonly unixSocket?: boolean
  /** A header field by its lower-case name, repeated fields joined by `, `; null if absent. */
  header(name: Lowercase<string>): string | null
  /** All header fields by their lower-case names, repeated ones joined by `, `. */
  headers(): Readonly<Record<string, string>>
  readonly body: Body
  /** Fires when the client has gone. */
  readonly signal: AbortSignal
  /** Sends an interim response. Absent where the door cannot. */
  interim?(status: number, headers: Readonly<Record<string, string>>): void
}

/** What every door calls. Never rejects: whatever goes wrong is a reply. */
export type Handle = (arrival: Arrival) => Promise<Reply>
