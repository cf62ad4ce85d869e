// Checks the package as npm would publish it: its contents, its entry points (publint), its types as every resolver sees
// them (attw). Builds first.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const run = (command, args) => execFileSync(command, args, { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' })
const ALLOWED =
  /^(?:dist\/.+\.(?:js|d\.ts)|bin\/tusker\.js|src\/hooks\/hook\.proto|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/

const folder = mkdtempSync(join(tmpdir(), 'tusker-pack-'))
try {
  run(process.execPath, ['scripts/prepare.js'])
  const [pack] = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]))
  const strays = pack.files.map((file) => file.path).filter((path) => !ALLOWED.test(path) || /\.test\./.test(path))
  if (strays.length > 0) throw new Error(`the package holds what users do not need: ${strays.join(', ')}`)
  const tarball = join(folder, pack.filename)
  console.log(run('npx', ['--no-install', 'publint', '--strict', tarball]))
  // It would look for types of whatever is exported
  const untyped = ['--exclude-entrypoints', './hook.proto']
  console.log(run('npx', ['--no-install', 'attw', '--profile', 'esm-only', tarball, ...untyped]))
  console.log(`package: ${pack.files.length} files, ${Math.round(pack.unpackedSize / 1024)} KiB unpacked`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
