// @ts-check
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { MIB, sizeText } from '../rows/sizes.js'
import { startServer } from '../server.js'
import { startCounter } from './counter.js'

/** @typedef {import('../types.ts').Peer} Peer */
/** @typedef {import('../types.ts').CallsResult} CallsResult */
/** @typedef {import('../measure.js').Place} Place */

/**
 * Counts the calls that servers make to S3 for some ways to upload, each with a server of its own.
 * @param {readonly Peer[]} peers
 * @param {Place & { readonly service: import('./service.js').Service }} place
 * @param {(line: string) => void} say
 * @returns {Promise<readonly CallsResult[]>}
 */
export async function countCalls(peers, place, say) {
  const results = waysOf(place.size).map(({ title }) => ({ title, peers: /** @type {CallsResult['peers']} */ ({}) }))
  for (const peer of peers.filter(({ s3 }) => s3 !== 'direct')) {
    say(`counting the calls of ${peer.name}`)
    for (const [index, way] of waysOf(place.size).entries()) {
      const result = results[index]
      if (result === undefined) continue
      const counted =
        peer.s3 === 'served' || way.step === way.length ? await tryToCount(peer, way, place) : 'cannot resume'
      result.peers = { ...result.peers, [peer.name]: counted }
    }
  }
  return results
}

/**
 * @param {Peer} peer
 * @param {Way} way
 * @param {Parameters<typeof count>[2]} place
 */
function tryToCount(peer, way, place) {
  return count(peer, way, place).catch((error) => `**failed**: ${error.message.replaceAll(/\s+/g, ' ')}`)
}

/**
 * A way to upload: what is done first without counting, and what is counted.
 * @typedef {object} Way
 * @property {string} title
 * @property {number} length
 * @property {number} from what is there already
 * @property {number} to where it ends
 * @property {number} step bytes of a PATCH; 0 if the client only asks
 */

/**
 * @param {number} size
 * @returns {readonly Way[]}
 */
function waysOf(size) {
  const whole = [...new Set([MIB, 60 * MIB, size])].map((length) => ({
    ...{ title: `POST and one PATCH of ${sizeText(length)}`, length, from: 0, to: length, step: length },
  }))
  const [length, step, some] = [60 * MIB, 10 * MIB, 27 * MIB]
  return [
    ...whole,
    { title: `POST and ${length / step} PATCHes of ${sizeText(step)}`, length, from: 0, to: length, step },
    { title: 'HEAD of a finished upload', length, from: length, to: length, step: 0 },
    { title: `HEAD at ${sizeText(some)} of ${sizeText(length)}`, length, from: some, to: some, step: 0 },
  ]
}

/**
 * @param {Peer} peer
 * @param {Way} way
 * @param {Place & { readonly service: import('./service.js').Service }} place
 */
async function count(peer, { length, from, to, step }, { folder: root, client, service, ending }) {
  const folder = join(root, `calls-${peer.name}`)
  mkdirSync(folder)
  const counter = await startCounter(service.endpoint)
  const variables = { ...service.variables, AWS_ENDPOINT_URL: counter.endpoint }
  try {
    const server = await startServer(peer, folder, { ...service, variables, endpoint: counter.endpoint }, ending)
    try {
      const { port } = server
      // What a server asks when it starts, or for its first upload
      const [first] = await server.during(client.do('create', { port, lengths: [1] }))
      if (first !== undefined) await server.during(client.do('upload', { port, uploads: [first] }))
      await counter.take()
      const [upload] = await server.during(client.do('create', { port, lengths: [length] }))
      if (upload === undefined) throw new Error('no upload was made')
      if (from > 0) {
        await server.during(client.do('steps', { port, upload, from: 0, to: from, step: from }))
        await counter.take()
      }
      if (to === from) await server.during(client.do('look', { port, upload, offset: from }))
      else await server.during(client.do('steps', { port, upload, from, to, step }))
      const calls = await counter.take()
      if (to === length) await service.bucket.check([upload])
      return calls
    } finally {
      await server.stop()
    }
  } finally {
    counter.stop()
    rmSync(folder, { recursive: true, force: true })
    await service.bucket.empty()
  }
}
