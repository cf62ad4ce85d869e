import { createServer } from 'node:http'
import type { S3Client } from '@aws-sdk/client-s3'
import type { Log } from '../../../../src/core/log.ts'
import type { Store } from '../../../../src/core/store.ts'
import { memoryLocker } from '../../../../src/lockers/memory.ts'
import type { S3StoreOptions, S3Usage } from '../../../../src/stores/s3/options.ts'
import { s3Store } from '../../../../src/stores/s3.ts'
import { createUploads, type Uploads, type UploadsOptions } from '../../../../src/uploads.ts'
import { type FaultProxy, startFaultProxy } from '../../support/fault-proxy.ts'
import { type Bucket, clientOf } from './bucket.ts'
import { service } from './service.ts'

const MIB = 1 << 20

export interface SitePlan {
  readonly bucket: Bucket
  /** Put before all keys. */
  readonly prefix: string
  /** How many servers there are; they share a locker, and each has a client and a store of its own. Default: 1. */
  readonly servers?: number
  readonly store?: Partial<S3StoreOptions>
  readonly uploads?: Partial<UploadsOptions>
}

/** Upload servers that keep everything in S3, behind a proxy that may do harm. */
export interface Site {
  readonly proxy: FaultProxy
  /** `http://127.0.0.1:port` of each server. */
  readonly origins: readonly string[]
  readonly uploads: readonly Uploads[]
  readonly stores: readonly Store[]
  /** Object ids of the uploads whose creation was begun under a name (`X-Key`), answered or not. */
  idsOf(key: string): readonly string[]
  /** What the stores have in memory and under way, together. */
  usage(): S3Usage
  /** Errors in the logs that are no failures of the service, but bugs. */
  crashes(): readonly string[]
  close(): Promise<void>
}

/** Starts them. */
export async function startSite(plan: SitePlan): Promise<Site> {
  const proxy = await startFaultProxy(service().endpoint)
  const locker = memoryLocker()
  const ids = new Map<string, string[]>()
  const crashes: string[] = []
  const usages: (() => S3Usage)[] = []
  const clients: S3Client[] = []
  const stores: Store[] = []
  const log: Log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (event, _, cause) => {
      if (event === 'request.crashed') crashes.push(cause instanceof Error ? (cause.stack ?? cause.message) : event)
    },
  }

  async function startOne(): Promise<Running> {
    const client = clientOf(proxy.endpoint)
    clients.push(client)
    const store = s3Store({
      client,
      bucket: plan.bucket.name,
      objectPrefix: plan.prefix,
      partSize: 5 * MIB,
      attempts: 3,
      timeout: 8000,
      observer: { attach: (usage) => usages.push(usage) },
      ...plan.store,
    })
    stores.push(store)
    const uploads = await createUploads({
      store,
      locker,
      log,
      hooks: {
        preCreate: (_, request) => {
          const key = request.header('x-key')
          if (key === null) return null
          const known = ids.get(key) ?? []
          const id = `${key}.${known.length}`
          ids.set(key, [...known, id])
          return { id }
        },
      },
      ...plan.uploads,
    })
    return await listen(uploads)
  }

  const running: Running[] = []
  for (let index = 0; index < (plan.servers ?? 1); index++) running.push(await startOne())
  return {
    proxy,
    origins: running.map(({ origin }) => origin),
    uploads: running.map(({ uploads }) => uploads),
    stores,
    idsOf: (key) => ids.get(key) ?? [],
    usage: () => {
      const all = usages.map((usage) => usage())
      const sum = (what: keyof S3Usage): number => all.reduce((total, one) => total + one[what], 0)
      return { buffered: sum('buffered'), parts: sum('parts') }
    },
    crashes: () => crashes,
    async close() {
      for (const one of running) await one.close()
      for (const client of clients) client.destroy()
      await proxy.close()
    },
  }
}

interface Running {
  readonly origin: string
  readonly uploads: Uploads
  close(): Promise<void>
}

async function listen(uploads: Uploads): Promise<Running> {
  const server = createServer({ requestTimeout: 0 }, uploads.node)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return {
    origin: `http://127.0.0.1:${address.port}`,
    uploads,
    async close() {
      server.closeAllConnections()
      await uploads.close()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
