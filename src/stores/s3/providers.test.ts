import { describe, expect, it } from 'vitest'
import { s3Settings } from './options.ts'
import { planParts } from './plan.ts'
import { S3_PROVIDERS, s3ClientOptions, s3Provider, s3ProviderOf } from './providers.ts'

describe('providers', () => {
  it.each(S3_PROVIDERS)('%s fits the defaults, also where all else is left out', async (provider) => {
    const { S3Client } = await import('@aws-sdk/client-s3')
    const client = new S3Client({ region: 'us-east-1', ...s3ClientOptions(provider) })
    const settings = s3Settings({ client, bucket: 'b', ...s3Provider(provider) })
    expect(settings.maxObjectSize).toBeLessThanOrEqual(settings.maxParts * settings.maxPartSize)
    client.destroy()
  })

  it.each(S3_PROVIDERS)('%s: an upload of unknown length begins with parts of the usual size', async (provider) => {
    const { S3Client } = await import('@aws-sdk/client-s3')
    const client = new S3Client({ region: 'us-east-1' })
    expect(planParts(null, s3Settings({ client, bucket: 'b', ...s3Provider(provider) })).size).toBe(16 * 1024 ** 2)
    client.destroy()
  })

  it('R2 has parts of one size, and Scaleway a tenth of the parts', () => {
    expect(s3Provider('r2').equalParts).toBe(true)
    expect(s3Provider('scaleway').maxParts).toBe(1000)
  })

  it.each(['wasabi', 'b2', 'gcs'] as const)('%s is not trusted with If-None-Match', (provider) => {
    expect(s3Provider(provider).conditionalWrites).toBe(false)
  })

  it.each([
    ['s3.eu-central-1.amazonaws.com', 'aws'],
    ['s3.cn-north-1.amazonaws.com.cn', 'aws'],
    ['0123456789abcdef.r2.cloudflarestorage.com', 'r2'],
    ['0123456789abcdef.eu.r2.cloudflarestorage.com', 'r2'],
    ['s3.wasabisys.com', 'wasabi'],
    ['s3.eu-central-2.wasabisys.com', 'wasabi'],
    ['s3.us-west-004.backblazeb2.com', 'b2'],
    ['S3.FR-PAR.SCW.CLOUD', 'scaleway'],
    ['storage.googleapis.com', 'gcs'],
    ['minio.example.org', null],
    ['amazonaws.com.example.org', null],
    ['127.0.0.1', null],
  ])('%s is the host of %s', (host, provider) => {
    expect(s3ProviderOf(host)).toBe(provider)
  })
})
