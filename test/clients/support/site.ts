import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const library = dirname(createRequire(import.meta.url).resolve('tus-js-client/package.json'))

/** What the site serves: path, content type, file. */
const FILES = new Map<string, readonly [type: string, path: string]>([
  ['/', ['text/html', fileURLToPath(new URL('../fixtures/upload.html', import.meta.url))]],
  ['/upload.js', ['text/javascript', fileURLToPath(new URL('../fixtures/upload.js', import.meta.url))]],
  ['/tus.min.js', ['text/javascript', join(library, 'dist', 'tus.min.js')]],
])

/** A web site with an upload page, on an origin of its own: to the browser, uploads go to a foreign server. */
export interface Site {
  readonly origin: string
  close(): Promise<void>
}

export async function startSite(): Promise<Site> {
  const server = createServer((request, response) => {
    const found = FILES.get(new URL(request.url ?? '/', 'http://site').pathname)
    if (found === undefined) {
      response.writeHead(404).end()
      return
    }
    const [type, path] = found
    readFile(path).then(
      (content) => response.writeHead(200, { 'Content-Type': `${type}; charset=utf-8` }).end(content),
      (error: Error) => response.writeHead(500).end(error.message),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the site has no port')
  return {
    origin: `http://127.0.0.1:${address.port}`,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
