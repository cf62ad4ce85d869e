import { createHash } from 'node:crypto'

export const MiB = 1 << 20
const OCTETS = 'application/offset+octet-stream'

/** Asks a tus server, by whatever way: ours by `fetch` of its uploads, tusd over the network. */
export interface TusClient {
  ask(method: string, url: string, fields?: Readonly<Record<string, string>>, body?: Uint8Array): Promise<Response>
  /** Returns the URL, relative to the server. */
  create(fields: Readonly<Record<string, string>>): Promise<string>
  /** Upload-Offset and Upload-Length as HEAD tells them; the status if it tells none. */
  stand(url: string): Promise<string>
  append(url: string, offset: number, bytes: Uint8Array): Promise<number>
  /** SHA-256 of what GET answers. */
  content(url: string): Promise<string>
}

export function tusClient(origin: string, send: (request: Request) => Promise<Response>): TusClient {
  const client: TusClient = {
    ask: (method, url, fields = {}, body) =>
      send(
        new Request(new URL(url, origin), {
          method,
          headers: { 'Tus-Resumable': '1.0.0', ...fields },
          ...(body !== undefined && { body: new Uint8Array(body) }),
        }),
      ),
    async create(fields) {
      const answer = await client.ask('POST', '/files/', fields)
      if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`)
      return new URL(answer.headers.get('location') ?? '', origin).pathname
    },
    async stand(url) {
      const { status, headers } = await client.ask('HEAD', url)
      return status === 200 ? `${headers.get('upload-offset')} of ${headers.get('upload-length')}` : String(status)
    },
    async append(url, offset, bytes) {
      const fields = { 'Upload-Offset': String(offset), 'Content-Type': OCTETS }
      return (await client.ask('PATCH', url, fields, bytes)).status
    },
    async content(url) {
      return sha256(new Uint8Array(await (await client.ask('GET', url)).arrayBuffer()))
    },
  }
  return client
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
