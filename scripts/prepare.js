// Makes a fresh clone ready to run: installs what is missing, builds what is out of date, and says nothing when all is well.
// Plain JavaScript without dependencies: nothing is installed yet when it starts.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const inRoot = (...path) => join(root, ...path)

checkNode()
if (newest('package-lock.json') > newest('node_modules/.package-lock.json')) install()
if (newestSource() > newest('dist/cli/main.js')) build()

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  fail(`this is Node.js ${process.versions.node}, but 20.19 or newer is needed (https://nodejs.org)`)
}

function install() {
  say('installing what it is built with (npm ci)')
  // NODE_ENV=production would leave out the compiler
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']
  // Under npm its own script is known, and runs without a shell on every system
  const npm = process.env.npm_execpath
  if (npm?.endsWith('.js')) run('npm ci', process.execPath, [npm, ...args])
  else run('npm ci', 'npm', args, { shell: process.platform === 'win32' })
}

function build() {
  say('building (tsc)')
  const started = new Date()
  // Beside dist and then moved into its place: no file of an older build is left in it, a failed build leaves it as it was,
  // and a server that starts meanwhile finds it whole
  const made = inRoot('.tmp', `build-${process.pid}`)
  const old = `${made}-old`
  mkdirSync(inRoot('.tmp'), { recursive: true })
  const tsc = inRoot('node_modules/typescript/bin/tsc')
  run('tsc', process.execPath, [tsc, '-p', inRoot('tsconfig.build.json'), '--outDir', made])
  // A source that was saved during the build is newer than this, so the next run builds again
  utimesSync(join(made, 'cli', 'main.js'), started, started)
  try {
    if (existsSync(inRoot('dist'))) renameSync(inRoot('dist'), old)
    renameSync(made, inRoot('dist'))
  } catch (error) {
    // Another run was a moment faster, with the same sources
    if (!existsSync(inRoot('dist', 'cli', 'main.js'))) throw error
  }
  for (const folder of [made, old]) rmSync(folder, { recursive: true, force: true })
}

/** When the newest thing that the build depends on changed. Folders count: their times tell of files that were removed. */
function newestSource() {
  const sources = readdirSync(inRoot('src'), { recursive: true }).filter((path) => !path.endsWith('.test.ts'))
  const config = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json']
  return Math.max(newest('src'), ...sources.map((path) => newest('src', path)), ...config.map((path) => newest(path)))
}

/** When it changed, in milliseconds; 0 if it does not exist. */
function newest(...path) {
  return statSync(inRoot(...path), { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function run(name, command, args, options = {}) {
  // What it prints goes to stderr: stdout belongs to the program that comes next
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: ['inherit', 2, 2], ...options })
  if (status === 0) return
  const how = error ? `could not be started: ${error.message}` : signal ? `was ended by ${signal}` : 'failed; see above'
  fail(`${name} ${how}`, status ?? 1)
}

function say(message) {
  console.error(`tusker: ${message}`)
}

function fail(message, code = 1) {
  say(message)
  process.exit(code)
}
