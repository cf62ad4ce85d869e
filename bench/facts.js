// @ts-check
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'
import { fileSystemOf } from './place.js'

/**
 * The machine and the arrangement, for who reads the figures.
 * @param {import('./types.ts').Options} options
 * @param {readonly import('./types.ts').Peer[]} peers
 * @param {string} folder
 * @param {import('./s3/service.js').Service | null} service
 * @param {number} loadBefore
 * @returns {import('./types.ts').Facts}
 */
export function factsOf(options, peers, folder, service, loadBefore) {
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memory: totalmem(),
    system: `${type()} ${release()}`,
    node: process.version,
    fileSystem: fileSystemOf(folder),
    service: service?.about ?? null,
    durability: `${options.durability} for Tusker; the others never sync`,
    rounds: options.rounds,
    size: options.size,
    load: [loadBefore, loadNow()],
    peers: Object.fromEntries(peers.map((peer) => [peer.name, peer.about])),
  }
}

/** Processes that ran or wanted to, on average over the last minute. */
export function loadNow() {
  return loadavg()[0] ?? 0
}
