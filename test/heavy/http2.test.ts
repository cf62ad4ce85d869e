import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { basename, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type Content, content, fingerprint, sha256Of } from './support/content.ts'
import { temporaryFolder } from './support/folder.ts'
import { type Random, report, suiteRandom } from './support/random.ts'
import { rounds } from './support/rounds.ts'
import { type Server, startServer } from './support/server.ts'

const UPLOADS = rounds(120, 500)
const WORKERS = 12
const CONNECTIONS = 3
/** Most are longer than what of a body is left to the garbage collector, so that their memory goes back by hand. */
const LENGTHS = [1, 6 << 20] as const
const PIECES = [1, 256 << 10] as const

interface Upload {
  readonly path: string
  readonly content: Content
  readonly length: number
}

/**
 * Frames of several uploads lie in one read of a connection, whose memory goes back while others still need it if anything is
 * counted wrongly. So: many uploads on few connections, in pieces of all sizes, with streams that are reset and connections that
 * are cut, and every byte compared.
 */
test(`${UPLOADS} uploads on ${CONNECTIONS} connections of HTTP/2, with resets and cuts, are equal byte by byte`, async () => {
  const directory = await temporaryFolder()
  const server = await startServer({ directory, durability: 'none', more: ['-enable-h2c', '-verbose=false'] })
  const random = suiteRandom('http2')
  const lines = Array.from({ length: CONNECTIONS }, () => line(server))
  const misfortunes = { resets: 0, cuts: 0, resumed: 0 }
  const uploads: Upload[] = []
  let begun = 0

  async function work(): Promise<void> {
    while (begun < UPLOADS) {
      const own = random.fork(String(begun++))
      const length = own.int(...LENGTHS)
      const { location } = await ask(own, { ':method': 'POST', ':path': '/files/', 'upload-length': String(length) })
      const upload = { path: new URL(String(location)).pathname, content: content(own.seed), length }
      uploads.push(upload)
      for (let offset = 0; offset < length; ) {
        await send(own, upload, offset)
        const head = await ask(own, { ':method': 'HEAD', ':path': upload.path })
        const next = Number(head['upload-offset'])
        expect(next).toBeGreaterThanOrEqual(offset)
        expect(next).toBeLessThanOrEqual(length)
        if (next < length) misfortunes.resumed++
        offset = next
      }
    }
  }

  /** Asks until there is an answer: a connection may be cut meanwhile. */
  async function ask(own: Random, headers: Record<string, string>): Promise<Record<string, unknown>> {
    for (let tries = 0; tries < 100; tries++) {
      const stream = own.pick(lines).open(headers)
      stream.end()
      stream.resume()
      // A stream whose connection is cut may end without a word
      const answer = await Promise.race([once(stream, 'response'), once(stream, 'close').then(() => null)]).catch(
        () => null,
      )
      if (answer === null) continue
      expect([200, 201]).toContain(answer[0][':status'])
      return answer[0]
    }
    throw new Error(`no answer to ${headers[':method']}`)
  }

  /** Sends the rest of an upload, or what fate lets through. */
  async function send(own: Random, upload: Upload, offset: number): Promise<void> {
    const path = own.pick(lines)
    const stream = path.open({
      ':method': 'PATCH',
      ':path': upload.path,
      'upload-offset': String(offset),
      'content-type': 'application/offset+octet-stream',
      ...(own.chance(0.5) && { 'content-length': String(upload.length - offset) }),
    })
    // An answer that nobody reads keeps a stream open
    stream.resume()
    const over = once(stream, 'close').catch(() => undefined)
    const fate = own.next()
    const end = fate < 0.4 ? own.int(offset, upload.length) : upload.length
    for (let at = offset; at < end && !stream.closed; ) {
      const next = Math.min(end, at + own.int(...PIECES))
      if (!stream.write(upload.content.bytes(at, next)))
        await Promise.race([once(stream, 'drain').catch(() => undefined), over])
      at = next
    }
    if (end === upload.length) stream.end()
    else if (fate < 0.35) {
      misfortunes.resets++
      stream.close(constants.NGHTTP2_CANCEL)
    } else {
      misfortunes.cuts++
      path.cut()
    }
    await over
  }

  await Promise.all(Array.from({ length: WORKERS }, work))
  for (const { path, content: sent, length } of uploads) {
    expect(await fingerprint(join(directory, basename(path)))).toEqual({ sha256: sha256Of(sent, length), size: length })
  }
  report(
    `${uploads.length} uploads: ${misfortunes.resets} resets, ${misfortunes.cuts} cuts, ${misfortunes.resumed} resumed`,
  )
  expect(server.running()).toBe(true)
  expect(misfortunes.resets).toBeGreaterThan(UPLOADS / 10)
  expect(misfortunes.cuts).toBeGreaterThan(0)
})

interface Line {
  /** Begins a request on the connection, which is made anew if it is gone. */
  open(headers: Record<string, string>): ClientHttp2Stream
  /** Cuts the connection, with all that is under way on it. */
  cut(): void
}

function line({ origin }: Server): Line {
  let session: ClientHttp2Session | null = null
  onTestFinished(() => session?.destroy())
  const cut = (): void => {
    session?.destroy()
    session = null
  }
  return {
    open(headers) {
      if (session === null || session.closed || session.destroyed) {
        // All bodies wait in it
        session = connect(origin, { maxSessionMemory: 200 })
        session.on('error', () => undefined)
      }
      const stream = session.request({ 'tus-resumable': '1.0.0', ...headers })
      // Who waits for it hears of its end
      stream.on('error', () => undefined)
      return stream
    },
    cut,
  }
}
