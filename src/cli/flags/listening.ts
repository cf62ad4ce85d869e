import type { FlagGroup } from './flag.ts'

export const LISTENING = {
  host: {
    kind: 'string',
    value: '<address>',
    default: '0.0.0.0',
    help: 'Address to listen on; 0.0.0.0 is every IPv4 interface, :: is every interface',
  },
  port: {
    kind: 'integer',
    value: '<number>',
    default: '8080',
    max: 65_535,
    help: 'Port to listen on; 0 takes a free one and prints it',
  },
  'unix-sock': {
    kind: 'string',
    value: '<path>',
    default: '',
    help: 'Listen on this Unix socket instead of host and port',
  },
  'unix-sock-perms': {
    kind: 'octal',
    default: '660',
    help: 'Permissions of the Unix socket: who may write to it may connect',
  },
  'base-path': {
    kind: 'string',
    value: '<path>',
    default: '/files/',
    help: 'Path of the URL under which uploads are created and found, or the whole URL as clients see it',
  },
  'relative-location': {
    kind: 'boolean',
    default: 'false',
    help: 'Name new uploads by a path instead of a URL, which is right behind any proxy that keeps paths',
  },
  'behind-proxy': {
    kind: 'boolean',
    default: 'false',
    help: 'Believe Forwarded and X-Forwarded-Proto, -Host, -Port, -Prefix and -For, if they come from -trusted-proxies',
  },
  'trusted-proxies': {
    kind: 'list',
    value: '<addresses>',
    default: 'loopback,private',
    help: 'Addresses and networks (10.0.0.0/8) of proxies that are believed; loopback, private and any are names for what they say; a Unix socket counts as loopback',
  },
  'tls-certificate': {
    kind: 'string',
    value: '<file>',
    default: '',
    help: 'Serve HTTPS with this certificate and its chain (PEM); read anew on SIGHUP. HTTP/2 is offered',
  },
  'tls-key': { kind: 'string', value: '<file>', default: '', help: 'The key of the certificate (PEM)' },
  'tls-mode': {
    kind: 'choice',
    choices: ['tls12', 'tls12-strong', 'tls13'],
    default: 'tls12',
    help: 'tls12 is TLS 1.2 and newer with common ciphers, tls12-strong the same with 256-bit ciphers only, tls13 nothing older',
  },
  'enable-h2c': {
    kind: 'boolean',
    default: 'false',
    help: 'Speak HTTP/2 without TLS, too, to clients that begin with it (prior knowledge)',
  },
} as const satisfies FlagGroup
