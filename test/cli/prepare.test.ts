import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { newFolder, tidyUp } from './program.ts'

tidyUp()

let clone = ''

/** A clone whose sources are two small files. */
beforeEach(() => {
  clone = newFolder()
  for (const name of ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts/prepare.js']) {
    cpSync(name, join(clone, name))
  }
  writeFileSync(join(clone, 'package.json'), '{ "type": "module" }')
  mkdirSync(join(clone, 'src', 'cli'), { recursive: true })
  source('cli/main.ts', 'export const made = 1\n')
  source('other.ts', 'export const other = 1\n')
  // Older than what is installed
  age('package-lock.json', 10_000_000)
})

function source(path: string, text: string): void {
  writeFileSync(join(clone, 'src', path), text)
}

function prepare(environment: NodeJS.ProcessEnv = {}): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, npm_execpath: join(clone, 'npm.js'), ...environment }
  return spawnSync(process.execPath, [join(clone, 'scripts', 'prepare.js')], { encoding: 'utf8', env })
}

/** When `path` changed, in milliseconds. */
function changed(path: string): number {
  return statSync(join(clone, path)).mtimeMs
}

function age(path: string, seconds: number): void {
  const then = new Date(Date.now() - seconds * 1000)
  utimesSync(join(clone, path), then, then)
}

describe('building', () => {
  beforeEach(() => symlinkSync(join(process.cwd(), 'node_modules'), join(clone, 'node_modules')))

  test('a clone without a build is built, with one line on stderr', () => {
    expect(prepare()).toMatchObject({ status: 0, stdout: '', stderr: 'tusker: building (tsc)\n' })
    expect(readFileSync(join(clone, 'dist/cli/main.js'), 'utf8')).toContain('made = 1')
    expect(existsSync(join(clone, 'dist/other.d.ts'))).toBe(true)
  })

  test('nothing is done, and nothing said, when nothing changed', () => {
    prepare()
    const built = changed('dist/cli/main.js')
    expect(prepare()).toMatchObject({ status: 0, stdout: '', stderr: '' })
    expect(changed('dist/cli/main.js')).toBe(built)
  })

  test('a source that changed or went is built anew, and leaves nothing of itself', () => {
    prepare()
    source('cli/main.ts', 'export const made = 2\n')
    expect(prepare().stderr).toBe('tusker: building (tsc)\n')
    expect(readFileSync(join(clone, 'dist/cli/main.js'), 'utf8')).toContain('made = 2')
    rmSync(join(clone, 'src/other.ts'))
    expect(prepare().stderr).toBe('tusker: building (tsc)\n')
    expect(existsSync(join(clone, 'dist/other.js'))).toBe(false)
  })

  test('a build that fails says what failed, keeps the build before it, and fails again the next time', () => {
    prepare()
    source('cli/main.ts', 'export const made: string = 3\n')
    for (let time = 0; time < 2; time++) {
      const { status, stdout, stderr } = prepare()
      expect(status).not.toBe(0)
      expect(stdout).toBe('')
      expect(stderr).toContain('src/cli/main.ts(1,14)')
      expect(stderr).toMatch(/\ntusker: tsc failed; see above\n$/)
    }
    expect(readFileSync(join(clone, 'dist/cli/main.js'), 'utf8')).toContain('made = 1')
  })
})

describe('installing', () => {
  /** In the place of npm: installs what is there already, and tells how it was called. */
  function npm(text: string): void {
    writeFileSync(join(clone, 'npm.js'), `import { symlinkSync } from 'node:fs'\n${text}\n`)
  }
  const install = () => `symlinkSync(${JSON.stringify(join(process.cwd(), 'node_modules'))}, 'node_modules')`

  test('a clone without node_modules is installed first, as npm ci does it', () => {
    npm(`console.log('called with', process.argv.slice(2).join(' '))\n${install()}`)
    const { status, stdout, stderr } = prepare({ NODE_ENV: 'production' })
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
    expect(stderr).toMatch(/^tusker: installing .*\ncalled with ci --include=dev .*\ntusker: building \(tsc\)\n$/)
  })

  test('a lock file that is newer than what was installed is installed', () => {
    symlinkSync(join(process.cwd(), 'node_modules'), join(clone, 'node_modules'))
    age('package-lock.json', -3600)
    npm('process.exit(0)')
    expect(prepare().stderr).toMatch(/^tusker: installing /)
  })

  test('an install that fails ends the start with its exit code', () => {
    npm('process.exit(7)')
    const { status, stderr } = prepare()
    expect(status).toBe(7)
    expect(stderr).toMatch(/\ntusker: npm ci failed; see above\n$/)
    expect(existsSync(join(clone, 'dist'))).toBe(false)
  })
})
