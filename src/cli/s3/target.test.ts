import { describe, expect, test } from 'vitest'
import { Complaint } from '../complaint.ts'
import { configure } from '../configure.ts'
import type { Environment } from '../environment.ts'
import { planOf } from './store.ts'
import { checkS3, targetOf } from './target.ts'

const bucket = ['-s3-bucket', 'b'] as const

function target(args: readonly string[], environment: Environment = {}) {
  const configuration = configure(args, {})
  checkS3(configuration, environment)
  const found = targetOf(configuration.settings, environment)
  return { settings: configuration.settings, found, endpoint: found?.endpoint?.href ?? null, provider: found?.provider }
}

/** The line that a command line is refused with. */
function refusal(args: readonly string[], environment: Environment = {}): string {
  try {
    target(args, environment)
  } catch (error) {
    if (!(error instanceof Complaint)) throw error
    expect(error.exitCode).toBe(2)
    expect(error.message).not.toContain('\n')
    return error.message
  }
  throw new Error(`accepted: ${args.join(' ')}`)
}

function plan(...args: readonly string[]) {
  const { settings, found } = target([...bucket, ...args])
  if (found === null) throw new Error('no bucket')
  return planOf(settings, found)
}

describe('where the bucket is', () => {
  test('nowhere, without a bucket', () => {
    expect(target([]).found).toBeNull()
  })

  test('at AWS, if nothing says otherwise', () => {
    expect(target(bucket)).toMatchObject({ endpoint: null, provider: 'aws' })
  })

  test.each([
    ['https://s3.example.org', 'https://s3.example.org/'],
    ['http://127.0.0.1:9000', 'http://127.0.0.1:9000/'],
    ['s3.example.org:9000', 'https://s3.example.org:9000/'],
    ['https://example.org/storage/s3', 'https://example.org/storage/s3'],
  ])('an endpoint of %s is %s', (text, url) => {
    expect(target([...bucket, '-s3-endpoint', text])).toMatchObject({ endpoint: url, provider: null })
  })

  test('without a scheme the endpoint is plain HTTP with -s3-disable-ssl', () => {
    const { endpoint } = target([...bucket, '-s3-endpoint', 'localhost:9000', '-s3-disable-ssl'])
    expect(endpoint).toBe('http://localhost:9000/')
  })

  test('the variables of AWS name an endpoint, too; a flag goes over them', () => {
    const general = { AWS_ENDPOINT_URL: 'http://a.example' }
    const special = { ...general, AWS_ENDPOINT_URL_S3: 'http://b.example' }
    expect(target(bucket, general).endpoint).toBe('http://a.example/')
    expect(target(bucket, special).endpoint).toBe('http://b.example/')
    expect(target([...bucket, '-s3-endpoint', 'http://c.example'], special).endpoint).toBe('http://c.example/')
  })

  test('the host tells whose it is, and -s3-provider goes over it', () => {
    const endpoint = ['-s3-endpoint', 'https://1.r2.cloudflarestorage.com']
    expect(target([...bucket, ...endpoint]).provider).toBe('r2')
    expect(target([...bucket, ...endpoint, '-s3-provider', 'minio']).provider).toBe('minio')
  })
})

describe('what is refused', () => {
  test.each([
    [['-s3-endpoint', 'http://a'], 'flag -s3-endpoint has no effect without -s3-bucket'],
    [['-s3-log-api-calls'], 'flag -s3-log-api-calls has no effect without -s3-bucket'],
    [
      ['-s3-bucket', 's3://b/uploads'],
      'invalid value "s3://b/uploads" for flag -s3-bucket: not the name of a bucket; -s3-object-prefix is for what follows it',
    ],
    [
      [...bucket, '-s3-endpoint', 'ftp://a'],
      'invalid value "ftp://a" for flag -s3-endpoint: not the URL of a service, such as https://s3.example.org',
    ],
    [
      [...bucket, '-s3-endpoint', 'https://key:secret@a'],
      'flag -s3-endpoint must not hold credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    ],
    [
      [...bucket, '-s3-endpoint', 'https://a', '-s3-disable-ssl'],
      'flag -s3-disable-ssl contradicts an -s3-endpoint that begins with https:',
    ],
    [
      [...bucket, '-s3-provider', 'r2'],
      'flag -s3-provider r2 needs an -s3-endpoint, such as https://<account>.r2.cloudflarestorage.com',
    ],
    [
      [...bucket, '-s3-endpoint', 'http://a', '-s3-transfer-acceleration'],
      'flag -s3-transfer-acceleration is for AWS itself, not for an endpoint',
    ],
    [
      [...bucket, '-s3-part-size', '1MiB'],
      'invalid value "1MiB" for flag -s3-part-size: a part must not be smaller than -s3-min-part-size',
    ],
    [[...bucket, '-s3-part-size', '6GiB'], 'invalid value "6GiB" for flag -s3-part-size: the most is 5 GiB'],
    [
      [...bucket, '-s3-max-parts', '10', '-s3-max-object-size', '51GiB'],
      'invalid value "51GiB" for flag -s3-max-object-size: more than -s3-max-parts of 5 GiB each hold',
    ],
    [
      [...bucket, '-s3-redirect-downloads', '5m', '-disable-download'],
      'flag -s3-redirect-downloads has nothing to redirect with -disable-download',
    ],
  ])('%j', (args, line) => {
    expect(refusal(args)).toBe(line)
  })

  test('an endpoint of the environment that is none', () => {
    expect(refusal(bucket, { AWS_ENDPOINT_URL_S3: 'not a url' })).toBe(
      'AWS_ENDPOINT_URL_S3 is not the URL of a service',
    )
  })

  test('a setting without its bucket by the place where it was written', () => {
    const configuration = configure([], { TUSKER_S3_PART_SIZE: '32MiB' })
    expect(() => checkS3(configuration, {})).toThrow('TUSKER_S3_PART_SIZE has no effect without -s3-bucket')
  })
})

describe('what the store is told', () => {
  test('defaults', () => {
    expect(plan()).toMatchObject({
      bucket: 'b',
      objectPrefix: '',
      metadataObjectPrefix: '',
      partSize: 16 * 1024 ** 2,
      minPartSize: 5 * 1024 ** 2,
      maxParts: 10_000,
      concurrentPartUploads: 10,
      maxBufferedBytes: 256 * 1024 ** 2,
      integrity: 'none',
    })
  })

  test('records lie beside the objects, unless they have a prefix of their own', () => {
    expect(plan('-s3-object-prefix', 'a/').metadataObjectPrefix).toBe('a/')
    expect(plan('-s3-object-prefix', 'a/', '-s3-metadata-object-prefix', 'm/').metadataObjectPrefix).toBe('m/')
  })

  test('a least size above the usual one is the size of parts, as a command line for tusd may have it', () => {
    expect(plan('-s3-min-part-size', '20MiB')).toMatchObject({ partSize: 20 * 1024 ** 2, minPartSize: 20 * 1024 ** 2 })
  })

  test.each([
    [['-s3-max-buffered-parts', '4'], 4],
    [['-s3-max-buffered-parts', '0'], 1],
    [['-s3-concurrent-part-uploads', '30'], 20],
    [['-s3-concurrent-part-uploads', '3', '-s3-max-buffered-parts', '9'], 3],
  ])('%j: %d parts of an upload are sent at once', (args, count) => {
    expect(plan(...args).concurrentPartUploads).toBe(count)
  })

  test('limits of the provider hold, and those that are given go over them', () => {
    const scaleway = ['-s3-endpoint', 'https://s3.fr-par.scw.cloud']
    expect(plan(...scaleway)).toMatchObject({ maxParts: 1000, maxObjectSize: 5e12 })
    expect(plan(...scaleway, '-s3-max-parts', '500').maxObjectSize).toBe(500 * 5 * 1024 ** 3)
    expect(plan(...scaleway, '-s3-max-object-size', '1TiB').maxObjectSize).toBe(1024 ** 4)
  })

  test('links open for whole seconds', () => {
    expect(plan().redirectDownloads).toBeUndefined()
    expect(plan('-s3-redirect-downloads', '1m30s').redirectDownloads).toBe(90)
    expect(plan('-s3-redirect-downloads', '1ms').redirectDownloads).toBe(1)
  })
})
