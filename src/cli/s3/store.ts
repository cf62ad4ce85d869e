import type { Log } from '../../core/log.ts'
import type { ServiceObserver } from '../../core/service.ts'
import type { Store } from '../../core/store.ts'
import type { S3StoreOptions } from '../../stores/s3/options.ts'
import { s3Provider } from '../../stores/s3/providers.ts'
import type { Settings } from '../flags.ts'
import { loadSdk, openClient } from './client.ts'
import { probe } from './probe.ts'
import type { Target } from './target.ts'

/** What the settings say of the store, but for its client. */
export type Plan = Omit<S3StoreOptions, 'client' | 'observer'> & { readonly maxObjectSize: number }

/**
 * The store of a bucket, once its service has answered.
 * @throws Complaint
 */
export async function openS3(
  settings: Settings,
  target: Target,
  log: Log,
  observers: readonly ServiceObserver[],
): Promise<Store> {
  const sdk = await loadSdk(settings)
  const client = await openClient(sdk, settings, target)
  const plan = planOf(settings, target)
  await probe(sdk, client, target, plan.metadataObjectPrefix ?? '')
  const { s3Store } = await import('../../stores/s3.ts')
  const observer = together(settings['s3-log-api-calls'] ? [...observers, callLog(log)] : observers)
  return s3Store({ ...plan, client, observer })
}

export function planOf(settings: Settings, { bucket, provider }: Target): Plan {
  const preset = provider === null ? {} : s3Provider(provider)
  const objectPrefix = settings['s3-object-prefix']
  const minPartSize = settings['s3-min-part-size']
  const maxParts = settings['s3-max-parts'] || preset.maxParts || 10_000
  const maxPartSize = preset.maxPartSize ?? 5 * GiB
  const maxObjectSize = settings['s3-max-object-size'] || (preset.maxObjectSize ?? 5 * 1024 * GiB)
  return {
    ...preset,
    bucket,
    objectPrefix,
    metadataObjectPrefix: settings['s3-metadata-object-prefix'] || objectPrefix,
    minPartSize,
    partSize: Math.max(settings['s3-part-size'], minPartSize),
    maxPartSize,
    maxParts,
    maxObjectSize: Math.min(maxObjectSize, maxParts * maxPartSize),
    // tusd's flag bounds what it keeps on disk of one upload, beside what it sends
    concurrentPartUploads: Math.max(
      1,
      Math.min(settings['s3-concurrent-part-uploads'], settings['s3-max-buffered-parts']),
    ),
    maxBufferedBytes: settings['s3-max-buffered-bytes'],
    integrity: settings['s3-integrity'],
    ...(settings['s3-redirect-downloads'] > 0 && {
      redirectDownloads: Math.ceil(settings['s3-redirect-downloads'] / 1000),
    }),
  }
}

const GiB = 1024 ** 3

/** One event for each attempt. Of headers, where the signature is, nothing. */
function callLog(log: Log): ServiceObserver {
  return {
    attach: () => undefined,
    call({ operation, key, attempt, duration, sent, error, status }) {
      log.info('s3.call', {
        operation,
        key,
        status: status ?? undefined,
        error: error ?? undefined,
        attempt: attempt > 1 ? attempt : undefined,
        sent: sent > 0 ? sent : undefined,
        milliseconds: Math.round(duration * 10) / 10,
      })
    },
  }
}

function together(observers: readonly ServiceObserver[]): ServiceObserver {
  return {
    attach(usage) {
      for (const observer of observers) observer.attach(usage)
    },
    call(call) {
      for (const observer of observers) observer.call(call)
    },
  }
}
