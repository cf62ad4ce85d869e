import { existsSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { create, patch, sample } from './client.ts'
import { launch, newFolder, run, setUp } from './program.ts'

setUp()

/** A file of settings in a folder of its own. */
function configFile(settings: object): string {
  const path = join(newFolder(), 'tusker.json')
  writeFileSync(path, JSON.stringify(settings))
  return path
}

describe('a server', () => {
  test('is set by flags, environment and file at once', async () => {
    const directory = join(newFolder(), 'up')
    const config = configFile({ 'upload-dir': directory, 'max-size': 10, port: 1 })
    const environment = { TUSKER_CONFIG: config, TUSKER_PORT: '2', TUSKER_DISABLE_DOWNLOAD: 'true' }
    const program = launch(['-host', '127.0.0.1', '-port', '0'], [], environment)
    const url = await vi.waitFor(() => {
      const found = /^listening on (\S+)/m.exec(program.output())?.[1]
      if (found === undefined) throw new Error(`it does not listen: ${program.output()}`)
      return found
    }, 60_000)
    await expect(create(url, 11)).rejects.toThrow('413')
    const upload = await create(url, 10)
    expect((await patch(upload, 0, sample(10))).status).toBe(204)
    expect((await fetch(upload)).status).toBe(405)
    expect(existsSync(join(directory, upload.split('/').at(-1) ?? ''))).toBe(true)
  })

  test.each([
    [{ TUSKER_PROT: '1' }, 'tusker: unknown variable TUSKER_PROT; did you mean TUSKER_PORT?\n'],
    [
      { TUSKER_BASE_PATH: '/a?b' },
      'tusker: invalid value "/a?b" for TUSKER_BASE_PATH: not the plain path of a URL, such as /files/\n',
    ],
  ])('does not start with %j', async (environment, line) => {
    expect(await launch([], [], environment).ended()).toMatchObject({ code: 2, stdout: '', stderr: line })
  })

  test('does not start with a file that has a mistake, and leaves no folder behind', async () => {
    const directory = join(newFolder(), 'up')
    const config = configFile({ 'upload-dir': directory, 'disable-donwload': true })
    expect(await run('-config', config)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: `tusker: unknown key "disable-donwload" in ${config}; did you mean "disable-download"?\n`,
    })
    expect(existsSync(directory)).toBe(false)
  })
})

describe('-print-config', () => {
  test('prints every setting with its value and its source, aligned, and starts nothing', async () => {
    const directory = join(newFolder(), 'my files')
    const config = configFile({ 'upload-dir': directory, 'max-size': '5GiB', 'cors-allow-headers': ['X-A', 'X-B'] })
    const environment = { TUSKER_PORT: '9000', TUSKER_CONFIG: config }
    const { code, stdout, stderr } = await launch(['-print-config', '-verbose=F'], [], environment).ended()
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const rows = stdout.split('\n').filter((line) => line.startsWith('  '))
    const cells = new Map(rows.map((row) => [row.trim().split(/ +/, 1)[0] ?? '', row.trim().split(/ {2,}/).slice(1)]))
    expect(cells.get('port')).toEqual(['9000', 'TUSKER_PORT'])
    expect(cells.get('verbose')).toEqual(['false', 'flag'])
    expect(cells.get('max-size')).toEqual(['5GiB', config])
    expect(cells.get('cors-allow-headers')).toEqual(['X-A,X-B', config])
    expect(cells.get('upload-dir')?.join('  ')).toContain(`"${directory}"`)
    expect(cells.get('cors-allow-origin')).toEqual(['.*', 'default'])
    expect(cells.get('unix-sock')).toEqual(['""', 'default'])
    // One space is enough for a value that is wider than its column
    expect(cells.get('config')?.join(' ')).toBe(`${config} TUSKER_CONFIG`)
    for (const command of ['help', 'version', 'print-config']) expect(cells.has(command)).toBe(false)
    const columns = rows.map((row) => row.search(/(?<=^ {2}\S+ +)\S/))
    expect(new Set(columns).size).toBe(1)
    expect(existsSync(directory)).toBe(false)
  })

  test('fails as the start would with an invalid setting', async () => {
    expect(await run('-print-config', '-base-path', '/a?b')).toMatchObject({ code: 2, stdout: '' })
    expect(await launch(['-print-config'], [], { TUSKER_PORT: 'x' }).ended()).toMatchObject({ code: 2, stdout: '' })
  })
})

test('-show-startup-logs=false prints nothing at the start', async () => {
  const path = join(newFolder(), 'tusker.sock')
  const program = launch(['-show-startup-logs=false', '-unix-sock', path, '-upload-dir', newFolder()])
  const connects = () =>
    new Promise((done, fail) => {
      const probe = connect(path, () => done(probe.destroy()))
      probe.once('error', fail)
    })
  await vi.waitFor(connects, 60_000)
  program.kill('SIGTERM')
  const { code, stdout } = await program.ended()
  expect(code).toBe(0)
  expect(stdout).toMatch(/^SIGTERM: stopping; .*\nstopped\n$/)
})

test('-log-format json makes every line of the output an object, from the start to the end', async () => {
  const program = launch(['-log-format=json', '-host=127.0.0.1', '-port=0', '-upload-dir', newFolder()])
  const url = await vi.waitFor(() => {
    const found = /"listening on (http:[^"]+)"/.exec(program.output())?.[1]
    if (found === undefined) throw new Error(`it does not listen: ${program.output()}`)
    return found
  }, 60_000)
  expect((await patch(await create(url, 3), 9, sample(3))).status).toBe(409)
  program.kill('SIGTERM')
  const { code, stdout } = await program.ended()
  expect(code).toBe(0)
  const lines = stdout.trimEnd().split('\n')
  const objects = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  for (const object of objects) expect(Object.keys(object).slice(0, 3)).toEqual(['time', 'level', 'event'])
  expect(objects).toContainEqual(expect.objectContaining({ event: 'request.finished', status: 409 }))
  const messages = objects.flatMap(({ message }) => (typeof message === 'string' ? [message] : []))
  expect(messages[0]).toMatch(/^tusker \d/)
  expect(messages.at(-1)).toBe('stopped')
})
