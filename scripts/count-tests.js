// Adds up vitest's JSON reports in a folder; fails if there are fewer than expected, as then a suite did not run. Also tells how
// long steps took, from a file with lines like `name seconds`.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

const [folder = '.', expected = '1', times] = process.argv.slice(2)
const reports = readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
const sum = (key) => reports.reduce((total, report) => total + report[key], 0)
const [passed, failed, pending, todo] = ['numPassedTests', 'numFailedTests', 'numPendingTests', 'numTodoTests'].map(sum)
if (times) console.log(`seconds: ${readFileSync(times, 'utf8').trim().split('\n').join(', ')}`)
const missing = Number(expected) - reports.length
if (missing > 0) console.log(`${missing} of ${expected} suites did not report`)
printSlowest(5)
// Named here again, as the end of a long log is what people look at.
for (const { testResults } of reports) {
  for (const { name, message, assertionResults } of testResults) {
    if (assertionResults.length === 0 && message) console.log(`failed: ${relative('.', name)}: ${firstLine(message)}`)
    for (const { status, fullName, failureMessages } of assertionResults) {
      if (status === 'failed')
        console.log(`failed: ${relative('.', name)}: ${fullName}: ${firstLine(failureMessages[0])}`)
    }
  }
}
// A suite that breaks before its first test has no failed test to count.
const broken = reports.filter((report) => !report.success && report.numFailedTests === 0).length + Math.max(missing, 0)
console.log(`${passed} passed, ${failed + broken} failed, ${pending + todo} skipped`)
process.exitCode = failed + broken + pending + todo > 0 ? 1 : 0

/** Where there is time to be won, or lost since the last time. */
function printSlowest(count) {
  for (const name of readdirSync(folder)) {
    const { testResults } = JSON.parse(readFileSync(join(folder, name), 'utf8'))
    const files = testResults.map((one) => ({ path: relative('.', one.name), took: one.endTime - one.startTime }))
    const slowest = files.sort((one, other) => other.took - one.took).slice(0, count)
    const list = slowest.map(({ path, took }) => `${path} ${(took / 1000).toFixed()}`)
    console.log(`slowest of ${name.replace('.json', '')}: ${list.join(', ')}`)
  }
}

function firstLine(text = '') {
  return text.split('\n', 1)[0]
}
