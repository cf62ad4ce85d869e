// @ts-check
import { cpuPerUnit, peak, rate, ratioOf, spreadOf } from './figures.js'
import { MIB, sizeText } from './rows/sizes.js'

/** @typedef {import('./types.ts').RowResult} RowResult */
/** @typedef {import('./types.ts').Series} Series */
/** @typedef {import('./figures.js').Figure} Figure */
/** @typedef {import('./types.ts').Row['unit']} Unit */
/** The digits of a figure, and what to write behind them. @typedef {(value: number, unit: Unit) => readonly [digits: string, unit: string]} Print */

/** Whose figure is divided by whose. Tusker's memory locker is what @tus/server has; its file locker is what tusd has. */
const COMPARED = [
  ['tusker', 'tus-node'],
  ['tusker-memory', 'tus-node'],
  ['tusker', 'tusd'],
  ['tusker-s3', 'tus-node-s3'],
  ['tusker-s3', 'tusd-s3'],
  ['tusker-s3', 'aws-sdk'],
  ['HTTP/2', 'HTTP/1.1'],
  ['preCreate', 'no hook'],
  ['postFinish', 'no hook'],
]

/** @type {readonly { readonly title: string, readonly figure: Figure, readonly print: Print }[]} */
const TABLES = [
  { title: 'CPU time of the server (user + system); less is better', figure: cpuPerUnit, print: printCpu },
  { title: 'Throughput; more is better', figure: rate, print: printRate },
  { title: 'Peak memory of the server, MiB resident; less is better', figure: peak, print: printPeak },
]

/**
 * The report as Markdown: the machine, then a table for each figure, its cells the median and the spread over the rounds.
 * @param {import('./types.ts').Report} report
 */
export function toMarkdown({ facts, rows, calls }) {
  const groups = groupsOf(rows)
  const tables = groups.flatMap((group) =>
    TABLES.map(({ title, figure, print }) => [`**${title}**`, table(group, figure, print)]),
  )
  return [aboutRun(facts), ...tables.flat(), ...tableOfCalls(calls), ...remarks(rows)].join('\n\n')
}

/** @param {import('./types.ts').Facts} facts */
function aboutRun(facts) {
  const place =
    facts.service === null
      ? `uploads on ${facts.fileSystem}, durability ${facts.durability}`
      : `S3 service: ${facts.service}; temporary files on ${facts.fileSystem}`
  const lines = [
    `${facts.date}: ${facts.processor}, ${facts.cores} cores, ${Math.round(facts.memory / (1024 * MIB))} GiB of memory, ${facts.system}, Node.js ${facts.node};`,
    `${place}; ${facts.rounds} round${facts.rounds === 1 ? '' : 's'}, large uploads of ${sizeText(facts.size)};`,
    `load of the machine ${facts.load.map((load) => load.toFixed(1)).join(' at the start, ')} at the end (the benchmark itself makes about 2).`,
  ]
  const peers = Object.entries(facts.peers).map(([name, about]) => `- \`${name}\`: ${about}`)
  return `${lines.join('\n')}\n\n${peers.join('\n')}`
}

/**
 * Rows with the same contestants go into one table.
 * @param {readonly RowResult[]} rows
 */
function groupsOf(rows) {
  const keyOf = (/** @type {RowResult} */ { series }) => series.map((one) => one.peer).join()
  return [...new Set(rows.map(keyOf))].map((key) => rows.filter((row) => keyOf(row) === key))
}

/**
 * @param {readonly RowResult[]} rows
 * @param {Figure} figure
 * @param {Print} print
 */
function table(rows, figure, print) {
  const names = rows[0]?.series.map((one) => one.peer) ?? []
  const pairs = COMPARED.filter((pair) => pair.every((name) => names.includes(name)))
  const head = ['', ...names, ...pairs.map((pair) => pair.join(' : '))]
  const lines = rows.map(({ title, unit, series }) => [
    title,
    ...series.map((one) => cell(one, figure, print, unit)),
    ...pairs.map(([ours, theirs]) => ratio(series, ours, theirs, figure)),
  ])
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/**
 * @param {Series} series
 * @param {Figure} figure
 * @param {Print} print
 * @param {Unit} unit
 */
function cell({ measurements, unsupported, failed }, figure, print, unit) {
  if (unsupported !== null) return unsupported
  if (failed !== null) return '**failed**'
  const spread = spreadOf(measurements.map(figure))
  if (spread === null) return ''
  const [min, max] = [spread.min, spread.max].map((value) => print(value, unit)[0])
  return `${print(spread.median, unit).join('')} (${min}-${max})`
}

/**
 * @param {readonly Series[]} series
 * @param {string | undefined} ours
 * @param {string | undefined} theirs
 * @param {Figure} figure
 */
function ratio(series, ours, theirs, figure) {
  const [our, their] = [ours, theirs].map((name) => series.find((one) => one.peer === name)?.measurements ?? [])
  const spread = ratioOf(our ?? [], their ?? [], figure)
  if (spread === null) return ''
  return `**${spread.median.toFixed(2)}** (${spread.min.toFixed(2)}-${spread.max.toFixed(2)})`
}

/** @param {readonly import('./types.ts').CallsResult[]} calls */
function tableOfCalls(calls) {
  const names = [...new Set(calls.flatMap(({ peers }) => Object.keys(peers)))]
  if (names.length === 0) return []
  const head = ['', ...names]
  const lines = calls.map(({ title, peers }) => [title, ...names.map((name) => cellOfCalls(peers[name] ?? ''))])
  return [
    '**Calls to S3; fewer is better**',
    [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n'),
  ]
}

/** @param {import('./types.ts').Calls | string} calls */
function cellOfCalls(calls) {
  if (typeof calls === 'string') return calls
  const total = Object.values(calls).reduce((sum, count) => sum + count, 0)
  const each = Object.entries(calls).map(([operation, count]) => `${count} ${operation}`)
  return `**${total}**: ${each.join(', ')}`
}

/**
 * Failures and notes, in words.
 * @param {readonly RowResult[]} rows
 */
function remarks(rows) {
  const lines = rows.flatMap(({ title, series }) =>
    series.flatMap(({ peer, failed, measurements }) => {
      const notes = measurements.flatMap(({ note }) => (note === null ? [] : [note]))
      const failures = failed === null ? [] : [`failed: ${failed}`]
      return [...new Set([...failures, ...notes])].map(
        (text) => `- ${title}, \`${peer}\`: ${text.replaceAll(/\s+/g, ' ')}`,
      )
    }),
  )
  return lines.length === 0 ? [] : [lines.join('\n')]
}

/** @type {Print} */
function printCpu(value, unit) {
  if (unit === 'GiB') return [value.toFixed(2), ' s/GiB']
  return unit === 'upload' ? [(value * 1e3).toFixed(1), ' ms'] : [String(Math.round(value * 1e6)), ' µs']
}

/** @type {Print} */
function printRate(value, unit) {
  return unit === 'GiB' ? [String(Math.round(value * 1024)), ' MiB/s'] : [String(Math.round(value)), '/s']
}

/** @type {Print} */
function printPeak(value) {
  return [String(Math.round(value / MIB)), '']
}
