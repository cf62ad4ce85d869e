import { randomUUID } from 'node:crypto'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UploadError } from '../core/errors.ts'
import type { Batch, Bytes, StoredUpload } from '../core/store.ts'
import type { Upload } from '../core/upload.ts'

const READ = 1024 * 1024

/**
 * Appends bytes only after `verdict` has approved them, for stores that cannot take bytes back: they wait in a temporary
 * file, which is gone afterwards whatever happens.
 */
export async function appendSpooled(stored: StoredUpload, bytes: Bytes, verdict: () => boolean): Promise<Upload> {
  const path = join(tmpdir(), `tusker-${randomUUID()}.spool`)
  const spool = await open(path, 'wx+', 0o600).catch((cause: unknown) => {
    throw new UploadError('storage_failed', { hint: `cannot write to the temporary folder ${tmpdir()}` }, { cause })
  })
  try {
    for await (const batch of bytes) await write(spool, batch)
    return verdict() ? await stored.append(contents(spool)) : stored.upload
  } finally {
    await spool.close()
    await rm(path, { force: true })
  }
}

async function write(spool: FileHandle, batch: Batch): Promise<void> {
  for (const chunk of batch) {
    await spool.writeFile(chunk).catch((cause: unknown) => {
      throw new UploadError('storage_full', { hint: `cannot write to the temporary folder ${tmpdir()}` }, { cause })
    })
  }
}

async function* contents(spool: FileHandle): AsyncGenerator<Batch> {
  const buffer = Buffer.allocUnsafe(READ)
  for (let position = 0; ; ) {
    const { bytesRead } = await spool.read(buffer, 0, READ, position)
    if (bytesRead === 0) return
    position += bytesRead
    yield [buffer.subarray(0, bytesRead)]
  }
}
