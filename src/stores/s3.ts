import type { Store } from '../core/store.ts'
import { create } from './s3/create.ts'
import { splitId } from './s3/layout.ts'
import { list, unfinished } from './s3/list.ts'
import { s3Notes } from './s3/notes.ts'
import { type S3StoreOptions, s3Settings } from './s3/options.ts'
import { createService } from './s3/service.ts'
import { find } from './s3/standing.ts'
import { check, start } from './s3/start.ts'
import { tidy } from './s3/tidy.ts'
import { stored } from './s3/upload.ts'

export type { S3Call, S3Integrity, S3Observer, S3Operation, S3StoreOptions, S3Usage } from './s3/options.ts'
export { S3_PROVIDERS, type S3Provider, type S3ProviderOptions, s3ClientOptions, s3Provider } from './s3/providers.ts'

/**
 * Keeps uploads in S3, or in what speaks S3, as tusd does: the bytes in a multipart upload that becomes the object
 * `<objectPrefix><id>`, the record beside it in `<id>.info`, and what is too little for a part in `<id>.part`. Either server goes
 * on with the uploads of the other.
 *
 * What is promised:
 *
 * - Nothing is lost that was acknowledged, whatever happens to this process: the offset counts what the service has, without a
 *   gap from the first byte, and nothing that may still be on its way.
 * - An upload is complete when its object can be read and its record says so, not before.
 * - No more than `maxBufferedBytes` are in memory for parts, however many uploads there are and however slow they are.
 *
 * What the service does with what it has stored is its own promise.
 */
export function s3Store(options: S3StoreOptions): Store {
  const service = createService(s3Settings(options))
  return {
    name: 's3',
    takesStorage: true,
    start: () => start(service),
    lockName: (id) => splitId(id).objectId,
    create: async (upload) => stored(service, await create(service, upload)),
    open: async (id) => stored(service, await find(service, id)),
    list: () => list(service),
    unfinished: () => unfinished(service),
    tidy: (id, before) => tidy(service, id, before),
    check: () => check(service),
    notes: s3Notes(service),
  }
}
