// @ts-check
import { once } from 'node:events'
import { connect } from 'node:http2'
import { contentOf } from '../body.js'

/** @typedef {import('./tus.js').Upload} Upload */

const PATIENCE = 5000

/**
 * Sends one upload over HTTP/2 without TLS, with prior knowledge. `spoken` is false if the server does not answer in it.
 * @param {{ port: number, upload: Upload | null }} order null only finds out whether the server speaks it
 */
export async function upload2({ port, upload }) {
  const session = connect(`http://127.0.0.1:${port}`)
  // Heard where it matters: in once() and in the streams
  session.on('error', () => {})
  try {
    const spoken = await once(session, 'remoteSettings', { signal: AbortSignal.timeout(PATIENCE) }).then(
      () => true,
      () => false,
    )
    if (!spoken || upload === null) return { spoken, seconds: 0 }
    const start = performance.now()
    await patch(session, upload)
    return { spoken, seconds: (performance.now() - start) / 1000 }
  } finally {
    session.destroy()
  }
}

/**
 * @param {import('node:http2').ClientHttp2Session} session
 * @param {Upload} upload
 */
async function patch(session, { path, seed, length }) {
  const stream = session.request({
    ':method': 'PATCH',
    ':path': path,
    'tus-resumable': '1.0.0',
    'upload-offset': '0',
    'content-length': String(length),
    'content-type': 'application/offset+octet-stream',
  })
  const answered = once(stream, 'response')
  // Heard below, after the body
  answered.catch(() => {})
  for (const piece of contentOf(seed, 0, length)) {
    if (stream.destroyed) break
    if (!stream.write(piece)) await Promise.race([once(stream, 'drain'), answered])
  }
  stream.end()
  const [headers] = await answered
  stream.resume()
  if (headers[':status'] !== 204 || headers['upload-offset'] !== String(length)) {
    throw new Error(`PATCH over HTTP/2 was answered ${headers[':status']}, offset ${headers['upload-offset']}`)
  }
}
