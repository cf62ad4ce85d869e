import type { Random } from '../heavy/support/random.ts'

/** Where numbers are expected: signs, other notations, other scripts, limits of integers and doubles, nothing. */
const NUMBERS = [
  ...['-1', '+5', '1e3', '0x10', '007', '5.0', '5;', '1 2', '1,2', '', ' ', 'NaN', 'Infinity', '-0', '٣', '５'],
  ...[
    '9007199254740991',
    '9007199254740992',
    '18446744073709551616',
    '9'.repeat(30),
    '9'.repeat(5000),
    '0'.repeat(400),
  ],
] as const

/** Where text is expected: controls, line ends that would begin another field, other scripts, what programs trip over. */
const TEXTS = [
  ...[
    '\0',
    'a\0b',
    'a\r\nX-Injected: 1',
    'a\nX-Injected: 1',
    'a\rb',
    '\t',
    '\x7f',
    '\x1b[2J',
    'ünïcödé',
    '日本語',
    '💥',
  ],
  ...['%00', '%0d%0aX-Injected:%201', '../../etc/passwd', '{{7*7}}', "' OR 1=1 --", '<script>', '{}', '[]', 'null'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', ',', ',,,', ';', ' , ', '=', '"', '\\', '*'],
  ...['A'.repeat(8000), 'é'.repeat(4000)],
] as const

const IDS = ['0'.repeat(32), 'f'.repeat(32), 'a', 'A'.repeat(255), 'a'.repeat(5000), '.locks', '__proto__', 'x.info']

/** Ways to leave a folder, or to name one file by two names. `base` ends in a slash. */
function hostilePaths(base: string, known: string): readonly string[] {
  const id = known.slice(known.lastIndexOf('/') + 1)
  return [
    ...IDS.map((one) => base + one),
    ...['../x', '..%2fx', '%2e%2e/x', '%2e%2e%2fx', '..%252fx', '%252e%252e%252fx', '..\\x', '..%5cx', '....//x'].map(
      (way) => base + way,
    ),
    ...[
      '',
      '/',
      '//',
      '///x',
      './x',
      'x/./y',
      'x//y',
      'x/',
      '%',
      '%zz',
      '%00',
      'x%00.info',
      '%c0%ae%c0%ae/',
      '?',
      '#',
    ].map((way) => base + way),
    ...[
      `${id}/`,
      `${id}/..`,
      `${id}.info`,
      `${id}%00`,
      `./${id}`,
      `${id}?x=/../..`,
      `${id}#x`,
      `${id}%2f`,
      `${id};x`,
    ].map((way) => base + way),
    ...[`.locks/owners/${id}`, '.locks', '.locks%2fx', `${id.toUpperCase()}`, 'd'.repeat(300), 'd/'.repeat(200)].map(
      (way) => base + way,
    ),
    ...['/', '//', '*', '', '/files', '/FILES/', '/files/../files/', '//files/', `//evil.example${known}`, '\\files\\'],
    ...[
      `http://evil.example${known}`,
      `http://[::1${known}`,
      `https://a@b:99999${known}`,
      'http://',
      `ftp://x${known}`,
    ],
    ...['evil.example:443', 'x', '/%', '/\x01', `/files/${'é'}`, known.replace('/files/', '/files//')],
  ]
}

/** Makes values from a stream of random numbers. */
export interface Values {
  number(): string
  text(): string
  /** A path; mostly hostile, or that of an upload. */
  path(): string
  /** A sound value for a field that has a meaning, or a hostile one. */
  field(name: string): string
  metadata(): string
  concat(): string
}

/** `known` gives the path of an upload that exists, or did. */
export function values(random: Random, base: string, known: () => string): Values {
  const bytes = (size: number): string =>
    Array.from({ length: size }, () => String.fromCharCode(random.int(0, 255))).join('')
  const text = (): string => (random.chance(0.2) ? bytes(random.int(1, 40)) : random.pick(TEXTS))
  const number = (): string => (random.chance(0.2) ? text() : random.pick(NUMBERS))
  const base64 = (size: number): string => Buffer.alloc(size, 'm').toString('base64')

  const metadata = (): string =>
    random.pick([
      () => `name ${base64(random.int(0, 40))}`,
      () => `name ${base64(45_000)}`,
      () => `name ${base64(3)},name ${base64(3)}`,
      () => `__proto__ ${base64(3)},constructor ${base64(3)},toString`,
      () => 'name !!!!,x',
      () => 'name eA=',
      () => ','.repeat(random.int(1, 500)),
      () => `a b c ${base64(3)}`,
      () => Array.from({ length: 2000 }, (_, index) => `k${index} eA==`).join(','),
      () => `${text()} ${base64(3)}`,
      () => `name ${Buffer.from('\0\r\n\xff').toString('base64')}`,
      text,
    ])()

  const concat = (): string =>
    random.pick([
      () => 'partial',
      () => `final;${known()}`,
      () => `final;${known()} ${known()} ${known()}`,
      () => 'final;',
      () => 'final',
      () => 'partial;',
      () => 'FINAL;x',
      () => `final;${random.pick(hostilePaths(base, known()))}`,
      () => `final;${Array.from({ length: 1500 }, () => known()).join(' ')}`.slice(0, 60_000),
      () => `final;http://169.254.169.254/latest ${known()}`,
      () => `final;file:///etc/passwd`,
      () => `final;${known()}${'  '.repeat(50)}${known()}`,
      () => `final;${text()}`,
      text,
    ])()

  const special: Readonly<Record<string, () => string>> = {
    'Upload-Offset': () => (random.chance(0.4) ? '0' : number()),
    'Upload-Length': () => (random.chance(0.4) ? String(random.int(0, 5000)) : number()),
    'Upload-Defer-Length': () => random.pick(['1', '0', '2', '01', 'true', text()]),
    'Upload-Metadata': metadata,
    'Upload-Concat': concat,
    'Upload-Checksum': () =>
      random.pick([
        'sha1',
        'sha1 ',
        'sha1 AAAA',
        'md5 !!!',
        'crc32 AAAA',
        '__proto__ AAAA',
        `sha256 ${base64(32)}`,
        text(),
      ]),
    'Tus-Resumable': () => (random.chance(0.7) ? '1.0.0' : random.pick(['0.2.2', '1.0.0,1.0.0', '1.0', '', text()])),
    'Content-Type': () =>
      random.chance(0.7) ? 'application/offset+octet-stream' : random.pick(['text/plain', ';;', '', 'a/b;c=d', text()]),
    'X-HTTP-Method-Override': () =>
      random.pick([
        'PATCH',
        'delete',
        'HEAD',
        'GET',
        'POST',
        'OPTIONS',
        'CONNECT',
        'TRACE',
        '',
        '__proto__',
        'PATCH, DELETE',
        text(),
      ]),
    Range: () =>
      random.pick(['bytes=0-', 'bytes=-1', 'bytes=5-1', `bytes=${'9'.repeat(25)}-`, 'bytes=0-0,2-3', 'x=1-2', text()]),
    'If-Range': () => random.pick(['"x"', '*', 'Thu, 01 Jan 1970 00:00:00 GMT', text()]),
    'If-None-Match': () => random.pick(['*', '"x"', '"', ','.repeat(300), text()]),
    Expect: () => random.pick(['100-continue', '200-ok', '100-CONTINUE', text()]),
    Connection: () =>
      random.pick(['close', 'keep-alive', 'Upgrade', 'upgrade, HTTP2-Settings', 'Upload-Offset', text()]),
    Upgrade: () => random.pick(['h2c', 'websocket', 'TLS/1.0', text()]),
    Trailer: () => random.pick(['Upload-Checksum', 'Content-Length', 'Upload-Checksum, Host', text()]),
    Host: () => random.pick(['evil.example', 'a b', '[::1', 'x/../..', 'u:p@h', `h:${'9'.repeat(20)}`, '', text()]),
    Origin: () => random.pick(['null', 'http://evil.example', text()]),
    'Access-Control-Request-Method': () => random.pick(['PATCH', text()]),
    Forwarded: () => random.pick(['host="evil";proto=javascript', 'for=;;;', text()]),
    'X-Forwarded-Host': text,
    'X-Forwarded-Proto': text,
    'X-Request-ID': text,
    Accept: text,
  }

  return {
    number,
    text,
    metadata,
    concat,
    path: () => (random.chance(0.35) ? known() : random.chance(0.3) ? base : random.pick(hostilePaths(base, known()))),
    field: (name) => (random.chance(0.1) || !Object.hasOwn(special, name) ? text() : (special[name] ?? text)()),
  }
}

/** Fields that mean something to somebody on the way. */
export const FIELDS = [
  ...['Upload-Offset', 'Upload-Length', 'Upload-Defer-Length', 'Upload-Metadata', 'Upload-Concat', 'Upload-Checksum'],
  ...['Tus-Resumable', 'Content-Type', 'X-HTTP-Method-Override', 'Range', 'If-Range', 'If-None-Match', 'Expect'],
  ...['Connection', 'Upgrade', 'Trailer', 'Host', 'Origin', 'Access-Control-Request-Method', 'Forwarded'],
  ...['X-Forwarded-Host', 'X-Forwarded-Proto', 'X-Request-ID', 'Accept'],
] as const
