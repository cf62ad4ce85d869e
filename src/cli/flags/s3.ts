import type { FlagGroup } from './flag.ts'

export const S3 = {
  's3-bucket': {
    kind: 'string',
    value: '<name>',
    default: '',
    help: 'Keep the uploads in this bucket instead of a folder; credentials and region are found as the AWS SDK does (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, profiles, roles)',
  },
  's3-object-prefix': {
    kind: 'string',
    value: '<prefix>',
    default: '',
    help: 'Put before the keys of objects: uploads/. No slash is added',
  },
  's3-metadata-object-prefix': {
    kind: 'string',
    value: '<prefix>',
    default: '',
    help: 'Put before the keys of records (.info) and tails (.part); empty is -s3-object-prefix',
  },
  's3-endpoint': {
    kind: 'string',
    value: '<url>',
    default: '',
    help: 'URL of a service that is not AWS, or of a private way to it; the bucket is named in the path. Empty is AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, or AWS',
  },
  's3-provider': {
    kind: 'choice',
    value: '<name>',
    choices: ['auto', 'aws', 'minio', 'r2', 'ceph', 'wasabi', 'b2', 'scaleway', 'gcs'],
    default: 'auto',
    help: 'Whose S3 it is, which decides on limits and what is asked of it; auto goes by the host of -s3-endpoint',
  },
  's3-disable-ssl': {
    kind: 'boolean',
    default: 'false',
    help: 'Speak HTTP without TLS, where -s3-endpoint does not say http:// anyway',
  },
  's3-transfer-acceleration': {
    kind: 'boolean',
    default: 'false',
    help: 'Go through the edge locations of AWS; the bucket must have Transfer Acceleration enabled',
  },
  's3-part-size': {
    kind: 'bytes',
    default: '16MiB',
    min: 1,
    help: 'Size of a part, unless an upload needs larger ones to fit; less than in tusd, as parts are in memory and not in files',
  },
  's3-min-part-size': { kind: 'bytes', default: '5MiB', min: 1, help: 'Smallest part that the service takes' },
  's3-concurrent-part-uploads': {
    kind: 'integer',
    default: '10',
    min: 1,
    max: 1000,
    help: 'Parts of one upload that are sent at the same time',
  },
  's3-max-buffered-parts': {
    kind: 'integer',
    default: '20',
    max: 1000,
    help: 'Most parts of one upload in memory together; if fewer than -s3-concurrent-part-uploads, so many are sent at once',
  },
  's3-max-buffered-bytes': {
    kind: 'bytes',
    default: '256MiB',
    min: 8 * 1024 * 1024,
    help: 'Most bytes of parts in memory, of all uploads together; beyond it clients are slowed, and what slow ones brought is put away',
  },
  's3-max-parts': {
    kind: 'integer',
    default: '0',
    max: 1_000_000,
    help: 'Most parts of an object; 0 is what -s3-provider takes, 10,000 with most',
  },
  's3-max-object-size': {
    kind: 'bytes',
    default: '0',
    help: 'Largest object; 0 is what -s3-provider takes, 5 TiB if that is unknown',
  },
  's3-integrity': {
    kind: 'choice',
    choices: ['none', 'crc32', 'md5'],
    default: 'none',
    help: 'What parts carry for the service to check them by, beside what TCP and TLS do',
  },
  's3-disable-content-hashes': {
    kind: 'boolean',
    default: 'false',
    help: 'Accepted for the sake of tusd, without effect: contents are not hashed anyway, see -s3-integrity',
  },
  's3-redirect-downloads': {
    kind: 'duration',
    default: '0',
    // As long as a signature of version 4 may last
    max: 7 * 86_400_000,
    help: 'Answer GET with a redirect to the object, by a link that opens for this long to whoever has it; 0 is off',
  },
  's3-log-api-calls': { kind: 'boolean', default: 'false', help: 'Log every call to S3' },
} as const satisfies FlagGroup
