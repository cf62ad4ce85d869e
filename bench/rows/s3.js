// @ts-check
import { Unsupported } from '../unsupported.js'
import { GIB, MIB, sizeText } from './sizes.js'

/** @typedef {import('../types.ts').Bed} Bed */
/** @typedef {import('../types.ts').Peer} Peer */
/** @typedef {import('../client/tus.js').Upload} Upload */

const SMALL = MIB
const CONNECTIONS = 8

/** @param {Peer} peer */
const storesInS3 = (peer) => peer.s3 !== undefined

/**
 * Uploads at once into one S3 service, each one PATCH on its own connection, of `size` bytes together.
 * @param {string} name
 * @param {number} count
 * @returns {import('../types.ts').Row}
 */
export function s3Many(name, count) {
  return {
    name,
    title: (size) =>
      count === 1 ? `S3: one PATCH of ${sizeText(size)}` : `S3: ${count} uploads at once, ${sizeText(size)} in all`,
    unit: 'GiB',
    s3: true,
    contestants: (peers) => peers.filter(storesInS3),
    async trial(bed) {
      const { client, port, size } = bed
      const length = Math.floor(size / count)
      await send(bed, await client.do('create', { port, lengths: [Math.min(size, 128 * MIB)] }))
      const uploads = await client.do('create', { port, lengths: Array(count).fill(length) })
      return {
        run: async () => ({ ...(await send(bed, uploads)), amount: (length * count) / GIB }),
        check: () => bucketOf(bed).check(uploads),
      }
    },
  }
}

/**
 * Small uploads into S3: POST, PATCH and HEAD each.
 * @param {string} name
 * @param {number} count
 * @returns {import('../types.ts').Row}
 */
export function s3Small(name, count) {
  return {
    name,
    title: () => `S3: POST + PATCH ${sizeText(SMALL)} + HEAD, ${CONNECTIONS} connections`,
    unit: 'upload',
    s3: true,
    contestants: (peers) => peers.filter(storesInS3),
    async trial(bed) {
      const { client, peer, port } = bed
      if (peer.s3 === 'direct') throw new Unsupported('has no clients')
      const order = { port, connections: CONNECTIONS, length: SMALL }
      await client.do('tiny', { ...order, count })
      /** @type {readonly Upload[]} */
      let uploads = []
      return {
        async run() {
          const done = await client.do('tiny', { ...order, count })
          uploads = done.uploads
          return { seconds: done.seconds, amount: count }
        },
        async check() {
          if (uploads.length !== count) throw new Error(`${uploads.length} of ${count} uploads were made`)
          await bucketOf(bed).check(uploads)
        },
      }
    },
  }
}

/**
 * @param {Bed} bed
 * @param {readonly Upload[]} uploads
 */
function send({ peer, client, port }, uploads) {
  return client.do(peer.s3 === 'direct' ? 'order' : 'upload', { port, uploads })
}

/** @param {Bed} bed */
function bucketOf({ service }) {
  if (service === null) throw new Error('there is no S3 service')
  return service.bucket
}
