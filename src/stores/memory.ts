import { UploadError } from '../core/errors.ts'
import { memoryNotes } from '../core/notes.ts'
import type { Bytes, Store, StoredUpload } from '../core/store.ts'
import type { ByteRange, NewUpload, Upload, UploadId } from '../core/upload.ts'

/** Bytes handed out at once. */
const BATCH = 1024 * 1024

/** What is kept of one upload. */
interface Kept {
  upload: Upload
  /** Copies, each as it came; never changed. */
  readonly chunks: Uint8Array[]
}

/**
 * Keeps uploads in the memory of the process, which is where they end with it. For tests, demonstrations, and as the
 * shortest example of a store. Nothing bounds it but the sizes that the server accepts.
 */
export function memoryStore(): Store {
  const uploads = new Map<UploadId, Kept>()
  return {
    name: 'memory',
    async create(upload) {
      if (uploads.has(upload.id)) throw new UploadError('upload_exists')
      const kept = { upload: newUpload(upload), chunks: [] }
      uploads.set(upload.id, kept)
      return stored(uploads, kept)
    },
    async open(id) {
      const kept = uploads.get(id)
      if (kept === undefined) throw new UploadError('upload_not_found')
      return stored(uploads, kept)
    },
    async *list() {
      yield* [...uploads.keys()]
    },
    // An upload is here in whole or not at all.
    tidy: async () => false,
    notes: memoryNotes(),
  }
}

function newUpload(upload: NewUpload): Upload {
  return {
    ...upload,
    metadata: new Map(upload.metadata),
    offset: 0,
    complete: false,
    modifiedAt: new Date(),
    storage: { Type: 'memorystore' },
  }
}

function stored(uploads: Map<UploadId, Kept>, kept: Kept): StoredUpload {
  let seen = kept.upload

  function change(changes: Partial<Upload>): Upload {
    if (uploads.get(seen.id) !== kept) throw new UploadError('upload_not_found')
    kept.upload = { ...kept.upload, ...changes, modifiedAt: new Date() }
    seen = kept.upload
    return seen
  }

  return {
    get upload() {
      return seen
    },
    async append(bytes, saved) {
      for await (const batch of bytes) {
        if (seen.complete) throw new UploadError('length_exceeded')
        if (kept.upload.offset !== seen.offset) throw new UploadError('offset_mismatch', { offset: kept.upload.offset })
        // The memory of a batch goes back to its source with the next step.
        const chunk = Buffer.concat(batch)
        change({ offset: seen.offset + chunk.length })
        kept.chunks.push(chunk)
        saved?.(seen.offset)
      }
      return seen
    },
    setLength: async (length) => change({ length }),
    finish: async (digests) => change({ complete: true, ...(digests !== undefined && { digests }) }),
    async remove() {
      if (uploads.get(seen.id) === kept) uploads.delete(seen.id)
    },
    read: (range) => read(kept.chunks, range ?? { start: 0, end: seen.offset - 1 }),
  }
}

async function* read(chunks: readonly Uint8Array[], { start, end }: ByteRange): Bytes {
  let batch: Uint8Array[] = []
  let size = 0
  let position = 0
  for (const chunk of chunks) {
    const piece = chunk.subarray(Math.max(start - position, 0), Math.max(end + 1 - position, 0))
    position += chunk.length
    if (piece.length === 0) continue
    batch.push(piece)
    size += piece.length
    if (size < BATCH) continue
    yield batch
    batch = []
    size = 0
  }
  if (batch.length > 0) yield batch
}
