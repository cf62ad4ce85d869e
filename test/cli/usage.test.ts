import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newFolder, run, setUp } from './program.ts'

setUp()

test.each(['-help', '--help', '-h'])('%s prints the flags to stdout and exits with 0', async (flag) => {
  const { code, stdout, stderr } = await run(flag)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^ {2}-port <number> {2,}\S/m)
})

test('-version prints the versions of the package and of Node.js', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
  const { code, stdout } = await run('--version')
  expect(code).toBe(0)
  expect(stdout).toBe(`tusker ${version} (Node.js ${process.versions.node}, ${process.platform} ${process.arch})\n`)
})

test.each([
  [['-prot', '9000'], 'tusker: unknown flag -prot; did you mean -port?\n'],
  [['-port', 'http'], 'tusker: invalid value "http" for flag -port: not a whole number\n'],
  [
    ['-gcs-bucket', 'b'],
    'tusker: flag -gcs-bucket is known to tusd, but this version of tusker does not support it yet\n',
  ],
  [['data'], 'tusker: unexpected argument "data"; flags begin with a dash\n'],
  [
    ['-base-path', 'http://example.org/files?x'],
    'tusker: invalid value "http://example.org/files?x" for flag -base-path: not the plain path of a URL, such as /files/\n',
  ],
])('%j ends the start with one line on stderr and exit code 2', async (args, line) => {
  expect(await run(...args)).toMatchObject({ code: 2, stdout: '', stderr: line })
})

test('a mistake on the command line leaves no folder behind', async () => {
  const directory = join(newFolder(), 'data')
  await run('-upload-dir', directory, '-port', '99999')
  expect(() => readFileSync(directory)).toThrow('ENOENT')
})

test('a clone that was not built says what to run', async () => {
  const folder = newFolder()
  cpSync('bin/tusker.js', join(folder, 'bin', 'tusker.js'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, 'bin', 'tusker.js')], {
    encoding: 'utf8',
  })
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
  expect(stderr).toBe('tusker: not built yet; run "npm start", or "npm run build" first\n')
})
