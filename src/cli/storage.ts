import { resolve } from 'node:path'
import type { Locker } from '../core/locker.ts'
import type { Log } from '../core/log.ts'
import type { ServiceObserver } from '../core/service.ts'
import type { Store } from '../core/store.ts'
import { fileLocker } from '../lockers/file.ts'
import { memoryLocker } from '../lockers/memory.ts'
import { diskStore } from '../stores/disk.ts'
import type { Settings } from './flags.ts'
import { openS3, planOf } from './s3/store.ts'
import type { Target } from './s3/target.ts'
import { formatBytes } from './values.ts'

/** Where uploads are kept, and how requests for one of them are kept apart. */
export interface Storage {
  readonly store: Store
  readonly locker: Locker
  /** Largest upload in bytes, by what the operator wants and what the store can take; 0 for no limit. */
  readonly maxSize: number
  /** For the operator, at the start. */
  readonly lines: readonly string[]
}

/**
 * What the settings ask for. A folder is not touched yet; a bucket has answered.
 * @param target null for a folder
 * @throws Complaint if the bucket cannot be used
 */
export async function openStorage(
  settings: Settings,
  target: Target | null,
  log: Log,
  observers: readonly ServiceObserver[],
): Promise<Storage> {
  const { locker, ...locking } = lockerOf(settings, target)
  if (target !== null) {
    const store = await openS3(settings, target, log, observers)
    const { maxObjectSize } = planOf(settings, target)
    const maxSize = Math.min(settings['max-size'] || maxObjectSize, maxObjectSize)
    return { store, locker, maxSize, lines: [...bucketLines(settings, target), locking.line] }
  }
  const directory = resolve(settings['upload-dir'])
  const { durability } = settings
  const store = diskStore({
    directory,
    durability,
    dirPerms: settings['dir-perms'],
    filePerms: settings['file-perms'],
  })
  const lines = [`storing in ${directory} (disk, durability ${durability})`, locking.line]
  return { store, locker, maxSize: settings['max-size'], lines }
}

function lockerOf(settings: Settings, target: Target | null): { readonly locker: Locker; readonly line: string } {
  const place = target === null ? 'folder' : 'bucket'
  const kind = settings.locker === 'auto' ? (target === null ? 'file' : 'memory') : settings.locker
  if (kind === 'memory') {
    return { locker: memoryLocker(), line: `locking by memory: no other process may serve this ${place}` }
  }
  const directory = resolve(settings['upload-dir'])
  const others = target === null ? 'serve the same folder' : `serve this bucket with locks in ${directory}`
  return { locker: fileLocker({ directory }), line: `locking by file: other processes may ${others}` }
}

function bucketLines(settings: Settings, target: Target): readonly string[] {
  const {
    bucket,
    objectPrefix,
    partSize = 0,
    concurrentPartUploads,
    maxBufferedBytes = 0,
    redirectDownloads,
  } = planOf(settings, target)
  const { endpoint, provider } = target
  const at = endpoint === null ? '' : ` at ${endpoint.href.replace(/\/$/, '')}`
  return [
    `storing in s3://${bucket}/${objectPrefix}${at} (S3, provider ${provider ?? 'unknown'})`,
    `parts of ${formatBytes(partSize)}, ${concurrentPartUploads} of an upload at once, ${formatBytes(maxBufferedBytes)} of memory for all`,
    ...(redirectDownloads === undefined ? [] : ['downloads are redirected to the bucket']),
  ]
}
