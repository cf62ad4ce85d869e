import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'

export const ALGORITHMS = ['sha1', 'sha256', 'sha512', 'md5', 'crc32'] as const

/** Value of Upload-Checksum for these bytes. */
export function checksum(algorithm: string, bytes: string | Uint8Array): string {
  if (algorithm !== 'crc32') return `${algorithm} ${createHash(algorithm).update(bytes).digest('base64')}`
  const digest = Buffer.alloc(4)
  digest.writeUInt32BE(crc32(bytes))
  return `crc32 ${digest.toString('base64')}`
}

/** What a checksum field may say that is no checksum. */
export const malformed: readonly (readonly [string, string])[] = [
  ['empty', ''],
  ['a name alone', 'sha1'],
  ['a name and a space', 'sha1 '],
  ['a digest alone', 'qvTGHdzF6KLavt4PO0gs2a6pQ00='],
  ['no Base64', 'sha1 !!!!!!!!!!!!!!!!!!!!!!!!!!!!'],
  ['two digests', 'sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00= qvTGHdzF6KLavt4PO0gs2a6pQ00='],
  ['two checksums', `${checksum('sha1', 'hello')}, ${checksum('md5', 'hello')}`],
]

/** Well-formed, but no digest of `hello` or any other bytes. */
export const impossible: readonly (readonly [string, string])[] = [
  ['hexadecimal', 'sha1 aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d'],
  ['a digest that is too short', 'sha1 qvTGHdzF6KLavt4PO0gs2a6p'],
  ['a digest of another algorithm', checksum('sha256', 'hello').replace('sha256', 'sha1')],
]

export const unsupported: readonly string[] = [
  'sha3-512',
  'blake3',
  'xxh64',
  'SHA-1',
  'constructor',
  '__proto__',
  'rsa-sha1',
  '*',
]
