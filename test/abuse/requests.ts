import type { Random } from '../heavy/support/random.ts'
import { FIELDS, values } from './values.ts'

/** A request before it is printed: nothing in it need be sound. */
export interface HostileRequest {
  readonly method: string
  readonly target: string
  /** In this order; a name may occur more than once. Characters are octets (Latin-1). */
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
}

const METHODS = [
  ...['POST', 'PATCH', 'HEAD', 'GET', 'DELETE', 'OPTIONS', 'PUT', 'TRACE', 'CONNECT', 'PROPFIND', 'QUERY', 'M-SEARCH'],
  ...['patch', 'XYZZY', 'G\0T', 'PRI', 'SOURCE', ''],
] as const

const VERSION = ['Tus-Resumable', '1.0.0'] as const
const OCTETS = ['Content-Type', 'application/offset+octet-stream'] as const

/** What a sound client might send, for `known` uploads and new ones. */
function sound(random: Random, base: string, known: string, host: string): HostileRequest {
  const body = Buffer.alloc(random.int(0, 3000), 'sound ')
  const basic = [['Host', host], VERSION] as const
  const length = ['Upload-Length', String(random.int(0, 5000))] as const
  return random.pick<HostileRequest>([
    { method: 'POST', target: base, fields: [...basic, length], body: Buffer.alloc(0) },
    { method: 'POST', target: base, fields: [...basic, ['Upload-Length', '5000'], OCTETS], body },
    { method: 'POST', target: base, fields: [...basic, ['Upload-Defer-Length', '1']], body: Buffer.alloc(0) },
    { method: 'POST', target: base, fields: [...basic, length, ['Upload-Concat', 'partial']], body: Buffer.alloc(0) },
    { method: 'PATCH', target: known, fields: [...basic, ['Upload-Offset', '0'], OCTETS], body },
    { method: 'HEAD', target: known, fields: basic, body: Buffer.alloc(0) },
    { method: 'GET', target: known, fields: basic, body: Buffer.alloc(0) },
    { method: 'DELETE', target: known, fields: basic, body: Buffer.alloc(0) },
    { method: 'OPTIONS', target: base, fields: basic, body: Buffer.alloc(0) },
  ])
}

/** A sound request with one to four things wrong in its meaning, none in its framing. */
export function hostileRequest(random: Random, base: string, known: () => string, host: string): HostileRequest {
  const value = values(random, base, known)
  let { method, target, fields, body } = sound(random, base, known(), host)
  const change = [
    () => (method = random.pick(METHODS)),
    () => (target = value.path()),
    () => (target = `${target}?${value.text()}`),
    () => (fields = [...fields, fieldOf()]),
    () => (fields = [...fields, fieldOf(), fieldOf(), fieldOf()]),
    () => (fields = fields.map((one) => (random.chance(0.5) ? [one[0], value.field(one[0])] : one))),
    () => (fields = fields.flatMap((one) => (random.chance(0.3) ? [one, one] : [one]))),
    () => (fields = fields.filter(() => random.chance(0.6))),
    () => (fields = [...fields, ['Upload-Metadata', value.metadata()]]),
    () => (fields = [...fields, ['Upload-Concat', value.concat()]]),
    () => (fields = [...fields, [value.text().slice(0, 40), value.text()]]),
    () => (fields = [...fields, ...Array.from({ length: 150 }, (_, index) => [`X-${index}`, 'x'] as const)]),
    () => (body = Buffer.from(value.text(), 'latin1')),
    () => (body = Buffer.alloc(random.int(0, 20_000), 'hostile ')),
  ]
  function fieldOf(): readonly [string, string] {
    const name = random.pick(FIELDS)
    return [name, value.field(name)]
  }
  for (let count = random.int(1, 4); count > 0; count--) random.pick(change)()
  return { method, target, fields, body }
}

/** Prints it, with a body framed as it should be. */
export function printed(request: HostileRequest): Buffer {
  return Buffer.concat([headOf(request, [['Content-Length', String(request.body.length)]]), request.body])
}

/** Prints a request whose framing is wrong: lengths that lie, two framings, chunks that are none, ends that are missing. */
export function misframed(random: Random, request: HostileRequest): Buffer {
  const { body } = request
  const head = (...framing: (readonly [string, string])[]): Buffer => headOf(request, framing)
  const chunked = ['Transfer-Encoding', 'chunked'] as const
  const chunk = (size: string, data: Buffer = body): Buffer =>
    Buffer.concat([Buffer.from(`${size}\r\n`, 'latin1'), data, Buffer.from('\r\n')])
  const hex = body.length.toString(16)
  const length = (value: string) => ['Content-Length', value] as const
  const text = (value: string): Buffer => Buffer.from(value, 'latin1')
  const whole = printed(request)
  return random.pick<() => Buffer>([
    () => Buffer.concat([head(length(String(body.length + random.int(1, 5000)))), body]),
    () => Buffer.concat([head(length(String(Math.max(0, body.length - random.int(1, 50))))), body]),
    () =>
      Buffer.concat([head(length(random.pick(['-5', '+5', '0x5', '5, 6', '9'.repeat(25), '', ' 5', '5 5']))), body]),
    () => Buffer.concat([head(length('5'), length('6')), body]),
    () => Buffer.concat([head(length(String(body.length)), chunked), chunk(hex), text('0\r\n\r\n')]),
    () => Buffer.concat([head(chunked, length('0')), chunk(hex), text('0\r\n\r\n')]),
    () =>
      Buffer.concat([
        head(['Transfer-Encoding', random.pick(['gzip', 'chunked, gzip', 'xchunked', 'chunked\0'])]),
        body,
      ]),
    () => Buffer.concat([head(chunked, chunked), chunk(hex), text('0\r\n\r\n')]),
    () =>
      Buffer.concat([
        head(chunked),
        chunk(random.pick(['f'.repeat(16), 'f'.repeat(40), '-5', 'zz', '', '0x5', '5 5'])),
      ]),
    () => Buffer.concat([head(chunked), chunk(`${hex};${'x'.repeat(random.int(1, 20_000))}=1`), text('0\r\n\r\n')]),
    () => Buffer.concat([head(chunked), text(`${hex}\n`), body, text('\n0\n\n')]),
    () => Buffer.concat([head(chunked), text(`${hex}\r\n`), body, text('XX0\r\n\r\n')]),
    () => Buffer.concat([head(chunked), chunk(hex), text(`0\r\nX-Late: ${'y'.repeat(random.int(1, 70_000))}\r\n\r\n`)]),
    () => Buffer.concat([head(chunked), chunk(hex), text('0\r\nContent-Length: 5\r\nHost: evil\r\n bad\r\n\r\n')]),
    () =>
      Buffer.concat([
        head(chunked, ['Trailer', 'Upload-Checksum']),
        chunk(hex),
        text('0\r\nUpload-Checksum: sha1 x\r\n\r\n'),
      ]),
    () => Buffer.concat([head(chunked), chunk(hex)]),
    () => whole.subarray(0, random.int(1, whole.length)),
    () => text(whole.toString('latin1').replaceAll('\r\n', '\n')),
    () =>
      text(
        whole.toString('latin1').replace('HTTP/1.1', random.pick(['HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/9', ''])),
      ),
    () => text(whole.toString('latin1').replace(/: /, random.pick([' : ', ':', ':\0', '\r\n : ']))),
    () => Buffer.concat([text('\r\n'.repeat(random.int(1, 30))), whole]),
    () => flipped(random, whole),
  ])()
}

const GREETINGS = [
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x0c\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x04\0\0\xff\xff',
  `\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03${'r'.repeat(200)}`,
  'SSH-2.0-OpenSSH_9.9\r\n',
  '\x05\x01\0',
  'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n',
  '{"jsonrpc":"2.0"}\n',
  'EHLO evil\r\n',
  '\0'.repeat(300),
  `GET /${'a'.repeat(70_000)}`,
  `GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(5000)}`,
] as const

/** The first bytes of something that is no request at all. */
export function greeting(random: Random): Buffer {
  return Buffer.from(random.pick(GREETINGS), 'latin1')
}

function flipped(random: Random, whole: Buffer): Buffer {
  const copy = Buffer.from(whole)
  for (let count = random.int(1, 8); count > 0; count--) copy[random.int(0, copy.length - 1)] = random.int(0, 255)
  return copy
}

function headOf(request: HostileRequest, framing: readonly (readonly [string, string])[]): Buffer {
  const lines = [...request.fields, ...framing].map(([name, value]) => `${octets(name)}: ${octets(value)}\r\n`)
  return Buffer.from(`${octets(request.method)} ${octets(request.target)} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1')
}

/** Latin-1 stays; other scripts go as UTF-8, which is what clients do that know no better. */
export function octets(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1') === text ? text : Buffer.from(text, 'utf8').toString('latin1')
}
