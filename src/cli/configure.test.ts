import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Complaint } from './complaint.ts'
import { configure } from './configure.ts'
import { type Environment, variableOf } from './environment.ts'
import { FLAGS } from './flags.ts'
import { COMMANDS } from './names.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tusker-config-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** A file with this text, or with this value as JSON. */
function file(content: string | object): string {
  const path = join(folder, 'tusker.json')
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

function fromFile(content: string | object) {
  return configure(['-config', file(content)], {}).settings
}

function fromEnvironment(environment: Environment) {
  return configure([], environment).settings
}

/** The line that a start is refused with; the folder of the test's files is left out of it. */
function refusal(start: () => unknown): string {
  try {
    start()
  } catch (error) {
    if (!(error instanceof Complaint)) throw error
    expect(error.exitCode).toBe(2)
    expect(error.message).not.toContain('\n')
    return error.message.replaceAll(`${folder}/`, '')
  }
  throw new Error('accepted')
}

describe('every setting', () => {
  const names = Object.keys(FLAGS).filter((name) => !COMMANDS.includes(name))

  test.each(names)('%s can be set by its variable and by the file, as by its flag', (name) => {
    const flag = Object.entries(FLAGS).find(([one]) => one === name)?.[1]
    const other = { boolean: flag?.default === 'true' ? 'false' : 'true', octal: '700', integer: '7', bytes: '9MiB' }
    const more = { duration: '7m', string: '/x', list: 'a,b', pattern: 'x', choice: '' }
    const choices = flag !== undefined && 'choices' in flag ? flag.choices : []
    const text = { ...other, ...more, choice: choices.find((one) => one !== flag?.default) ?? '' }[
      flag?.kind ?? 'string'
    ]
    const byFlag = configure([`-${name}=${text}`], {})
    const byVariable = configure([], { [variableOf(name)]: text })
    const byFile = configure(['-config', file({ [name]: text })], {})
    const value = byFlag.origins.get(name)?.value
    expect(value).not.toEqual(configure([], {}).origins.get(name)?.value)
    expect(byVariable.origins.get(name)).toMatchObject({ value, text, origin: { source: variableOf(name) } })
    expect(byFile.origins.get(name)).toMatchObject({ value, text, origin: { source: join(folder, 'tusker.json') } })
  })
})

describe('precedence', () => {
  test('a flag goes over a variable, a variable over the file, the file over the default', () => {
    const path = file({ port: 1, host: 'file', 'max-size': 10, 'file-perms': '600' })
    const environment = { TUSKER_CONFIG: path, TUSKER_PORT: '2', TUSKER_HOST: 'variable', TUSKER_UNIX_SOCK: 'x' }
    const { settings, origins } = configure(['-port', '3', '-verbose=false'], environment)
    const sources = Object.fromEntries([...origins].map(([name, { origin }]) => [name, origin.source]))
    expect(settings).toMatchObject({ port: 3, host: 'variable', 'max-size': 10, 'file-perms': 0o600, 'tls-key': '' })
    expect(sources).toMatchObject({ port: 'flag', host: 'TUSKER_HOST', 'max-size': path, 'tls-key': 'default' })
    expect(sources).toMatchObject({ config: 'TUSKER_CONFIG', 'unix-sock': 'TUSKER_UNIX_SOCK', verbose: 'flag' })
  })

  test('-config goes over TUSKER_CONFIG', () => {
    const { settings } = configure(['-config', file({ port: 1 })], { TUSKER_CONFIG: '/does/not/exist' })
    expect(settings.port).toBe(1)
  })

  test('an empty TUSKER_CONFIG is no file', () => {
    expect(fromEnvironment({ TUSKER_CONFIG: '' }).port).toBe(8080)
  })

  test('older names take part under the name of today', () => {
    const environment = { TUSKER_CONFIG: file({ dir: 'file' }) }
    expect(configure([], environment).settings['upload-dir']).toBe('file')
    expect(configure([], { ...environment, TUSKER_DIR: 'variable' }).settings['upload-dir']).toBe('variable')
    expect(configure(['-dir=flag'], { ...environment, TUSKER_DIR: 'x' }).settings['upload-dir']).toBe('flag')
  })

  test('a mistake is refused also where another source goes over it', () => {
    expect(refusal(() => configure(['-port=1'], { TUSKER_PORT: 'x' }))).toContain('for TUSKER_PORT: ')
    expect(refusal(() => configure(['-port=1', '-config', file({ port: 'x' })], {}))).toContain('for "port" in ')
  })

  test('-help and -version work whatever is wrong in the environment and in the file', () => {
    const environment = { TUSKER_CONFIG: '/does/not/exist', TUSKER_ZEBRA: '1' }
    expect(configure(['-help'], environment).settings.help).toBe(true)
    expect(configure(['-version'], environment).settings.version).toBe(true)
  })
})

describe('the environment', () => {
  test.each([
    [{ TUSKER_PROT: '1' }, 'unknown variable TUSKER_PROT; did you mean TUSKER_PORT?'],
    [{ TUSKER_UPLOADDIR: '1' }, 'unknown variable TUSKER_UPLOADDIR; did you mean TUSKER_UPLOAD_DIR?'],
    [{ TUSKER_Port: '1' }, 'unknown variable TUSKER_Port; did you mean TUSKER_PORT?'],
    [{ TUSKER_ZEBRA: '' }, 'unknown variable TUSKER_ZEBRA; tusker -help lists the flags'],
    [{ TUSKER_: '' }, 'unknown variable TUSKER_; tusker -help lists the flags'],
    [{ 'TUSKER_\u001b[2J': '' }, 'unknown variable "TUSKER_\\u001b[2J"; tusker -help lists the flags'],
    [
      { TUSKER_GCS_BUCKET: 'b' },
      'variable TUSKER_GCS_BUCKET is known to tusd, but this version of tusker does not support it yet',
    ],
    [{ TUSKER_PORT: '70000' }, 'invalid value "70000" for TUSKER_PORT: the most is 65535'],
    [{ TUSKER_PORT: '' }, 'invalid value "" for TUSKER_PORT: not a whole number'],
    [{ TUSKER_DIR: '' }, 'invalid value "" for TUSKER_DIR: must not be empty'],
    [{ TUSKER_VERSION: '1.2.3' }, 'TUSKER_VERSION has no effect: -version is for the command line only'],
    [{ TUSKER_HELP: '1' }, 'TUSKER_HELP has no effect: -help is for the command line only'],
    [{ TUSKER_PRINT_CONFIG: '1' }, 'TUSKER_PRINT_CONFIG has no effect: -print-config is for the command line only'],
    [
      { TUSKER_UPLOAD_DIR: 'a', TUSKER_DIR: 'b' },
      'TUSKER_UPLOAD_DIR and TUSKER_DIR are the same setting; unset one of them',
    ],
  ])('%j is refused', (environment, message) => {
    expect(refusal(() => fromEnvironment(environment))).toBe(message)
  })

  test('other variables are left alone, and so are those that Kubernetes sets beside a service called tusker', () => {
    const environment = {
      PORT: 'x',
      TUSK: 'x',
      tusker_port: 'x',
      TUSKER_SERVICE_HOST: '10.0.0.11',
      TUSKER_SERVICE_PORT: '8080',
      TUSKER_SERVICE_PORT_HTTP: '8080',
      TUSKER_PORT: 'tcp://10.0.0.11:8080',
      TUSKER_PORT_8080_TCP: 'tcp://10.0.0.11:8080',
      TUSKER_PORT_8080_TCP_PROTO: 'tcp',
      TUSKER_PORT_8080_TCP_ADDR: '10.0.0.11',
      TUSKER_WEB_SERVICE_HOST: '10.0.0.12',
      TUSKER_WEB_PORT: 'tcp://10.0.0.12:80',
    }
    expect(fromEnvironment(environment)).toEqual(fromEnvironment({}))
  })
})

describe('the file', () => {
  test('takes numbers, booleans, strings and arrays of strings where they make sense', () => {
    const settings = fromFile({
      port: 9000,
      'max-size': 5_368_709_120,
      'expire-after': 0,
      'network-timeout': '1m30s',
      'disable-download': true,
      verbose: 'false',
      'cors-allow-headers': ['X-A', 'X-B'],
      'cors-allow-methods': 'LOCK, UNLOCK',
      'cors-expose-headers': [],
      'cors-allow-origin': '^https://.*\\.example\\.com$',
      'dir-perms': '750',
      durability: 'always',
    })
    expect(settings).toMatchObject({
      port: 9000,
      'max-size': 5_368_709_120,
      'expire-after': 0,
      'network-timeout': 90_000,
      'disable-download': true,
      verbose: false,
      'cors-allow-headers': ['X-A', 'X-B'],
      'cors-allow-methods': ['LOCK', 'UNLOCK'],
      'cors-expose-headers': [],
      'cors-allow-origin': /^https:\/\/.*\.example\.com$/,
      'dir-perms': 0o750,
      durability: 'always',
    })
  })

  test('may begin with the mark that editors of Windows write', () => {
    expect(fromFile('\ufeff{"port": 1}').port).toBe(1)
  })

  test.each([
    ['{"prot": 1}', 'unknown key "prot" in tusker.json; did you mean "port"?'],
    ['{"maxSize": 1}', 'unknown key "maxSize" in tusker.json; did you mean "max-size"?'],
    ['{"zebra": 1}', 'unknown key "zebra" in tusker.json; tusker -help lists the flags'],
    ['{"__proto__": {}}', 'unknown key "__proto__" in tusker.json; tusker -help lists the flags'],
    [
      '{"gcs-bucket": "b"}',
      'key "gcs-bucket" in tusker.json is known to tusd, but this version of tusker does not support it yet',
    ],
    ['{"port": 1, "host": "a", "port": 2}', 'key "port" in tusker.json is there twice'],
    [
      '{"dir": "a", "upload-dir": "b"}',
      'key "upload-dir" in tusker.json is another name of "dir", which is there, too',
    ],
    ['{"config": "x"}', 'key "config" in tusker.json has no effect: -config is not for a file'],
    ['{"print-config": true}', 'key "print-config" in tusker.json has no effect: -print-config is not for a file'],
    ['{"help": false}', 'key "help" in tusker.json has no effect: -help is not for a file'],
    ['{"h": true}', 'key "h" in tusker.json has no effect: -help is not for a file'],
    ['{"version": true}', 'key "version" in tusker.json has no effect: -version is not for a file'],
    ['{"port": 70000}', 'invalid value 70000 for "port" in tusker.json: the most is 65535'],
    ['{"port": 1.5}', 'invalid value 1.5 for "port" in tusker.json: not a whole number'],
    ['{"port": -1}', 'invalid value -1 for "port" in tusker.json: not a whole number'],
    ['{"port": true}', 'invalid value true for "port" in tusker.json: it must be a number'],
    ['{"port": null}', 'invalid value null for "port" in tusker.json: it must be a number'],
    ['{"host": 1}', 'invalid value 1 for "host" in tusker.json: it must be a string'],
    ['{"verbose": 1}', 'invalid value 1 for "verbose" in tusker.json: it must be true or false'],
    ['{"verbose": "yes"}', 'invalid value "yes" for "verbose" in tusker.json: neither true nor false'],
    ['{"dir-perms": 775}', 'invalid value 775 for "dir-perms" in tusker.json: it must be a string, such as "775"'],
    [
      '{"durability": "all"}',
      'invalid value "all" for "durability" in tusker.json: choose one of none, finish, always',
    ],
    ['{"host": ["a"]}', 'invalid value ["a"] for "host" in tusker.json: it must be a string'],
    [
      '{"cors-allow-headers": ["a", 1]}',
      'invalid value ["a",1] for "cors-allow-headers" in tusker.json: it must be an array of strings, or one string with commas',
    ],
    [
      '{"network-timeout": 20}',
      'invalid value 20 for "network-timeout" in tusker.json: not a time with a unit, such as 500ms, 20s, 1m30s or 1.5h',
    ],
    ['{"dir": ""}', 'invalid value "" for "dir" in tusker.json: must not be empty'],
    ['[]', 'tusker.json (flag -config) must hold a JSON object, such as {"port": 9000}'],
    ['null', 'tusker.json (flag -config) must hold a JSON object, such as {"port": 9000}'],
    ['"port"', 'tusker.json (flag -config) must hold a JSON object, such as {"port": 9000}'],
    ['{\n  "port": 1,\n}\n', 'tusker.json (flag -config) is no JSON: line 3, column 1: unexpected "}"'],
    ['', 'tusker.json (flag -config) is no JSON: line 1, column 1: unexpected end'],
  ])('%j is refused', (text, message) => {
    expect(refusal(() => fromFile(text))).toBe(message)
  })

  test('with a long value is refused in a short line', () => {
    const message = refusal(() => fromFile({ port: 'x'.repeat(100_000) }))
    expect(message.length).toBeLessThan(300)
  })

  test('that is missing, or a folder, is refused with what named it', () => {
    expect(refusal(() => configure(['-config', join(folder, 'no.json')], {}))).toBe(
      'cannot read no.json (flag -config): there is no such file',
    )
    expect(refusal(() => configure([], { TUSKER_CONFIG: join(folder, 'no.json') }))).toBe(
      'cannot read no.json (TUSKER_CONFIG): there is no such file',
    )
    expect(refusal(() => configure(['--config', folder], {}))).toBe(
      `cannot read ${folder} (flag -config): it is a folder`,
    )
  })
})
