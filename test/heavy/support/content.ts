import { createCipheriv, createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'

/**
 * The bytes of an upload, a function of a key and the position: no two stretches are alike, so a chunk that is
 * missing, repeated or shifted changes the hash, and no buffer of the whole is needed to make any part of it.
 */
export interface Content {
  readonly key: string
  /** The bytes from `start` up to, not including, `end`. */
  bytes(start: number, end: number): Buffer
}

const BLOCK = 16
const STEP = 1 << 20

/** The key stream of AES in counter mode: every 16 bytes have their own number. */
export function content(key: string): Content {
  const secret = createHash('sha256').update(key).digest().subarray(0, BLOCK)
  return {
    key,
    bytes(start, end) {
      const skip = start % BLOCK
      const counter = Buffer.alloc(BLOCK)
      counter.writeUInt32BE(Math.floor(start / BLOCK), BLOCK - 4)
      const cipher = createCipheriv('aes-128-ctr', secret, counter)
      return cipher.update(Buffer.alloc(skip + end - start)).subarray(skip)
    },
  }
}

/** Several contents in a row, as a concatenation makes them. Lengths in bytes. */
export function joined(key: string, parts: readonly { readonly content: Content; readonly length: number }[]): Content {
  return {
    key,
    bytes(start, end) {
      const pieces: Buffer[] = []
      let base = 0
      for (const part of parts) {
        const from = Math.max(start, base)
        const to = Math.min(end, base + part.length)
        if (from < to) pieces.push(part.content.bytes(from - base, to - base))
        base += part.length
      }
      return Buffer.concat(pieces)
    },
  }
}

/** SHA-256 of the first `length` bytes, in hex. */
export function sha256Of(source: Content, length: number): string {
  const hash = createHash('sha256')
  for (let at = 0; at < length; at += STEP) hash.update(source.bytes(at, Math.min(length, at + STEP)))
  return hash.digest('hex')
}

/** SHA-256 and size of a file. */
export async function fingerprint(path: string): Promise<{ readonly sha256: string; readonly size: number }> {
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of createReadStream(path, { highWaterMark: STEP })) {
    if (!Buffer.isBuffer(chunk)) throw new Error('a file gave text')
    hash.update(chunk)
    size += chunk.length
  }
  return { sha256: hash.digest('hex'), size }
}

/** Where a file first differs from `source`; null if every byte of it is right. */
export async function firstDifference(path: string, source: Content): Promise<number | null> {
  let at = 0
  for await (const chunk of createReadStream(path, { highWaterMark: STEP })) {
    if (!Buffer.isBuffer(chunk)) throw new Error('a file gave text')
    const wanted = source.bytes(at, at + chunk.length)
    if (!chunk.equals(wanted)) return at + chunk.findIndex((byte, index) => byte !== wanted[index])
    at += chunk.length
  }
  return null
}
