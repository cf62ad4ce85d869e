import type { FlagGroup } from './flag.ts'

export const RIGHTS = {
  'jwt-secret-file': {
    kind: 'string',
    value: '<file>',
    default: '',
    help: 'Ask for bearer tokens that are signed with the secret in this file (HS256 and longer), 32 bytes or more; each line is one that counts',
  },
  'jwt-key-file': {
    kind: 'string',
    value: '<file>',
    default: '',
    help: 'Ask for bearer tokens that are signed with the private key to the public one in this file (PEM)',
  },
  'jwt-jwks-url': {
    kind: 'string',
    value: '<url>',
    default: '',
    help: 'Ask for bearer tokens that are signed with one of the keys at this URL, a JSON Web Key Set',
  },
  'jwt-issuer': {
    kind: 'string',
    value: '<name>',
    default: '',
    help: 'Whose tokens count, by their claim iss; empty is not looked at',
  },
  'jwt-audience': {
    kind: 'string',
    value: '<name>',
    default: '',
    help: 'Whom tokens must be for, by their claim aud; empty is not looked at',
  },
  'jwt-algorithms': {
    kind: 'list',
    default: '',
    help: 'Signature algorithms that count: ES256,RS256. Empty is all that go with the key',
  },
  'jwt-clock-tolerance': {
    kind: 'duration',
    default: '0s',
    max: 3_600_000,
    help: 'By how much the clock of the issuer may differ',
  },
  'jwt-owner-claim': {
    kind: 'string',
    value: '<claim>',
    required: true,
    default: 'sub',
    help: 'Claim that says whose the uploads are; a dot leads into a claim that is an object',
  },
  'jwt-max-size-claim': {
    kind: 'string',
    value: '<claim>',
    required: true,
    default: 'tusker_max_size',
    help: 'Claim with the most bytes of an upload',
  },
  'jwt-max-uploads-claim': {
    kind: 'string',
    value: '<claim>',
    required: true,
    default: 'tusker_max_uploads',
    help: 'Claim that goes over -max-unfinished-uploads',
  },
  'jwt-max-bytes-claim': {
    kind: 'string',
    value: '<claim>',
    required: true,
    default: 'tusker_max_bytes',
    help: 'Claim that goes over -max-unfinished-bytes',
  },
  'jwt-operations-claim': {
    kind: 'string',
    value: '<claim>',
    required: true,
    default: 'tusker_operations',
    help: 'Claim that says what may be done: create, head, append, read, terminate, concat; without it everything',
  },
  'jwt-in-url': {
    kind: 'boolean',
    default: 'false',
    help: 'Take tokens from the URL, too (access_token=...), as links of tusker sign-url have them',
  },
  'refuse-with': {
    kind: 'choice',
    choices: ['404', '403'],
    default: '404',
    help: 'Answer to who asks for the upload of another: 404, as if there were none, or 403',
  },
  'max-unfinished-uploads': {
    kind: 'integer',
    value: '<n>',
    default: '0',
    help: 'Most unfinished uploads of an owner; beyond it 429 is answered. 0 is no limit. Owners are named by tokens or hooks',
  },
  'max-unfinished-bytes': {
    kind: 'bytes',
    default: '0',
    help: 'Most bytes of all unfinished uploads of an owner; beyond it 507 is answered. 0 is no limit',
  },
  'max-creations-per-minute': {
    kind: 'integer',
    value: '<n>',
    default: '0',
    help: 'Most uploads that an owner may begin in a minute; beyond it 429 is answered. 0 is no limit',
  },
  'max-creations-per-minute-per-address': {
    kind: 'integer',
    value: '<n>',
    default: '0',
    help: 'The same for each client address, whoever it is. 0 is no limit',
  },
} as const satisfies FlagGroup
