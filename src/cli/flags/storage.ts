import type { FlagGroup } from './flag.ts'

export const STORAGE = {
  'upload-dir': {
    kind: 'string',
    value: '<folder>',
    default: './data',
    aliases: ['dir'],
    required: true,
    help: 'Folder that holds the uploads, or the locks of -locker file where they are in a bucket; created if it is missing',
  },
  durability: {
    kind: 'choice',
    value: '<level>',
    choices: ['none', 'finish', 'always'],
    default: 'finish',
    help: 'What survives a loss of power: none promises nothing; finish, every upload that was reported complete; always, every byte that was acknowledged',
  },
  locker: {
    kind: 'choice',
    value: '<kind>',
    choices: ['auto', 'file', 'memory'],
    default: 'auto',
    help: 'How requests for one upload are kept apart: file, among all processes that share -upload-dir; memory, within this process only, which is faster; auto is file for a folder, memory for a bucket',
  },
  'dir-perms': { kind: 'octal', default: '775', help: 'Permissions of folders that are created' },
  'file-perms': { kind: 'octal', default: '664', help: 'Permissions of files that are created' },
  'filelock-holder-poll-interval': {
    kind: 'duration',
    default: '5s',
    help: 'Accepted for the sake of tusd, without effect: a lock changes hands in about a tenth of a second',
  },
  'filelock-acquirer-poll-interval': {
    kind: 'duration',
    default: '2s',
    help: 'Accepted for the sake of tusd, without effect: see -filelock-holder-poll-interval',
  },
} as const satisfies FlagGroup
