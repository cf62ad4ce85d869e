import { CROSS_ORIGIN } from './flags/cors.ts'
import type { FlagGroup, ValueOf } from './flags/flag.ts'
import { GENERAL } from './flags/general.ts'
import { HOOKS } from './flags/hooks.ts'
import { LIMITS } from './flags/limits.ts'
import { LISTENING } from './flags/listening.ts'
import { MONITORING } from './flags/monitoring.ts'
import { RIGHTS } from './flags/rights.ts'
import { S3 } from './flags/s3.ts'
import { STORAGE } from './flags/storage.ts'
import { UPLOADS } from './flags/uploads.ts'

export type { Flag, FlagKind } from './flags/flag.ts'

/**
 * The one table of the command line: parsing, defaults, types, `--help` and docs/flags.md all follow from it. Names and
 * defaults are tusd's where tusd has the flag.
 */
export const FLAGS = {
  ...LISTENING,
  ...UPLOADS,
  ...CROSS_ORIGIN,
  ...STORAGE,
  ...S3,
  ...HOOKS,
  ...LIMITS,
  ...RIGHTS,
  ...MONITORING,
  ...GENERAL,
} as const satisfies FlagGroup

/** The table by the headings of `--help`. */
export const GROUPS: Readonly<Record<string, FlagGroup>> = {
  Listening: LISTENING,
  Uploads: UPLOADS,
  'Pages of other origins': CROSS_ORIGIN,
  Storage: STORAGE,
  S3: S3,
  Hooks: HOOKS,
  Limits: LIMITS,
  Rights: RIGHTS,
  Monitoring: MONITORING,
  General: GENERAL,
}

export type FlagName = keyof typeof FLAGS

/** What a command line says, by the names of its flags, defaults filled in. */
export type Settings = { readonly [Name in FlagName]: ValueOf<(typeof FLAGS)[Name]> }

/** Flags that tusd does not have. */
export const OURS: readonly FlagName[] = [
  ...(['unix-sock-perms', 'relative-location', 'trusted-proxies', 'expire-after', 'durability', 'locker'] as const),
  ...(['max-buffered-bytes', 'header-timeout', 'keep-alive-timeout', 'max-header-bytes', 'max-connections'] as const),
  ...(['max-connections-per-address', 'max-requests-per-second', 'expose-health', 'tracing'] as const),
  ...(['disable-ietf', 'min-size', 'max-append-size', 'min-append-size'] as const),
  ...(['accept-plain-uploads', 'record-digest', 'config', 'print-config'] as const),
  ...(['s3-metadata-object-prefix', 's3-provider', 's3-max-buffered-bytes', 's3-max-parts'] as const),
  ...(['s3-max-object-size', 's3-integrity', 's3-redirect-downloads'] as const),
  ...(['hooks-partial-finish', 'hooks-attempts', 'hooks-dir-events', 'hooks-dir-timeout'] as const),
  ...(['hooks-http-events', 'hooks-http-secret-file', 'hooks-grpc-events', 'hooks-plugin-events'] as const),
  ...(['jwt-secret-file', 'jwt-key-file', 'jwt-jwks-url', 'jwt-issuer', 'jwt-audience'] as const),
  ...(['jwt-algorithms', 'jwt-clock-tolerance', 'jwt-owner-claim', 'jwt-max-size-claim'] as const),
  ...(['jwt-max-uploads-claim', 'jwt-max-bytes-claim', 'jwt-operations-claim', 'jwt-in-url'] as const),
  ...(['refuse-with', 'max-unfinished-uploads', 'max-unfinished-bytes', 'max-creations-per-minute'] as const),
  'max-creations-per-minute-per-address',
]

/** Flags of tusd that this version does not know how to honour: refused with their own sentence, never ignored. */
export const TUSD_ONLY: readonly string[] = [
  ...['gcs-bucket', 'gcs-object-prefix', 'gcs-endpoint', 'azure-storage', 'azure-endpoint'],
  ...['azure-container-access-type', 'azure-blob-access-tier', 'azure-object-prefix'],
]
