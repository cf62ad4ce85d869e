import type { StoredUpload } from '../core/store.ts'
import type { Upload } from '../core/upload.ts'
import { createRunningHash } from './checksum.ts'
import type { ExpectedDigest } from './commands.ts'
import type { Job } from './job.ts'

/**
 * Digests of all bytes of an upload, read back from the store. So they say what is stored and not what came by, and no state of
 * a hash has to survive an interruption, a restart or another process. Throws the reason if the job should stop: the
 * upload stays as it is, and whoever declares it complete again comes here again.
 * @param goesOn called now and then, so that somebody who waits for long can be told that there is progress
 */
export async function digestWhole(
  job: Job,
  stored: StoredUpload,
  algorithms: readonly string[],
  goesOn: () => void,
): Promise<readonly ExpectedDigest[]> {
  const hashes = algorithms.map((algorithm) => ({ algorithm, hash: createRunningHash(algorithm) }))
  if (algorithms.length > 0 && stored.upload.offset > 0) {
    for await (const batch of stored.read()) {
      for (const chunk of batch) for (const { hash } of hashes) hash.update(chunk)
      const { reason } = job
      if (reason !== null) throw reason
      goesOn()
    }
  }
  return hashes.map(({ algorithm, hash }) => ({ algorithm, digest: hash.digest() }))
}

/** The digests that were recorded of an upload. */
export function digestsOf({ digests = {} }: Upload): readonly ExpectedDigest[] {
  return Object.entries(digests).map(([algorithm, text]) => ({ algorithm, digest: Buffer.from(text, 'base64') }))
}
