// @ts-check
import { open } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { isContent, PIECE } from './body.js'

/**
 * Proves that a file holds what was sent, byte for byte: the content of each part, one after the other, and nothing more.
 * @param {string} file
 * @param {readonly { readonly seed: number, readonly length: number }[]} parts
 */
export async function checkFile(file, parts) {
  const handle = await open(file)
  try {
    const { size } = await handle.stat()
    const expected = parts.reduce((sum, part) => sum + part.length, 0)
    if (size !== expected) throw new Error(`${file} holds ${size} bytes, and ${expected} were sent`)
    const buffer = Buffer.allocUnsafe(PIECE)
    let start = 0
    for (const { seed, length } of parts) {
      for (let position = 0; position < length; ) {
        const { bytesRead } = await handle.read(buffer, 0, Math.min(PIECE, length - position), start + position)
        if (bytesRead === 0 || !isContent(buffer.subarray(0, bytesRead), seed, position)) {
          throw new Error(`${file} is not what was sent, after byte ${start + position}`)
        }
        position += bytesRead
      }
      start += length
    }
  } finally {
    await handle.close()
  }
}

/**
 * Proves all uploads in a server's folder. All peers name the file of an upload by the last segment of its URL.
 * @param {string} folder
 * @param {readonly { readonly path: string, readonly seed: number, readonly length: number }[]} uploads
 */
export async function checkUploads(folder, uploads) {
  for (const upload of uploads) await checkFile(join(folder, basename(upload.path)), [upload])
}
