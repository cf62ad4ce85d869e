// @ts-check
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, sep } from 'node:path'
import { MIB } from './rows/sizes.js'

const SHARED_MEMORY = '/dev/shm'

/**
 * Memory where there is some, because the disk is not what is compared. Containers often have 64 MiB of it.
 * @param {number} size
 */
export function defaultDirectory(size) {
  return existsSync(SHARED_MEMORY) && freeBytes(SHARED_MEMORY) >= needed(size) ? SHARED_MEMORY : tmpdir()
}

/**
 * Makes a folder of our own, which is removed in the end, however it comes.
 * @param {string} directory
 * @param {number} size
 * @param {import('./ending.js').Ending} ending
 */
export function makeFolder(directory, size, ending) {
  mkdirSync(directory, { recursive: true })
  const free = freeBytes(directory)
  if (free < needed(size)) {
    throw new Error(
      `${mib(needed(size))} MiB are needed in ${directory}, and ${mib(free)} MiB are free: take another --dir or --size`,
    )
  }
  const folder = mkdtempSync(join(realpathSync(directory), 'tusker-bench-'))
  // A server that was killed a moment ago may still finish a call
  ending.owe(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }))
  return folder
}

/**
 * Fills `size` bytes of a folder in memory and empties them again. A virtual machine takes back memory that was given up a while ago, and
 * the next to use it waits for each page: that is several times what an upload costs, and hits whose turn it is.
 * @param {string} folder
 * @param {number} size
 */
export function touchMemory(folder, size) {
  if (fileSystemOf(folder) !== 'tmpfs') return
  const path = join(folder, 'memory')
  const zeros = Buffer.alloc(MIB)
  const file = openSync(path, 'wx')
  try {
    for (let left = size; left > 0; left -= MIB) writeSync(file, zeros, 0, Math.min(left, MIB))
  } finally {
    closeSync(file)
    rmSync(path)
  }
}

/**
 * The type of the file system, such as ext4.
 * @param {string} folder
 */
export function fileSystemOf(folder) {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
  const above = mounts.filter(([, point = '']) =>
    `${folder}${sep}`.startsWith(point === '/' ? point : `${point}${sep}`),
  )
  // The longest is the nearest; of two on one place the later covers the earlier
  const nearest = above.reduce((best, one) => ((one[1] ?? '').length >= (best[1] ?? '').length ? one : best), [''])
  return nearest[2] ?? 'unknown'
}

/** A concatenation holds its parts and the whole; the rest is for warm-ups and small uploads. @param {number} size */
const needed = (size) => 2 * size + 256 * MIB

/** @param {string} folder */
function freeBytes(folder) {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

/** @param {number} bytes */
const mib = (bytes) => Math.round(bytes / MIB)
