import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { UploadError } from '../core/errors.ts'
import type { Checksum, ExpectedDigest } from './commands.ts'

/** Algorithms of Upload-Checksum, the one that tus 1.0 requires first. */
export const CHECKSUM_ALGORITHMS = ['sha1', 'sha256', 'sha512', 'md5', 'crc32'] as const

export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number]

export function isChecksumAlgorithm(name: string): name is ChecksumAlgorithm {
  return (CHECKSUM_ALGORITHMS as readonly string[]).includes(name)
}

/** Hashes the bytes of one request as they pass, and judges them at the end. */
export interface Verifier {
  update(chunk: Uint8Array): void
  /** Whether the bytes are what the client meant. Throws what a malformed trailer throws. */
  matches(): boolean
}

export function createVerifier(checksum: Checksum): Verifier {
  const { expected } = checksum
  if (expected !== null) {
    const hash = createRunningHash(expected.algorithm)
    return { update: hash.update, matches: () => sameDigest(hash.digest(), expected.digest) }
  }
  // A trailer names its algorithm only after the bytes have gone by, so all of them run.
  const hashes = new Map(CHECKSUM_ALGORITHMS.map((name) => [name as string, createRunningHash(name)]))
  return {
    update(chunk) {
      for (const hash of hashes.values()) hash.update(chunk)
    },
    matches() {
      const { algorithm, digest }: ExpectedDigest = checksum.trailer()
      const hash = hashes.get(algorithm)
      if (hash === undefined) throw new UploadError('unsupported_checksum')
      return sameDigest(hash.digest(), digest)
    },
  }
}

export interface RunningHash {
  update(chunk: Uint8Array): void
  digest(): Uint8Array
}

export function createRunningHash(algorithm: string): RunningHash {
  if (!isChecksumAlgorithm(algorithm)) throw new UploadError('unsupported_checksum')
  if (algorithm === 'crc32') return createCrc32()
  const hash = createHash(algorithm)
  return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest() }
}

/** Four bytes, most significant first, as crc32 is written everywhere else. */
function createCrc32(): RunningHash {
  let value = 0
  return {
    update(chunk) {
      value = crc32(chunk, value)
    },
    digest() {
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32BE(value)
      return bytes
    },
  }
}

function sameDigest(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}
