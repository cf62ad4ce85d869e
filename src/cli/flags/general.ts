import type { FlagGroup } from './flag.ts'

export const GENERAL = {
  config: {
    kind: 'string',
    value: '<file>',
    default: '',
    help: 'Take settings from this JSON file, by the names of the flags; flags and environment go over it',
  },
  'print-config': {
    kind: 'boolean',
    default: 'false',
    help: 'Print every setting and where it comes from, and do nothing else',
  },
  version: { kind: 'boolean', default: 'false', help: 'Print the versions of tusker and Node.js' },
  help: { kind: 'boolean', default: 'false', aliases: ['h'], help: 'Print this text' },
} as const satisfies FlagGroup
