import type { FlagGroup } from './flag.ts'

export const UPLOADS = {
  'max-size': { kind: 'bytes', default: '0', help: 'Largest upload; 0 is no limit' },
  'expire-after': {
    kind: 'duration',
    default: '0',
    // A century: the date of expiry must stay a date
    max: 36_500 * 86_400_000,
    help: 'Remove an upload that is still unfinished this long after its creation; 0 is never',
  },
  'disable-download': { kind: 'boolean', default: 'false', help: 'Refuse to send uploads back (GET)' },
  'disable-termination': { kind: 'boolean', default: 'false', help: 'Refuse to remove uploads (DELETE)' },
  'enable-experimental-protocol': {
    kind: 'boolean',
    default: 'false',
    help: 'Accepted for the sake of tusd: the IETF draft is spoken anyway',
  },
  'disable-ietf': {
    kind: 'boolean',
    default: 'false',
    help: 'Speak tus only, and not the IETF draft "Resumable Uploads for HTTP"',
  },
  'min-size': {
    kind: 'bytes',
    default: '0',
    help: 'IETF draft: smallest upload that may come in several requests; 0 is no limit',
  },
  'max-append-size': { kind: 'bytes', default: '0', help: 'IETF draft: most bytes of one request; 0 is no limit' },
  'min-append-size': {
    kind: 'bytes',
    default: '0',
    help: 'IETF draft: fewest bytes of one request that is not the last; 0 is no limit',
  },
  'accept-plain-uploads': {
    kind: 'boolean',
    default: 'false',
    help: 'Store the body of a POST or PUT to the base path as a whole, although it says nothing of resumption',
  },
  'record-digest': {
    kind: 'choice',
    choices: ['none', 'sha256', 'sha512'],
    default: 'none',
    help: 'Digest of every complete upload that is recorded and told on HEAD; each is read once for it',
  },
  'disable-concatenation': { kind: 'boolean', default: 'false', help: 'Refuse to join partial uploads into one' },
} as const satisfies FlagGroup
