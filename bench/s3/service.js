// @ts-check
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { openBucket } from './bucket.js'

/** @typedef {Readonly<Record<string, string>>} Variables as the AWS SDK and its tools read them: `AWS_ENDPOINT_URL`, keys, region */

/** Starts one on loopback, tells of it on its standard output, and ends with its standard input. */
const SERVER = fileURLToPath(new URL('../../scripts/s3-server.js', import.meta.url))
const NAMES = ['AWS_ENDPOINT_URL', 'AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']

/**
 * The S3 service of a run, with an empty bucket: one that is there already, or a Ceph RADOS Gateway that ends with the run.
 * @param {string | null} endpoint of one that is there; keys and region are in the environment
 * @param {import('../ending.js').Ending} ending
 */
export async function startService(endpoint, ending) {
  const variables = endpoint === null ? await startCeph(ending) : { ...fromEnvironment(), AWS_ENDPOINT_URL: endpoint }
  return {
    about: endpoint ?? 'Ceph RADOS Gateway with one OSD, on the same machine, its data in memory',
    variables,
    endpoint: variables['AWS_ENDPOINT_URL'] ?? '',
    bucket: await openBucket(variables),
  }
}

/** @typedef {Awaited<ReturnType<typeof startService>>} Service */

/**
 * @param {import('../ending.js').Ending} ending
 * @returns {Promise<Variables>}
 */
async function startCeph(ending) {
  if (!existsSync(SERVER)) throw new Error(`there is no ${SERVER}: give --s3 and the address of an S3 service`)
  const child = spawn(process.execPath, [SERVER, 'ceph', '--while-stdin'], { stdio: ['pipe', 'pipe', 'pipe'] })
  ending.owe(() => child.stdin.destroy())
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (/** @type {string} */ text) => (said = (said + text).slice(-2000)))
  /** @type {Record<string, string>} */
  const variables = {}
  for await (const line of createInterface(child.stdout)) {
    const [name = '', ...value] = line.split('=')
    variables[name] = value.join('=')
    if (NAMES.every((one) => one in variables)) return variables
  }
  throw new Error(`no S3 service could be started: ${said.trim()}`)
}

/** @returns {Variables} */
function fromEnvironment() {
  const found = NAMES.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))
  return { AWS_REGION: 'us-east-1', ...Object.fromEntries(found) }
}
