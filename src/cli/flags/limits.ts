import { type FlagGroup, LONGEST_TIMER } from './flag.ts'

export const LIMITS = {
  'network-timeout': {
    kind: 'duration',
    default: '60s',
    min: 1,
    max: LONGEST_TIMER,
    help: 'End a request whose body brings no byte for this long, what came is kept; and a download whose client takes none',
  },
  'acquire-lock-timeout': {
    kind: 'duration',
    default: '20s',
    min: 1,
    max: LONGEST_TIMER,
    help: 'Longest wait for an upload that another request holds, before 423 is answered',
  },
  'request-completion-timeout': {
    kind: 'duration',
    default: '10s',
    help: 'Accepted for the sake of tusd, without effect: what came is saved however long the storage takes',
  },
  'shutdown-timeout': {
    kind: 'duration',
    default: '10s',
    max: LONGEST_TIMER,
    help: 'Time for running requests to save what came, after SIGTERM or SIGINT',
  },
  'max-buffered-bytes': {
    kind: 'bytes',
    default: '64MiB',
    min: 2 ** 20,
    help: 'Most bytes of all requests in memory at once; beyond it clients are slowed',
  },
  'header-timeout': {
    kind: 'duration',
    default: '60s',
    min: 1,
    max: LONGEST_TIMER,
    help: 'End a connection on which a request header takes longer than this',
  },
  'keep-alive-timeout': {
    kind: 'duration',
    default: '75s',
    min: 1,
    max: LONGEST_TIMER,
    help: 'End a connection that is idle for this long; more than the load balancer in front, or its users see 502',
  },
  'max-header-bytes': {
    kind: 'bytes',
    default: '64KiB',
    min: 8192,
    max: 2 ** 24,
    help: 'Largest request header; beyond it 431 is answered. Metadata travels in it, and the parts of a concatenation',
  },
  'max-connections': {
    kind: 'integer',
    default: '0',
    max: 10_000_000,
    help: 'Most connections at once; more are closed as they come. 0 is no limit but that of open files',
  },
  'max-connections-per-address': {
    kind: 'integer',
    default: '0',
    max: 10_000_000,
    help: 'The same for each address; to be left at 0 behind a proxy',
  },
  'max-requests-per-second': {
    kind: 'integer',
    default: '0',
    max: 10_000_000,
    help: 'Most requests of one client address in a second, on average over ten; beyond it 429 is answered. 0 is no limit',
  },
} as const satisfies FlagGroup
