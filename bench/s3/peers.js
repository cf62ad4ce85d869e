// @ts-check
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { onPath, versionOf, versionOfTusd } from '../programs.js'

/** @typedef {import('../types.ts').Peer} Peer */

const here = fileURLToPath(new URL('..', import.meta.url))
const UNSET = 'checksums only where S3 requires them'

/**
 * The servers that store in S3, and two to measure them by.
 * @param {Pick<import('../types.ts').Options, 'tusker'>} options
 * @returns {readonly Peer[]}
 */
export function s3Peers({ tusker }) {
  const root = join(dirname(tusker), '..')
  const dist = join(root, 'dist')
  return [
    script('tusker-s3', 'served', [], [pathToFileURL(dist).href], {
      about: () =>
        `Tusker ${versionOf(join(root, 'package.json'))} with s3Store, its defaults, memory locker, ${UNSET}`,
    }),
    script('tus-node-s3', 'served', ['@tus/server', '@tus/s3-store'], [], {
      about: (server, store) =>
        `@tus/server ${server} with @tus/s3-store ${store}, their defaults (records are cached in memory), memory locker, ${UNSET}`,
    }),
    tusdS3(),
    script('aws-sdk', 'whole', ['@aws-sdk/lib-storage'], [], {
      about: (version) =>
        `the uploader of the AWS SDK (@aws-sdk/lib-storage ${version}, its defaults) fed by requests; no uploads that can be resumed`,
    }),
    script('s3-limit', 'direct', ['@aws-sdk/client-s3'], [], {
      about: (version) =>
        `@aws-sdk/client-s3 ${version}, 10 UploadPart calls of 16 MiB at a time with bytes that are in memory already: the most that the service takes`,
    }),
  ]
}

/**
 * A server of the folder `peers`.
 * @param {string} name
 * @param {NonNullable<Peer['s3']>} s3
 * @param {readonly string[]} packages that it needs
 * @param {readonly string[]} more arguments
 * @param {{ about(...versions: string[]): string }} words
 * @returns {Peer}
 */
function script(name, s3, packages, more, { about }) {
  const files = packages.map((one) => join(here, 'node_modules', one, 'package.json'))
  const absent = packages.find((_, index) => !existsSync(files[index] ?? ''))
  return {
    name,
    s3,
    about: absent === undefined ? about(...files.map(versionOf)) : packages.join(' and '),
    command: (bucket, port) => [process.execPath, join(here, 'peers', `${name}.js`), bucket, String(port), ...more],
    missing: () => (absent === undefined ? null : `${absent} is not installed: run "npm ci --prefix bench"`),
  }
}

/** @returns {Peer} */
function tusdS3() {
  const program = onPath('tusd')
  // Without the last it hashes all bytes twice, by MD5 and SHA-256
  const flags = ['-verbose=false', '-show-startup-logs=false', '-s3-disable-content-hashes']
  return {
    name: 'tusd-s3',
    s3: 'served',
    about: `tusd${program === null ? '' : versionOfTusd(program)}, no hooks, memory locker, ${flags.join(' ')}`,
    command: (bucket, port, endpoint) => [
      program ?? 'tusd',
      ...['-host', '127.0.0.1', '-port', String(port), '-s3-bucket', bucket],
      ...['-s3-endpoint', endpoint, ...flags],
    ],
    missing: () =>
      program === null ? 'no tusd on PATH: get it from https://github.com/tus/tusd/releases and add its folder' : null,
  }
}
