// @ts-check
// What there is to compare with on this machine.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** @param {string} name */
export function onPath(name) {
  const files = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name))
  return files.find(isExecutable) ?? null
}

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** @param {string} program */
export function versionOfTusd(program) {
  const { stdout } = spawnSync(program, ['-version'], { encoding: 'utf8', timeout: 10_000 })
  const version = /^Version: (\S+)/m.exec(stdout ?? '')?.[1]
  return version === undefined || version === 'n/a' ? ' of an unknown version' : ` ${version}`
}

/** @param {string} file */
export function versionOf(file) {
  return String(JSON.parse(readFileSync(file, 'utf8')).version)
}
