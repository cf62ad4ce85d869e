// @ts-check
import { checkUploads } from '../check.js'
import { Unsupported } from '../unsupported.js'
import { GIB, sizeText } from './sizes.js'
import { withFlags } from './variants.js'
import { warmBytes } from './warm.js'

/**
 * One upload over HTTP/2 without TLS, against the same over HTTP/1.1 to the same server. Tusker only.
 * @type {import('../types.ts').Row}
 */
export const http2 = {
  name: 'http2',
  title: (size) => `one PATCH of ${sizeText(size)}, HTTP/2 against HTTP/1.1`,
  unit: 'GiB',
  fills: true,
  contestants: (peers) =>
    peers
      .filter((peer) => peer.name === 'tusker')
      .flatMap((peer) => {
        const h2c = withFlags(peer, ['-enable-h2c'])
        return [
          { ...h2c, name: 'HTTP/1.1', http2: false },
          { ...h2c, name: 'HTTP/2', http2: true },
        ]
      }),
  async trial(bed) {
    const { client, peer, port, size, folder } = bed
    if (peer.http2 && !(await client.do('upload2', { port, upload: null })).spoken) {
      throw new Unsupported('the server does not speak HTTP/2')
    }
    /** @param {readonly import('../client/tus.js').Upload[]} uploads */
    const send = (uploads) =>
      peer.http2 ? client.do('upload2', { port, upload: uploads[0] ?? null }) : client.do('upload', { port, uploads })
    await warmBytes(bed, send)
    const uploads = await client.do('create', { port, lengths: [size] })
    return {
      run: async () => ({ seconds: (await send(uploads)).seconds, amount: size / GIB }),
      check: () => checkUploads(folder, uploads),
    }
  },
}
