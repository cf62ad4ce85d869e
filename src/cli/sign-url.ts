import type { SignOptions } from '../rights/jwt.ts'
import { Complaint } from './complaint.ts'
import type { Flag } from './flags.ts'
import { nearest } from './nearest.ts'
import { quote } from './quote.ts'
import { loadJwt } from './rights.ts'
import { readSecrets } from './secrets.ts'
import { readSetting } from './setting.ts'
import type { Value } from './values.ts'

/** Flags of the command. They have no defaults: what is not given does not stand in the link. */
const FLAGS: Readonly<Record<string, Flag>> = {
  'secret-file': {
    kind: 'string',
    required: true,
    default: '',
    help: 'the file of -jwt-secret-file; its first line signs',
  },
  expires: { kind: 'duration', min: 1, default: '1h', help: 'life of the link (default 1h)' },
  owner: { kind: 'string', required: true, default: '', help: 'whose the uploads are (default one of its own)' },
  'max-size': { kind: 'bytes', min: 1, default: '', help: 'most bytes of an upload' },
  'max-uploads': { kind: 'integer', min: 1, default: '', help: 'unfinished uploads at a time' },
  'max-bytes': { kind: 'bytes', min: 1, default: '', help: 'bytes of unfinished uploads' },
  operations: { kind: 'list', default: '', help: 'of create, append, head, read, terminate, concat (default all)' },
  upload: { kind: 'string', required: true, default: '', help: 'id of the only upload that it is for' },
  issuer: { kind: 'string', required: true, default: '', help: 'for servers with -jwt-issuer' },
  audience: { kind: 'string', required: true, default: '', help: 'for servers with -jwt-audience' },
}

const HELP = `tusker sign-url prints a link with which whoever has it may upload, for a server with
-jwt-secret-file and -jwt-in-url.

Usage: tusker sign-url -secret-file <file> [flags] <url>

${Object.entries(FLAGS)
  .map(([name, { help }]) => `  ${`-${name}`.padEnd(14)}${help}`)
  .join('\n')}

The URL is that at which uploads are created, such as https://example.org/files/, or that of
an upload; it becomes the endpoint of a client as it is.
`

/**
 * `tusker sign-url`: the text to be printed.
 * @param args what stands behind the name of the command
 * @throws Complaint
 */
export async function signUrl(args: readonly string[]): Promise<string> {
  if (args.some((argument) => /^--?h(?:elp)?$/.test(argument))) return HELP
  const { values, rest } = read(args)
  const [url, more] = rest
  if (url === undefined) throw complaint('there is no URL to sign')
  if (more !== undefined) throw complaint(`unexpected argument ${quote(more)}`)
  const file = values.get('secret-file')
  if (typeof file !== 'string') throw complaint('-secret-file is needed')
  const [secret = ''] = await readSecrets(file, '-secret-file')
  const { signUploadUrl } = await loadJwt('tusker sign-url')
  try {
    return `${await signUploadUrl(url, optionsOf(values, secret))}\n`
  } catch (error) {
    // Whatever is wrong with an option is named by it
    if (error instanceof TypeError) throw new Complaint(`cannot sign: ${error.message}`, 2, { cause: error })
    throw error
  }
}

function read(args: readonly string[]): {
  readonly values: ReadonlyMap<string, Value>
  readonly rest: readonly string[]
} {
  const values = new Map<string, Value>()
  const rest: string[] = []
  for (let at = 0; at < args.length; at++) {
    const argument = args[at] ?? ''
    const [, name, text] = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(argument) ?? []
    if (name === undefined) {
      rest.push(argument)
      continue
    }
    const flag = Object.hasOwn(FLAGS, name) ? FLAGS[name] : undefined
    if (flag === undefined) throw unknown(name)
    const value = text ?? args[++at]
    if (value === undefined) throw complaint(`flag -${name} needs a value`)
    values.set(name, readSetting(flag, value, { place: `flag -${name}`, source: 'flag' }).value)
  }
  return { values, rest }
}

function optionsOf(values: ReadonlyMap<string, Value>, secret: string): SignOptions {
  const text = (name: string) => only(values.get(name), (value) => typeof value === 'string')
  const number = (name: string) => only(values.get(name), (value) => typeof value === 'number')
  const given = {
    expiresIn: number('expires'),
    owner: text('owner'),
    maxSize: number('max-size'),
    maxUploads: number('max-uploads'),
    maxBytes: number('max-bytes'),
    operations: values.get('operations'),
    upload: text('upload'),
    issuer: text('issuer'),
    audience: text('audience'),
  }
  // Checked by the library itself, operations too
  return { ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)), secret }
}

function only<T extends Value>(value: Value | undefined, is: (value: Value) => value is T): T | undefined {
  return value !== undefined && is(value) ? value : undefined
}

function unknown(name: string): Complaint {
  const near = nearest(name, Object.keys(FLAGS))
  const hint = near === null ? 'tusker sign-url -help lists them' : `did you mean -${near}?`
  return new Complaint(`unknown flag ${quote(`-${name}`)} of sign-url; ${hint}`, 2)
}

function complaint(message: string): Complaint {
  return new Complaint(`${message}: tusker sign-url -secret-file <file> [flags] <url>`, 2)
}
