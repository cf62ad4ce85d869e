import type { Body } from '../core/body.ts'
import type { Grant } from '../core/rights.ts'
import type { UploadId } from '../core/upload.ts'
import type { Target, UploadRequest } from '../protocols/exchange.ts'
import type { Account } from './account.ts'
import type { Arrival } from './arrival.ts'
import type { Location } from './location.ts'
import type { Outside } from './outside.ts'

/** What the URL and the method of a request mean. `id` names it in the log. */
export function understand(
  arrival: Arrival,
  outside: Outside,
  location: Location,
  id: string,
  account: Account,
): UploadRequest {
  return new Understood(arrival, outside, location, id, account)
}

/** A class, as V8 makes an object from a literal with a getter ten times as slowly. */
class Understood implements UploadRequest {
  readonly id: string
  readonly method: string
  readonly uri: string
  readonly remoteAddress: string | null
  readonly remotePort: number | null
  readonly body: Body
  readonly target: Target
  /** Functions, not methods: hooks may take them out of the request. */
  readonly header: (name: Lowercase<string>) => string | null
  readonly urlOf: (id: UploadId) => string
  readonly idOf: (url: string) => UploadId | null
  readonly received: (bytes: number) => void
  readonly interim?: NonNullable<UploadRequest['interim']>
  readonly #arrival: Arrival
  #query = ''

  constructor(arrival: Arrival, outside: Outside, location: Location, id: string, account: Account) {
    const { uri, body, interim } = arrival
    this.id = id
    // Whatever the real method is (tus 1.0.0, X-HTTP-Method-Override): some networks let only some through.
    this.method = (arrival.header('x-http-method-override') ?? arrival.method).toUpperCase()
    this.uri = uri
    this.remoteAddress = outside.remoteAddress
    // Now, as a socket that is closed has forgotten it; of a connection that a proxy made, it says nothing of the client.
    this.remotePort = arrival.remoteAddress === outside.remoteAddress ? (arrival.remotePort ?? null) : null
    this.body = body
    this.target = location.target(uri)
    this.header = (name) => arrival.header(name)
    this.urlOf = (upload) => location.urlOf(outside, upload) + this.#query
    this.idOf = (url) => location.idOf(outside, url)
    this.received = (bytes) => account.received(bytes)
    if (interim !== undefined) this.interim = interim.bind(arrival)
    this.#arrival = arrival
  }

  headers(): Readonly<Record<string, string>> {
    return this.#arrival.headers()
  }

  granted({ urlQuery }: Grant): void {
    if (urlQuery !== undefined) this.#query = `?${urlQuery}`
  }

  get signal(): AbortSignal {
    return this.#arrival.signal
  }
}
