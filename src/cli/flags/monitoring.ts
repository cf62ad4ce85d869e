import type { FlagGroup } from './flag.ts'

export const MONITORING = {
  'expose-metrics': { kind: 'boolean', default: 'true', help: 'Answer -metrics-path with metrics for Prometheus' },
  'metrics-path': { kind: 'string', value: '<path>', default: '/metrics', required: true, help: 'Path of the metrics' },
  'expose-health': {
    kind: 'boolean',
    default: 'true',
    help: 'Answer /healthz (the process is there) and /readyz (it can take uploads)',
  },
  'expose-pprof': {
    kind: 'boolean',
    default: 'false',
    help: 'Answer -pprof-path with CPU and heap profiles of V8; whoever can ask for them can slow the server',
  },
  'pprof-path': {
    kind: 'string',
    value: '<path>',
    default: '/debug/pprof/',
    required: true,
    help: 'Path of the profiles',
  },
  'pprof-block-profile-rate': {
    kind: 'integer',
    default: '0',
    help: 'Accepted for the sake of tusd, without effect: profiles of Go',
  },
  'pprof-mutex-profile-rate': {
    kind: 'integer',
    default: '0',
    help: 'Accepted for the sake of tusd, without effect: profiles of Go',
  },
  tracing: {
    kind: 'boolean',
    default: 'false',
    help: 'Make spans by @opentelemetry/api, which must be installed; the SDK is loaded by NODE_OPTIONS=--import',
  },
  verbose: {
    kind: 'boolean',
    default: 'true',
    help: 'Log every event; with -verbose=false warnings and errors only',
  },
  'log-format': { kind: 'choice', choices: ['text', 'json'], default: 'text', help: 'Form of the log' },
  'show-greeting': {
    kind: 'boolean',
    default: 'true',
    help: 'Answer / with a line that says what listens here',
  },
  'show-startup-logs': { kind: 'boolean', default: 'true', help: 'Say at the start how things are set' },
} as const satisfies FlagGroup
