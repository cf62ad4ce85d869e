// @ts-check
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onPath, versionOf, versionOfTusd } from './programs.js'
import { s3Peers } from './s3/peers.js'

/** @typedef {import('./types.ts').Peer} Peer */

const here = fileURLToPath(new URL('.', import.meta.url))

/**
 * All servers that can be compared, installed or not.
 * @param {Pick<import('./types.ts').Options, 'durability' | 'tusker'>} options
 * @returns {readonly Peer[]}
 */
export function allPeers(options) {
  return [
    tusker('tusker', 'file', options),
    tusker('tusker-memory', 'memory', options),
    tusNode(),
    tusd(),
    ...s3Peers(options),
  ]
}

/**
 * @param {string} name
 * @param {'file' | 'memory'} locker
 * @param {Pick<import('./types.ts').Options, 'durability' | 'tusker'>} options
 * @param {readonly string[]} more
 * @returns {Peer}
 */
export function tusker(name, locker, { durability, tusker: program }, more = []) {
  const flags = ['-durability', durability, '-locker', locker, '-verbose=false', '-show-startup-logs=false', ...more]
  return {
    name,
    about: `Tusker ${versionOf(join(here, '..', 'package.json'))}, ${flags.join(' ')}`,
    command: (folder, port) => [
      process.execPath,
      program,
      ...['-host', '127.0.0.1', '-port', String(port), '-upload-dir', folder, ...flags],
    ],
    missing: () => (existsSync(program) ? null : `there is no ${program}`),
  }
}

/** @returns {Peer} */
function tusNode() {
  const packages = join(here, 'node_modules', '@tus')
  const [server, store] = [join(packages, 'server', 'package.json'), join(packages, 'file-store', 'package.json')]
  const installed = () => existsSync(server) && existsSync(store)
  return {
    name: 'tus-node',
    about: installed()
      ? `@tus/server ${versionOf(server)} with @tus/file-store ${versionOf(store)}, memory locker, no sync to disk`
      : '@tus/server',
    command: (folder, port) => [process.execPath, join(here, 'peers', 'tus-node.js'), folder, String(port)],
    missing: () => (installed() ? null : '@tus/server is not installed: run "npm ci --prefix bench"'),
  }
}

/** @returns {Peer} */
function tusd() {
  const program = onPath('tusd')
  const flags = ['-verbose=false', '-show-startup-logs=false']
  return {
    name: 'tusd',
    about: `tusd${program === null ? '' : versionOfTusd(program)}, no hooks, file locker, no sync to disk, ${flags.join(' ')}`,
    command: (folder, port) => [
      program ?? 'tusd',
      ...['-host', '127.0.0.1', '-port', String(port), '-upload-dir', folder, ...flags],
    ],
    missing: () =>
      program === null ? 'no tusd on PATH: get it from https://github.com/tus/tusd/releases and add its folder' : null,
  }
}
