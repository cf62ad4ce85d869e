import { describe, expect, test } from 'vitest'
import { Complaint } from './complaint.ts'
import { configure } from './configure.ts'
import { FLAGS, type Settings, TUSD_ONLY } from './flags.ts'
import { helpText } from './help.ts'

function parseArguments(args: readonly string[]): Settings {
  return configure(args, {}).settings
}

/** The line that a command line is refused with. */
function refusal(...args: readonly string[]): string {
  try {
    parseArguments(args)
  } catch (error) {
    if (!(error instanceof Complaint)) throw error
    expect(error.exitCode).toBe(2)
    expect(error.message).not.toContain('\n')
    return error.message
  }
  throw new Error(`accepted: ${args.join(' ')}`)
}

function setting<Name extends keyof Settings>(name: Name, ...args: readonly string[]): Settings[Name] {
  return parseArguments(args)[name]
}

describe('defaults', () => {
  test('are those of tusd where tusd has the flag', () => {
    expect(parseArguments([])).toMatchObject({
      host: '0.0.0.0',
      port: 8080,
      'unix-sock': '',
      'base-path': '/files/',
      'max-size': 0,
      'upload-dir': './data',
      'disable-download': false,
      'disable-termination': false,
      'disable-concatenation': false,
      'dir-perms': 0o775,
      'file-perms': 0o664,
      'network-timeout': 60_000,
      'acquire-lock-timeout': 20_000,
      'shutdown-timeout': 10_000,
      verbose: true,
      version: false,
    })
  })

  test('keep finished uploads through a loss of power, and never expire one', () => {
    expect(parseArguments([])).toMatchObject({ durability: 'finish', locker: 'auto', 'expire-after': 0 })
  })
})

describe('forms', () => {
  test.each([['-port', '9000'], ['--port', '9000'], ['-port=9000'], ['--port=9000']])('%s %s', (...args) => {
    expect(setting('port', ...args)).toBe(9000)
  })

  test('a flag that is given twice counts as given last', () => {
    expect(setting('port', '-port', '1', '-port', '2')).toBe(2)
  })

  test('-dir is the older name of -upload-dir', () => {
    expect(setting('upload-dir', '-dir', '/srv/up')).toBe('/srv/up')
  })

  test('a value may hold an equals sign, a space, a line break, or begin with a dash', () => {
    expect(setting('upload-dir', '-dir=a=b')).toBe('a=b')
    expect(setting('upload-dir', '-dir', ' a\nb')).toBe(' a\nb')
    expect(setting('upload-dir', '-dir', '-x')).toBe('-x')
    expect(setting('upload-dir', '-dir=-port')).toBe('-port')
  })

  test('a boolean takes no argument after it, only a value after an equals sign', () => {
    const settings = parseArguments(['-disable-download', '-verbose=false', '--port', '1'])
    expect(settings).toMatchObject({ 'disable-download': true, verbose: false, port: 1 })
  })

  test.each(['1', 't', 'T', 'true', 'TRUE', 'True'])('-verbose=%s is true, as in Go', (word) => {
    expect(setting('verbose', '-verbose=false', `-verbose=${word}`)).toBe(true)
  })

  test.each(['0', 'f', 'F', 'false', 'FALSE', 'False'])('-verbose=%s is false, as in Go', (word) => {
    expect(setting('verbose', `-verbose=${word}`)).toBe(false)
  })

  test('two dashes alone are passed over, as package managers pass them on', () => {
    expect(setting('port', '--', '-port', '9000')).toBe(9000)
  })
})

describe('values', () => {
  test.each([
    ['0', 0],
    ['0s', 0],
    ['500ms', 500],
    ['20s', 20_000],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['1h0.5m', 3_630_000],
    ['.5s', 500],
    ['1.1m', 66_000],
    ['1500us', 2],
    ['1µs', 1],
    ['2000000ns', 2],
    ['876000h', 3_153_600_000_000],
  ])('a time of %s is %d milliseconds', (text, milliseconds) => {
    expect(setting('expire-after', `-expire-after=${text}`)).toBe(milliseconds)
  })

  test.each(['', '60', '-1s', '+1s', '1d', '1s ', '.s', 's', '1..5s', '1e3s', 'never', '1,5s', '10S'])(
    'a time of %j is refused',
    (text) => {
      expect(refusal(`-expire-after=${text}`)).toBe(
        `invalid value "${text}" for flag -expire-after: not a time with a unit, such as 500ms, 20s, 1m30s or 1.5h`,
      )
    },
  )

  test.each([
    ['0', 0],
    ['1048576', 1_048_576],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['64MiB', 67_108_864],
    ['2GB', 2_000_000_000],
    ['1kb', 1000],
    ['1.5GiB', 1_610_612_736],
    ['3TiB', 3_298_534_883_328],
    ['10B', 10],
  ])('a size of %s is %d bytes', (text, bytes) => {
    expect(setting('max-size', '-max-size', text)).toBe(bytes)
  })

  test.each(['', '-1', '1.5', '64M', '1 MiB', '0x10', '1e6', 'MiB', '1PiB', 'infinite'])(
    'a size of %j is refused',
    (text) => {
      expect(refusal(`-max-size=${text}`)).toContain(
        `invalid value ${JSON.stringify(text)} for flag -max-size: not a size`,
      )
    },
  )

  test('a number that cannot be held exactly is refused, not rounded', () => {
    expect(refusal('-max-size=9007199254740992')).toContain('the most is')
    expect(refusal(`-max-size=${'9'.repeat(400)}`)).toContain('the most is')
    expect(refusal(`-expire-after=${'9'.repeat(400)}h`)).toContain('the most is 876000h')
  })

  test.each([
    ['775', 0o775],
    ['0750', 0o750],
    ['0o700', 0o700],
    ['2775', 0o2775],
    ['0', 0],
  ])('a mode of %s is octal', (text, mode) => {
    expect(setting('dir-perms', '-dir-perms', text)).toBe(mode)
  })

  test.each(['', '8', '888', 'rwx', '-1', '17777', '1e3'])('a mode of %j is refused', (text) => {
    expect(refusal(`-dir-perms=${text}`)).toContain('not an octal mode, such as 775')
  })

  test.each(['-1', '65536', '80a', '', '8_0', '0x50'])('a port of %j is refused', (text) => {
    expect(refusal(`-port=${text}`)).toContain(`invalid value "${text}" for flag -port: `)
  })

  test('a choice that is not offered is refused with those that are', () => {
    expect(refusal('-durability=all')).toBe(
      'invalid value "all" for flag -durability: choose one of none, finish, always',
    )
  })

  test('times that would end every request are refused, and times that no timer can hold', () => {
    expect(refusal('-network-timeout=0')).toBe('invalid value "0" for flag -network-timeout: the least is 1ms')
    expect(refusal('-acquire-lock-timeout', '597h')).toContain('the most is 596h')
    expect(setting('shutdown-timeout', '-shutdown-timeout=0')).toBe(0)
  })

  test('a boolean that is neither true nor false is refused', () => {
    expect(refusal('-verbose=yes')).toBe('invalid value "yes" for flag -verbose: neither true nor false')
  })

  test('an empty folder is refused under the name it was given by', () => {
    expect(refusal('-dir=')).toBe('invalid value "" for flag -dir: must not be empty')
  })
})

describe('mistakes', () => {
  test.each([
    ['-prot', 'port'],
    ['-PORT', 'port'],
    ['--uploadDir=x', 'upload-dir'],
    ['-max-sise', 'max-size'],
    ['-disable-donwload', 'disable-download'],
    ['-disable_termination', 'disable-termination'],
    ['-verbos', 'verbose'],
    ['-hlep', 'help'],
  ])('unknown %s suggests -%s', (argument, name) => {
    const shown = argument.replace('--', '-').replace('=x', '')
    expect(refusal(argument)).toBe(`unknown flag ${shown}; did you mean -${name}?`)
  })

  test('an unknown flag that is like no other points to the list', () => {
    expect(refusal('-zebra')).toBe('unknown flag -zebra; tusker -help lists the flags')
    expect(refusal(`-${'x'.repeat(100_000)}`)).toContain('tusker -help lists the flags')
  })

  test('names of JavaScript objects are no flags', () => {
    for (const word of ['constructor', '__proto__', 'toString']) expect(refusal(`-${word}`)).toContain('unknown flag')
  })

  test('a flag cannot smuggle control characters into the complaint', () => {
    expect(refusal('-\u001b[31mred\nx')).toBe('unknown flag "-\\u001b[31mred\\nx"; tusker -help lists the flags')
  })

  test('a flag of tusd that is not supported yet is told from a misspelling', () => {
    expect(refusal('-gcs-bucket', 'uploads')).toBe(
      'flag -gcs-bucket is known to tusd, but this version of tusker does not support it yet',
    )
  })

  test('no flag is both supported and not', () => {
    expect(TUSD_ONLY.filter((name) => name in FLAGS)).toEqual([])
    expect(new Set(TUSD_ONLY).size).toBe(TUSD_ONLY.length)
  })

  test('a missing value is noticed at the end and before another flag', () => {
    expect(refusal('-port')).toBe('flag -port needs a value: -port <number>')
    expect(refusal('-dir', '-port', '9000')).toBe('flag -dir needs a value: -dir <folder>')
  })

  test.each([
    [['data'], 'unexpected argument "data"; flags begin with a dash'],
    [['port', '9000'], 'unexpected argument "port"; did you mean -port?'],
    [['-verbose', 'false'], 'unexpected argument "false"; did you mean -verbose=false?'],
    [['-port', '1', 'false'], 'unexpected argument "false"; flags begin with a dash'],
    [['-'], 'unexpected argument "-"; flags begin with a dash'],
    [['---port=1'], 'unexpected argument "---port=1"; flags begin with a dash'],
    [[''], 'unexpected argument ""; flags begin with a dash'],
  ])('what is no flag is refused: %j', (args, message) => {
    expect(refusal(...args)).toBe(message)
  })
})

describe('help', () => {
  test('lists every flag with its default and its older names', () => {
    const lines = helpText().split('\n')
    for (const [name, flag] of Object.entries(FLAGS)) {
      const at = lines.findIndex((line) => new RegExp(`^  -${name}( |$)`).test(line))
      expect(at, name).toBeGreaterThan(-1)
      // A list may be broken behind its commas
      const entry = lines
        .slice(at, at + 8)
        .join(' ')
        .replaceAll(/,\s+/g, ',')
      if (!['', 'false'].includes(flag.default)) expect(entry).toContain(`(default ${flag.default})`)
    }
    expect(helpText()).toContain('(also -dir)')
  })

  test('fits a terminal, aligned', () => {
    const lines = helpText().split('\n')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(92)
    const columns = lines.flatMap((line) => /^ {2}-.*? {2,}(?=\S)/.exec(line)?.[0].length ?? [])
    expect(new Set(columns).size).toBe(1)
    expect(columns).toHaveLength(Object.keys(FLAGS).length)
  })
})
