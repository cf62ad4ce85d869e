// @ts-check
// Compares Tusker with other tus servers: npm run bench -- --help. The results and what they mean: docs/performance.md.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startClient } from './client.js'
import { createEnding } from './ending.js'
import { factsOf, loadNow } from './facts.js'
import { contestantsOf, measureRow } from './measure.js'
import { HELP, parseOptions, UsageError } from './options.js'
import { allPeers } from './peers.js'
import { fileSystemOf, makeFolder } from './place.js'
import { toMarkdown } from './report.js'
import { rows } from './rows/rows.js'
import { countCalls } from './s3/calls.js'
import { startService } from './s3/service.js'

/** @typedef {import('./types.ts').Options} Options */
/** @typedef {{ readonly file: string, readonly mark: string, readonly s3: boolean }} Section */

const DOCS = fileURLToPath(new URL('../docs/performance.md', import.meta.url))

/**
 * Rows that make a report of their own: the names of its files, its place in the docs, and whether the uploads go to S3.
 * @type {readonly Section[]}
 */
const SECTIONS = [
  { file: 'result', mark: 'bench', s3: false },
  { file: 's3', mark: 'bench-s3', s3: true },
]

try {
  const options = parseOptions(process.argv.slice(2))
  if (options === null) console.log(HELP)
  else await bench(options)
} catch (error) {
  // What the user can mend needs no stack
  console.error('bench:', error instanceof UsageError ? error.message : error)
  process.exitCode = 1
}
// The client's channel and whatever a failure left behind would keep it alive
process.exit()

/** @param {Options} options */
async function bench(options) {
  if (process.platform !== 'linux') throw new UsageError('it reads CPU time and memory from /proc, so it needs Linux')
  const peers = choosePeers(options)
  const ending = createEnding()
  const folder = makeFolder(options.directory, options.size, ending)
  say(`uploads go to ${options.directory} (${fileSystemOf(folder)})`)
  const place = { folder, size: options.size, client: startClient(ending), ending }
  for (const section of SECTIONS) {
    const chosen = rows.filter((row) => options.rows.includes(row.name) && (row.s3 ?? false) === section.s3)
    if (chosen.length > 0) await measureSection(section, chosen, peers, place, options)
  }
}

/**
 * @param {Section} section
 * @param {readonly import('./types.ts').Row[]} chosen
 * @param {readonly import('./types.ts').Peer[]} peers
 * @param {import('./measure.js').Place} place
 * @param {Options} options
 */
async function measureSection(section, chosen, peers, place, options) {
  const loadBefore = loadNow()
  const service = section.s3 ? await serviceFor(chosen, place, options) : null
  if (section.s3 && service === null) return
  const those = peers.filter((peer) => chosen.some((row) => contestantsOf(row, peers).includes(peer)))
  /** @type {import('./types.ts').RowResult[]} */
  const results = []
  /** @param {import('./types.ts').Report['calls']} calls */
  const report = (calls) => ({
    facts: factsOf(options, those, place.folder, service, loadBefore),
    rows: results,
    calls,
  })
  for (const row of chosen) {
    results.push(await measureRow(row, peers, options.rounds, { ...place, service }, say))
    // After each row, so that a run that is cut leaves what it measured
    save(section, report([]), options)
  }
  const calls = service === null ? [] : await countCalls(those, { ...place, service }, say)
  publish(section, report(calls), options)
  if (results.some(({ series }) => series.some((one) => one.failed !== null))) process.exitCode = 1
}

/**
 * The S3 service; null if none can be started and nobody asked for just these rows.
 * @param {readonly import('./types.ts').Row[]} chosen
 * @param {import('./measure.js').Place} place
 * @param {Options} options
 */
async function serviceFor(chosen, { ending }, options) {
  try {
    return await startService(options.s3, ending)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    if (options.rows.length < rows.length) throw new UsageError(reason)
    say(`without ${chosen.map(({ name }) => name).join(', ')}: ${reason}`)
    return null
  }
}

/**
 * All that are installed, or exactly those that are asked for.
 * @param {Options} options
 */
function choosePeers(options) {
  const all = allPeers(options)
  const names = all.map((peer) => peer.name)
  const unknown = options.peers?.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new UsageError(`there is no peer ${unknown}: ${names.join(', ')}`)
  return all.filter((peer) => {
    if (options.peers !== null && !options.peers.includes(peer.name)) return false
    const missing = peer.missing()
    if (missing === null) return true
    if (options.peers !== null) throw new UsageError(missing)
    say(`without ${peer.name}: ${missing}`)
    return false
  })
}

/**
 * @param {Section} section
 * @param {import('./types.ts').Report} report
 * @param {Options} options
 */
function save({ file }, report, { out }) {
  mkdirSync(out, { recursive: true })
  writeFileSync(join(out, `${file}.json`), `${JSON.stringify(report, null, 2)}\n`)
  writeFileSync(join(out, `${file}.md`), `${toMarkdown(report)}\n`)
}

/**
 * @param {Section} section
 * @param {import('./types.ts').Report} report
 * @param {Options} options
 */
function publish(section, report, options) {
  const text = toMarkdown(report)
  console.log(`\n${text}\n`)
  save(section, report, options)
  say(`written: ${join(options.out, `${section.file}.json`)} and ${section.file}.md`)
  if (!options.writeDocs) return
  const [begin, end] = [`<!-- ${section.mark}:begin -->`, `<!-- ${section.mark}:end -->`]
  const [before, rest] = readFileSync(DOCS, 'utf8').split(begin)
  const after = rest?.split(end)[1]
  if (after === undefined) throw new UsageError(`docs/performance.md has no place for the tables: ${begin} ... ${end}`)
  writeFileSync(DOCS, `${before}${begin}\n\n${text}\n\n${end}${after}`)
  say('written: docs/performance.md')
}

/** Progress goes to stderr, the report to stdout. @param {string} line */
function say(line) {
  console.error(`bench: ${line}`)
}
