import { type FlagGroup, LONGEST_TIMER } from './flag.ts'

const events = (of: string) =>
  ({ kind: 'list', value: '<events>', default: '', help: `Events of ${of}; empty is -hooks-enabled-events` }) as const

export const HOOKS = {
  'hooks-enabled-events': {
    kind: 'list',
    value: '<events>',
    default: 'pre-create,post-create,post-receive,post-terminate,post-finish',
    help: 'Events for which hooks are called, of pre-create, post-create, post-receive, pre-finish, post-finish, pre-terminate, post-terminate; empty is all of them',
  },
  'progress-hooks-interval': {
    kind: 'duration',
    default: '1s',
    min: 1,
    max: LONGEST_TIMER,
    help: 'Least time between two post-receive events of one transfer',
  },
  'hooks-partial-finish': {
    kind: 'boolean',
    default: 'false',
    help: 'Call pre-finish and post-finish for partial uploads of a concatenation, too, as tusd does',
  },
  'hooks-attempts': {
    kind: 'integer',
    default: '20',
    min: 1,
    max: 1_000_000,
    help: 'Deliveries of post-finish and post-terminate, with pauses that grow to five minutes, before an event is given up',
  },
  'hooks-dir': {
    kind: 'string',
    value: '<folder>',
    default: '',
    help: 'Folder of executable files, named like the events, that are run',
  },
  'hooks-dir-events': events('the files in -hooks-dir'),
  'hooks-dir-timeout': {
    kind: 'duration',
    default: '30s',
    max: LONGEST_TIMER,
    help: 'Longest time for such a file, which is killed then; 0 is for ever',
  },
  'hooks-http': { kind: 'string', value: '<url>', default: '', help: 'URL that is asked by POST' },
  'hooks-http-events': events('-hooks-http'),
  'hooks-http-forward-headers': {
    kind: 'list',
    value: '<names>',
    default: '',
    help: "Header fields of the client's request that are sent to -hooks-http",
  },
  'hooks-http-retry': {
    kind: 'integer',
    default: '3',
    max: 1000,
    help: 'Attempts in all, if -hooks-http does not answer, or with 500 and more',
  },
  'hooks-http-backoff': { kind: 'duration', default: '1s', max: LONGEST_TIMER, help: 'Time between two attempts' },
  'hooks-http-timeout': {
    kind: 'duration',
    default: '15s',
    min: 1,
    max: LONGEST_TIMER,
    help: 'Longest time for all attempts together',
  },
  'hooks-http-size-limit': {
    kind: 'bytes',
    default: '5120',
    min: 2,
    max: 2 ** 30,
    help: 'Largest answer of -hooks-http',
  },
  'hooks-http-skip-verify': {
    kind: 'boolean',
    default: 'false',
    help: 'Believe any certificate of -hooks-http: for tests only',
  },
  'hooks-http-secret-file': {
    kind: 'string',
    value: '<file>',
    default: '',
    help: 'Sign messages to -hooks-http as Standard Webhooks with the secret in this file; one a line while it is being replaced',
  },
  'hooks-grpc': {
    kind: 'string',
    value: '<address>',
    default: '',
    help: 'Host and port of a gRPC server that is asked',
  },
  'hooks-grpc-events': events('-hooks-grpc'),
  'hooks-grpc-retry': {
    kind: 'integer',
    default: '3',
    max: 1000,
    help: 'Attempts in all, if -hooks-grpc answers UNAVAILABLE or RESOURCE_EXHAUSTED',
  },
  'hooks-grpc-backoff': { kind: 'duration', default: '1s', max: LONGEST_TIMER, help: 'Time between two attempts' },
  'hooks-grpc-secure': { kind: 'boolean', default: 'false', help: 'Ask -hooks-grpc over TLS' },
  'hooks-grpc-server-tls-certificate': {
    kind: 'string',
    value: '<file>',
    default: '',
    help: 'Certificate (PEM) by which the gRPC server is known; empty is the authorities that Node.js knows',
  },
  'hooks-grpc-client-tls-certificate': {
    kind: 'string',
    value: '<file>',
    default: '',
    help: 'Certificate (PEM) by which Tusker is known to it',
  },
  'hooks-grpc-client-tls-key': { kind: 'string', value: '<file>', default: '', help: 'Its private key (PEM)' },
  'hooks-grpc-forward-headers': {
    kind: 'list',
    value: '<names>',
    default: '',
    help: "Header fields of the client's request that are sent along as metadata",
  },
  'hooks-plugin': {
    kind: 'string',
    value: '<file>',
    default: '',
    help: 'Module in JavaScript (or TypeScript, where Node.js runs it) whose functions are the hooks',
  },
  'hooks-plugin-events': events('-hooks-plugin'),
} as const satisfies FlagGroup
