import type { FlagGroup } from './flag.ts'

export const CROSS_ORIGIN = {
  'disable-cors': {
    kind: 'boolean',
    default: 'false',
    help: 'Send no CORS headers: a proxy does, or no page of another origin uploads',
  },
  'cors-allow-origin': {
    kind: 'pattern',
    value: '<pattern>',
    default: '.*',
    help: 'Regular expression that an Origin must contain a match of; anchor it with ^ and $',
  },
  'cors-allow-credentials': {
    kind: 'boolean',
    default: 'false',
    help: 'Let pages of allowed origins send cookies and other credentials',
  },
  'cors-allow-methods': {
    kind: 'list',
    value: '<methods>',
    default: '',
    help: 'Methods to allow beside those of the protocols',
  },
  'cors-allow-headers': {
    kind: 'list',
    value: '<headers>',
    default: '',
    help: 'Request headers to allow even where a page does not ask for them',
  },
  'cors-max-age': {
    kind: 'integer',
    value: '<seconds>',
    default: '86400',
    max: 2 ** 31 - 1,
    help: 'Seconds for which a browser may remember what it is allowed',
  },
  'cors-expose-headers': {
    kind: 'list',
    value: '<headers>',
    default: '',
    help: 'Response headers that pages may read beside those of the protocols',
  },
} as const satisfies FlagGroup
