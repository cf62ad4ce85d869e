import { createHash } from 'node:crypto'
import http from 'node:http'
import { sha256Of } from './content.ts'
import { BrokenPromise, type Entry } from './ledger.ts'
import type { Site } from './uploader.ts'

export interface Downloaded {
  readonly status: number
  readonly sha256: string
  readonly size: number
}

/** GET, hashed as it comes. Rejects if the connection breaks. */
export function download(url: string): Promise<Downloaded> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent: false }, (response) => {
      const hash = createHash('sha256')
      let size = 0
      response.on('data', (chunk: Buffer) => {
        hash.update(chunk)
        size += chunk.length
      })
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, sha256: hash.digest('hex'), size }))
    })
    request.on('error', reject)
  })
}

/** Downloads a complete upload, again if the server goes away meanwhile. Throws `BrokenPromise` if it is not what was sent. */
export async function proveByDownload(site: Site, entry: Entry): Promise<void> {
  for (;;) {
    const origin = await site.origin()
    const got = await download(origin + entry.path).catch(() => null)
    if (got === null) continue
    if (got.status !== 200 || got.size !== entry.length || got.sha256 !== sha256Of(entry.content, entry.length))
      throw new BrokenPromise(
        `${entry.key} (${entry.path}): GET gave ${got.status} with ${got.size} bytes of ${entry.length}, not what was sent`,
      )
    return
  }
}
