import { UploadError } from '../../core/errors.ts'
import type { Bytes, StoredUpload } from '../../core/store.ts'
import type { ByteRange, Upload } from '../../core/upload.ts'
import { prepare } from './adopt.ts'
import { concat } from './concat.ts'
import { finish } from './finish.ts'
import { link } from './link.ts'
import { read } from './read.ts'
import { writeRecord } from './records.ts'
import { remove } from './remove.ts'
import type { Service } from './service.ts'
import { type Standing, uploadAt } from './standing.ts'
import { Writer } from './writer.ts'

/** One upload, opened: what was found of it, and what is done with it. */
export function stored(service: Service, standing: Standing): StoredUpload {
  let upload = uploadAt(standing)
  const now = (): Upload => {
    upload = uploadAt(standing)
    return upload
  }
  const touched = (): Upload => {
    standing.modifiedAt = new Date()
    return now()
  }
  const { redirectDownloads } = service.settings
  return {
    get upload() {
      return upload
    },
    async append(bytes, saved) {
      await append(service, standing, bytes, saved)
      return touched()
    },
    async concat(parts) {
      await concat(service, standing, parts)
      return touched()
    },
    async setLength(length) {
      await writeRecord(service, standing, { ...standing.record, length })
      return touched()
    },
    async finish(digests) {
      await finish(service, standing, digests)
      return touched()
    },
    remove: () => remove(service, standing),
    read: (range?: ByteRange) => read(service, standing, range),
    ...(redirectDownloads !== null && {
      link: (headers: Parameters<typeof link>[3]) => link(service, standing, redirectDownloads, headers),
    }),
  }
}

async function append(
  service: Service,
  standing: Standing,
  bytes: Bytes,
  saved: ((offset: number) => void) | undefined,
): Promise<void> {
  let writer: Writer | null = null
  try {
    for await (const batch of bytes) {
      if (standing.assembled) throw new UploadError('length_exceeded')
      writer ??= new Writer(service, standing, await prepare(service, standing), saved)
      await writer.write(batch)
    }
    await writer?.end()
  } catch (error) {
    writer?.abandon()
    throw error
  } finally {
    await writer?.close()
  }
}
