// @ts-check
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { touchMemory } from './place.js'
import { cpuOf, forgetPeak, peakOf } from './processes.js'
import { startServer } from './server.js'
import { Unsupported } from './unsupported.js'

/** @typedef {import('./types.ts').Row} Row */
/** @typedef {import('./types.ts').Peer} Peer */
/** @typedef {import('./types.ts').Measurement} Measurement */

/**
 * What every measurement of a run needs.
 * @typedef {object} Place
 * @property {string} folder that is ours and goes away with us
 * @property {number} size
 * @property {import('./client.js').Client} client
 * @property {import('./s3/service.js').Service | null} [service] for rows that need one
 * @property {import('./ending.js').Ending} ending
 */

/**
 * Measures a row with all peers in turns (A B C A B C), so that what else the machine does falls on all alike. A peer that cannot
 * do it or fails is left out of the rounds that follow.
 * @param {Row} row
 * @param {readonly Peer[]} peers
 * @param {number} rounds
 * @param {Place} place
 * @param {(line: string) => void} say
 * @returns {Promise<import('./types.ts').RowResult>}
 */
export async function measureRow(row, peers, rounds, place, say) {
  const contestants = contestantsOf(row, peers)
  const series = contestants.map((peer) => ({
    peer: peer.name,
    measurements: /** @type {Measurement[]} */ ([]),
    unsupported: /** @type {string | null} */ (null),
    failed: /** @type {string | null} */ (null),
  }))
  for (let round = 1; round <= rounds; round++) {
    for (const [index, peer] of contestants.entries()) {
      const one = series[index]
      if (one === undefined || one.unsupported !== null || one.failed !== null) continue
      try {
        const measurement = { round, ...(await measure(row, peer, place)) }
        one.measurements.push(measurement)
        const { cpu, seconds, peak } = measurement
        say(
          `${row.name} ${round}/${rounds} ${peer.name}: ${cpu.toFixed(2)} s CPU in ${seconds.toFixed(2)} s, ${mib(peak)} MiB`,
        )
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        if (error instanceof Unsupported) one.unsupported = reason
        else one.failed = reason
        say(`${row.name} ${round}/${rounds} ${peer.name}: ${reason}`)
      }
    }
  }
  return { row: row.name, title: row.title(place.size), unit: row.unit, series }
}

/**
 * One measurement, with a server and a folder of its own. Throws if a byte is not what was sent.
 * @param {Row} row
 * @param {Peer} peer
 * @param {Place} place
 * @returns {Promise<Omit<Measurement, 'round'>>}
 */
export async function measure(row, peer, { folder: root, size, client, ending, service = null }) {
  const folder = join(root, peer.name.replace(/\W/g, '-'))
  mkdirSync(folder)
  try {
    const server = await startServer(peer, folder, service, ending)
    try {
      const trial = await server.during(row.trial({ peer, port: server.port, folder, client, size, service }))
      if (row.fills === true) touchMemory(folder, size)
      forgetPeak(server.pid)
      const before = cpuOf(server.pid)
      const { amount, seconds, note = null } = await server.during(trial.run())
      const measured = { amount, seconds, cpu: cpuOf(server.pid) - before, peak: peakOf(server.pid), note }
      await trial.check()
      return measured
    } finally {
      await server.stop()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
    await service?.bucket.empty()
  }
}

/**
 * Whom a row compares.
 * @param {Row} row
 * @param {readonly Peer[]} peers
 */
export function contestantsOf(row, peers) {
  return row.contestants?.(peers) ?? peers.filter((peer) => peer.s3 === undefined)
}

/** @param {number} bytes */
const mib = (bytes) => Math.round(bytes / (1 << 20))
