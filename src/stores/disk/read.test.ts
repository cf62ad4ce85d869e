import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LARGE_READS, readFile } from './read.ts'
import { diskOf } from './setup.ts'

const KiB = 1024
const MiB = 1024 * KiB
const content = randomBytes(9 * MiB + 321)
const digest = createHash('sha256').update(content).digest('hex')

let directory = ''
let path = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tusker-read-'))
  path = join(directory, 'bytes')
  await writeFile(path, content)
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(directory, { recursive: true, force: true })
})

/** Reads all, and returns the sizes of the pieces and the digest of the whole. */
async function read(bytes: ReturnType<typeof readFile>) {
  const hash = createHash('sha256')
  const sizes: number[] = []
  for await (const batch of bytes) {
    for (const piece of batch) {
      hash.update(piece)
      sizes.push(piece.length)
    }
  }
  return { sizes, digest: hash.digest('hex') }
}

const largest = (sizes: readonly number[]): number => Math.max(...sizes)

/** Lets as much time pass between two looks at the clock. */
function everyLookTakes(milliseconds: number): void {
  let time = 0
  vi.spyOn(performance, 'now').mockImplementation(() => (time += milliseconds))
}

describe('reading a file', () => {
  it('goes on in large pieces for who is quick, byte by byte as it is', async () => {
    everyLookTakes(1)
    const disk = diskOf({ directory })
    const whole = await read(readFile(disk, path, 0, content.length))
    expect(whole.digest).toBe(digest)
    expect(largest(whole.sizes)).toBe(2 * MiB)
    const some = await read(readFile(disk, path, 77, 8 * MiB + 5))
    expect(some.digest).toBe(
      createHash('sha256')
        .update(content.subarray(77, 8 * MiB + 5))
        .digest('hex'),
    )
    expect(disk.reads.large).toBe(0)
  })

  it('stays with small pieces for who takes a while', async () => {
    everyLookTakes(1000)
    const { sizes, digest: found } = await read(readFile(diskOf({ directory }), path, 0, content.length))
    expect(found).toBe(digest)
    expect(largest(sizes)).toBe(256 * KiB)
  })

  it('takes no large pieces for a rest that is no longer than them', async () => {
    everyLookTakes(1)
    const { sizes } = await read(readFile(diskOf({ directory }), path, 0, 4 * MiB))
    expect(largest(sizes)).toBe(256 * KiB)
  })

  it('has a few places for large pieces, which come back also from those who stop in the middle', async () => {
    everyLookTakes(1)
    const disk = diskOf({ directory })
    const readers = Array.from({ length: LARGE_READS + 2 }, () => readFile(disk, path, 0, content.length))
    const last: number[] = []
    for (const reader of readers) {
      let size = 0
      for (let step = 0; step < 8; step++) size = (await reader.next()).value?.[0]?.length ?? 0
      last.push(size)
    }
    expect(last.filter((size) => size === 2 * MiB)).toHaveLength(LARGE_READS)
    expect(last.filter((size) => size === 256 * KiB)).toHaveLength(2)
    for (const reader of readers) await reader.return()
    expect(disk.reads.large).toBe(0)
    expect(largest((await read(readFile(disk, path, 0, content.length))).sizes)).toBe(2 * MiB)
  })
})
