import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import { s3ClientOptions } from '../../stores/s3/providers.ts'
import { Complaint } from '../complaint.ts'
import type { Settings } from '../flags.ts'
import type { Target } from './target.ts'

type Sdk = typeof import('@aws-sdk/client-s3')

/**
 * Loads the SDK of AWS, which is not installed with this package: who stores in a folder does not need it.
 * @throws Complaint if it is not there
 */
export async function loadSdk(settings: Settings): Promise<Sdk> {
  if (settings['s3-redirect-downloads'] > 0) {
    await import('@aws-sdk/s3-request-presigner').catch(
      missing('-s3-redirect-downloads', '@aws-sdk/s3-request-presigner'),
    )
  }
  return await import('@aws-sdk/client-s3').catch(missing('-s3-bucket', '@aws-sdk/client-s3'))
}

function missing(flag: string, name: string): (error: unknown) => never {
  return (error) => {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
    if (!isMissing) throw error
    const advice = `npm install ${name} beside tusker`
    throw new Complaint(`flag ${flag} needs a package that is not installed: ${advice}`, 1, { cause: error })
  }
}

/**
 * A client for the target, with credentials and region from where the SDK looks for them.
 * @throws Complaint if nothing says which region it is
 */
export async function openClient(sdk: Sdk, settings: Settings, target: Target): Promise<S3Client> {
  const { endpoint, provider } = target
  const config: S3ClientConfig = {
    ...s3ClientOptions(provider),
    ...(endpoint !== null && { endpoint: endpoint.href, forcePathStyle: true }),
    ...(settings['s3-disable-ssl'] && { tls: false }),
    ...(settings['s3-transfer-acceleration'] && { useAccelerateEndpoint: true }),
  }
  const client = await withRegion(sdk, config, target)
  if (provider === 'gcs') dropOperationName(client)
  return client
}

async function withRegion({ S3Client }: Sdk, config: S3ClientConfig, target: Target): Promise<S3Client> {
  // There it is no region but a word
  if (target.provider === 'r2' || target.provider === 'gcs') return new S3Client({ ...config, region: 'auto' })
  const client = new S3Client(config)
  const found = await client.config.region().catch(() => null)
  if (found !== null) return client
  client.destroy()
  const region = regionOf(target)
  if (region === null) throw new Complaint('no region is known for -s3-bucket: set AWS_REGION', 1)
  return new S3Client({ ...config, region })
}

/** The region that the host names, or what services without regions take; null where it must be known. */
function regionOf({ endpoint, provider }: Target): string | null {
  if (endpoint === null) return null
  const named = /(?:^|\.)s3[.-]([a-z0-9]+(?:-[a-z0-9]+)+)\.(?:amazonaws|wasabisys|backblazeb2|scw)\./.exec(
    endpoint.hostname,
  )
  return named?.[1] ?? (provider === 'aws' ? null : 'us-east-1')
}

/** Google's gateway does not know the parameter in which the SDK names the operation (`x-id`), and finds the signature wrong. */
function dropOperationName(client: S3Client): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      if (isRequest(args.request)) delete args.request.query['x-id']
      return next(args)
    },
    { step: 'build', name: 'dropOperationName' },
  )
}

function isRequest(request: unknown): request is { readonly query: Record<string, unknown> } {
  return typeof request === 'object' && request !== null && 'query' in request && typeof request.query === 'object'
}
