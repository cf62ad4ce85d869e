// @ts-check
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { defaultDirectory } from './place.js'
import { rows, rowsOf } from './rows/rows.js'
import { GIB, KIB, MIB } from './rows/sizes.js'

const UNITS = new Map([
  ['KiB', KIB],
  ['MiB', MIB],
  ['GiB', GIB],
])
/** A download is kept in one buffer. */
const LARGEST = 2 * GIB
const LEVELS = /** @type {const} */ (['none', 'finish', 'always'])

export const HELP = `npm run bench -- [options]

  --rows <names>       rows between commas, or families (patch8, tiny): ${rows.map((row) => row.name).join(' ')}
  --peers <names>      tusker, tusker-memory, tus-node, tusd; for s3 rows tusker-s3, tus-node-s3, tusd-s3,
                       aws-sdk, s3-limit; by default those that are installed
  --rounds <n>         measurements of each peer in each row (3)
  --size <size>        of the large uploads, such as 256MiB (1GiB)
  --durability <level> of Tusker: none, finish, always (none, as the others never sync)
  --dir <folder>       where uploads are kept meanwhile (/dev/shm, or the system's folder for temporary files)
  --out <folder>       of result.json and result.md (.tmp/bench)
  --tusker <file>      the program of another build of Tusker, instead of this one's bin/tusker.js
  --s3 <url>           of an S3 service for the s3 rows, keys in AWS_*; by default a Ceph RADOS Gateway is started
  --write-docs         put the tables into docs/performance.md, too
  --help`

/** What the user must change; printed without a stack. */
export class UsageError extends Error {}

/**
 * Reads the command line; null if help is asked for. Throws `UsageError`.
 * @param {readonly string[]} argv
 * @returns {import('./types.ts').Options | null}
 */
export function parseOptions(argv) {
  const values = parse(argv)
  if (values.help) return null
  const size = parseSize(values.size)
  return {
    rows: values.rows === undefined ? rows.map((row) => row.name) : list(values.rows).flatMap(namesOfRows),
    peers: values.peers === undefined ? null : list(values.peers),
    rounds: parseRounds(values.rounds),
    size,
    durability: parseDurability(values.durability),
    directory: values.dir ?? defaultDirectory(size),
    out: values.out ?? fileURLToPath(new URL('../.tmp/bench', import.meta.url)),
    tusker: values.tusker ?? fileURLToPath(new URL('../bin/tusker.js', import.meta.url)),
    s3: values.s3 ?? null,
    writeDocs: values['write-docs'],
  }
}

/** @param {readonly string[]} argv */
function parse(argv) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        rows: { type: 'string' },
        peers: { type: 'string' },
        rounds: { type: 'string', default: '3' },
        size: { type: 'string', default: '1GiB' },
        durability: { type: 'string', default: 'none' },
        dir: { type: 'string' },
        out: { type: 'string' },
        tusker: { type: 'string' },
        s3: { type: 'string' },
        'write-docs': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

/** @param {string} text */
const list = (text) => text.split(',').filter((word) => word !== '')

/** @param {string} word */
function namesOfRows(word) {
  const found = rowsOf(word)
  if (found.length === 0) throw new UsageError(`there is no row ${word}: ${rows.map((row) => row.name).join(', ')}`)
  return found.map((row) => row.name)
}

/** @param {string} text */
function parseSize(text) {
  const [, digits = '', unit = ''] = /^(\d+)([KMG]iB)$/.exec(text) ?? []
  const size = Number(digits) * (UNITS.get(unit) ?? 0)
  if (size < MIB || size > LARGEST) throw new UsageError(`--size ${text}: give 1MiB to 2GiB, such as 256MiB`)
  return size
}

/** @param {string} text */
function parseRounds(text) {
  const rounds = Number(text)
  if (!/^\d+$/.test(text) || rounds < 1) throw new UsageError(`--rounds ${text}: give a whole number from 1`)
  return rounds
}

/** @param {string} text */
function parseDurability(text) {
  const level = LEVELS.find((one) => one === text)
  if (level === undefined) throw new UsageError(`--durability ${text}: give ${LEVELS.join(', ')}`)
  return level
}
