import type { Bytes } from '../../core/store.ts'
import type { Upload } from '../../core/upload.ts'
import { SMALL, sizeOf, type Writer } from './writer.ts'

/** What a checked append asks of an upload. */
export interface Checkable {
  readonly upload: Upload
  /** Opens the bytes; what is added counts at once. */
  begin(): Promise<Writer>
  /** Opens the bytes; what is added does not count before `end`, whatever happens. */
  beginUnchecked(): Promise<Writer>
  /** What was added counts from now on. */
  end(writer: Writer): Promise<Upload>
  /** What was added is dropped. */
  undo(writer: Writer): Promise<Upload>
}

/**
 * Adds bytes that count only if `verdict`, asked after their end, says so. A small body waits in memory. A larger one goes to
 * the disk behind a note in the record (`trusted`) of how many bytes count: whoever opens the upload after the process died
 * obeys it, and one replacement of the record makes all of them count.
 */
export async function appendChecked(target: Checkable, bytes: Bytes, verdict: () => boolean): Promise<Upload> {
  let held: Uint8Array[] = []
  let heldSize = 0
  let writer: Writer | null = null
  try {
    for await (const batch of bytes) {
      heldSize += sizeOf(batch)
      if (heldSize <= SMALL) {
        // The memory of a batch goes back to its source with the next step.
        held.push(Buffer.concat(batch))
        continue
      }
      if (writer === null) {
        writer = await target.beginUnchecked()
        await writer.write(held)
        held = []
      }
      await writer.write(batch)
    }
  } catch (error) {
    // The lock may be lost, so the bytes are left as they are. They do not count, and the next holder drops them.
    await writer?.abandon()
    throw error
  }
  return writer === null ? judgeHeld(target, held, verdict) : judgeWritten(target, writer, verdict)
}

async function judgeHeld(target: Checkable, held: Uint8Array[], verdict: () => boolean): Promise<Upload> {
  if (!verdict() || held.length === 0) return target.upload
  const writer = await target.begin()
  try {
    await writer.write(held)
    return await target.end(writer)
  } catch (error) {
    await writer.abandon()
    throw error
  }
}

async function judgeWritten(target: Checkable, writer: Writer, verdict: () => boolean): Promise<Upload> {
  let good: boolean
  try {
    good = verdict()
  } catch (error) {
    await target.undo(writer)
    throw error
  }
  if (!good) return target.undo(writer)
  try {
    return await target.end(writer)
  } catch (error) {
    await writer.abandon()
    throw error
  }
}
