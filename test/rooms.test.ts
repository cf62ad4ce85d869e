import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', 'src')

interface Source {
  /** Path below src, with forward slashes. */
  readonly path: string
  readonly text: string
  /** The text without comments: rules are about code. */
  readonly code: string
  /** Paths below src of what it imports from here. */
  readonly imports: readonly string[]
  /** Packages and node: modules that it imports. */
  readonly packages: readonly string[]
}

/** `import ... from '...'`, also when it ends on another line than it begins, and `import('...')`. */
const IMPORT = /^(?:import|export|\})[^'\n]*from '([^']+)'|\bimport\('([^']+)'\)/gm

const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .map((path) => path.split(sep).join('/'))
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  .map(readSource)

function readSource(path: string): Source {
  const text = readFileSync(join(root, path), 'utf8')
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1')
  const names = [...code.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? '')
  return {
    path,
    text,
    code,
    imports: names
      .filter((name) => name.startsWith('.'))
      .map((name) =>
        relative(root, normalize(join(root, dirname(path), name)))
          .split(sep)
          .join('/'),
      ),
    packages: names.filter((name) => !name.startsWith('.')),
  }
}

/** The room of a file: its folder, or its own name at the top. */
const roomOf = (path: string): string => path.split('/', 1)[0] ?? path

/** What each room may import from. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  core: ['core'],
  engine: ['engine', 'core'],
  stores: ['stores', 'core'],
  lockers: ['lockers', 'core'],
  metrics: ['metrics', 'core'],
  hooks: ['hooks', 'core'],
  rights: ['rights', 'core'],
  tracing: ['tracing', 'core'],
  protocols: ['protocols', 'engine', 'core'],
  http: ['http', 'protocols', 'engine', 'core'],
  testing: ['testing', 'core'],
  'options.ts': ['uploads.ts', 'core'],
  'uploads.ts': ['options.ts', 'http', 'protocols', 'engine', 'lockers', 'core'],
  'index.ts': ['uploads.ts', 'engine', 'core'],
  cli: [
    'cli',
    'uploads.ts',
    'stores',
    'lockers',
    'metrics',
    'hooks',
    'rights',
    'tracing',
    'core',
    'engine',
    'http',
    'protocols',
  ],
}

/** Files in which a word may stand; nowhere else. */
const WORDS: readonly { readonly what: string; readonly word: RegExp; readonly only: RegExp }[] = [
  {
    what: 'the name of a header',
    word: /'(?:upload-(?:offset|(?:defer-)?length|metadata|concat|checksum|expires|(?:in)?complete|limit)|tus-[a-z-]+|content-(?:type|length|range)|location|if-(?:match|none-match|range))'/i,
    only: /^(?:(?:protocols|http|hooks|testing)\/|cli\/pages\.ts$)/,
  },
  {
    what: 'IncomingMessage',
    word: /\bIncomingMessage\b/,
    only: /^(?:http\/node(?:\/(?:send|direct|download))?|cli\/serve)\.ts$/,
  },
  {
    what: 'Request and Response of Fetch',
    word: /\bnew (?:Request|Response)\(|: (?:Request|Response)\b/,
    only: /^http\/fetch\.ts$/,
  },
  {
    what: 'what differs between versions of the IETF draft',
    word: /upload-draft-interop-version|upload-incomplete|\bversion [!=<>]==? \d/i,
    only: /^(?:protocols\/ietf\/interop|http\/cors\/names)\.ts$/,
  },
  { what: 'acquire()', word: /\.acquire\(|\.tryAcquire\(/, only: /^(?:engine\/hold\.ts|lockers\/|testing\/)/ },
  { what: 'finish()', word: /\.finish\(/, only: /^(?:engine\/(?:complete|observed)\.ts|testing\/)/ },
  { what: 'process.env and process.argv', word: /process\.(?:env|argv)\b/, only: /^cli\// },
]

/** Packages beyond node: that a room may import. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  http: ['content-disposition'],
  stores: ['content-disposition'],
  tracing: ['@opentelemetry/api'],
  protocols: ['structured-headers', 'content-disposition'],
}

/** Packages that are loaded only where they are wanted, by name: nobody else may need them to be installed. */
const DRIVERS: readonly { readonly packages: readonly string[]; readonly only: RegExp }[] = [
  {
    packages: ['@aws-sdk/client-s3', '@aws-sdk/s3-request-presigner'],
    only: /^(?:stores\/s3(?:\.ts$|\/)|cli\/s3\/)/,
  },
  {
    packages: ['@connectrpc/connect', '@connectrpc/connect-node', '@bufbuild/protobuf', '@bufbuild/protobuf/codegenv2'],
    only: /^hooks\/grpc(?:\.ts$|\/)/,
  },
  { packages: ['jose'], only: /^rights\/jwt(?:\.ts$|\/)/ },
]

/** Who may say at the top that it needs a driver: the others load it by `import()` once it is wanted, or import types. */
const DRIVER_ROOMS = /^(?:stores\/s3|hooks\/grpc|rights\/jwt)(?:\.ts$|\/)/

describe('the rooms of the house', () => {
  it('has sources to look at', () => {
    expect(sources.length).toBeGreaterThan(30)
  })

  it.each(sources.map((source) => [source.path, source] as const))(
    '%s imports only from rooms below it',
    (_, source) => {
      const allowed = DOORS[roomOf(source.path)]
      expect(allowed, `no rule for the room of ${source.path}`).toBeDefined()
      const wrong = source.imports.filter((path) => !allowed?.includes(roomOf(path)))
      expect(wrong).toEqual([])
    },
  )

  it.each(sources.map((source) => [source.path, source] as const))(
    '%s imports only packages of its room',
    (_, source) => {
      const drivers = DRIVERS.filter(({ only }) => only.test(source.path)).flatMap(({ packages }) => packages)
      const allowed = [...(PACKAGES[roomOf(source.path)] ?? []), ...drivers]
      const wrong = source.packages.filter((name) => !name.startsWith('node:') && !allowed.includes(name))
      expect(wrong).toEqual([])
    },
  )

  it.each(WORDS)('$what stands only where it belongs', ({ word, only }) => {
    const wrong = sources.filter(({ path, code }) => !only.test(path) && word.test(code)).map(({ path }) => path)
    expect(wrong).toEqual([])
  })

  it('a driver and the SDK behind it are loaded on demand by all but the driver', () => {
    const atOnce = sources.filter(({ path, code }) => {
      if (DRIVER_ROOMS.test(path)) return false
      const names = [...code.matchAll(/^import (?!type\b)[^'\n]*from '([^']+)'/gm)].map((match) => match[1] ?? '')
      return names.some(
        (name) =>
          DRIVERS.some(({ packages }) => packages.includes(name)) ||
          /(?:stores\/s3|hooks\/grpc|rights\/jwt)\.ts$/.test(name),
      )
    })
    expect(atOnce.map(({ path }) => path)).toEqual([])
  })

  it('core imports nothing from outside, node included, but types', () => {
    const wrong = sources.filter(({ path, packages }) => roomOf(path) === 'core' && packages.length > 0)
    expect(wrong.map(({ path }) => path)).toEqual([])
  })

  it('stores and lockers never import each other', () => {
    const wrong = sources.filter(
      ({ path, imports }) =>
        (roomOf(path) === 'stores' && imports.some((one) => roomOf(one) === 'lockers')) ||
        (roomOf(path) === 'lockers' && imports.some((one) => roomOf(one) === 'stores')),
    )
    expect(wrong.map(({ path }) => path)).toEqual([])
  })

  it('no file is longer than 400 lines', () => {
    const long = sources.filter(({ text }) => text.split('\n').length > 400).map(({ path }) => path)
    expect(long).toEqual([])
  })
})
