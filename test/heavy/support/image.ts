import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { requireTools, run } from './tools.ts'

const LOOP_MAJOR = '7'
const SNAPSHOT_TRIES = 1000
const ATTACH_TRIES = 20

/** A file system in a file. */
export interface Disk {
  /** Where it is mounted. */
  readonly folder: string
  /**
   * Copies the file as the disk would be if power failed now: what the kernel still holds back is not in it. The copy shows one
   * instant; keep writers from writing meanwhile.
   */
  snapshot(copy: string): Promise<void>
  /** Calls that write wait from now on. */
  freeze(): void
  thaw(): void
  unmount(): void
}

/**
 * Makes an ext4 of `megabytes` in `file` and mounts it. The journal is not committed by time (`commit=300`): only what a
 * program syncs, and what goes along with that, reaches the file.
 */
export function makeDisk(file: string, megabytes: number): Disk {
  requireTools('losetup', 'mount', 'umount', 'fsfreeze')
  writeFileSync(file, '')
  truncateSync(file, megabytes << 20)
  run('mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', file)
  return mountDisk(file)
}

/** Mounts the ext4 in `file`; its journal is replayed. It is unmounted when the test ends, however it ends. */
export function mountDisk(file: string): Disk {
  const device = attach(file)
  const folder = `${file}.mounted`
  let mounted = false
  let frozen = false
  const disk: Disk = {
    folder,
    async snapshot(copy) {
      for (let tries = 0; tries < SNAPSHOT_TRIES; tries++) {
        const before = writesOf(device)
        run('cp', '--sparse=always', file, copy)
        // A write that came while the file was read would make a disk that never was.
        if (before.inFlight === 0 && writesOf(device).text === before.text) return
        await setTimeout(5)
      }
      throw new Error(`${device} is written to all the time: no snapshot`)
    },
    freeze() {
      run('fsfreeze', '--freeze', folder)
      frozen = true
    },
    thaw() {
      if (frozen) run('fsfreeze', '--unfreeze', folder)
      frozen = false
    },
    unmount: () => unmount([]),
  }
  function unmount(how: readonly string[]): void {
    process.removeListener('exit', giveUp)
    disk.thaw()
    if (mounted) run('umount', ...how, folder)
    if (mounted) run('losetup', '--detach', device)
    mounted = false
    rmSync(folder, { recursive: true, force: true })
  }
  // A server that a failed test leaves to its clean-up may still be at work there: then the kernel ends it all with that one.
  const giveUp = (): void => unmount(['--lazy'])
  process.on('exit', giveUp)
  onTestFinished(giveUp)
  mkdirSync(folder, { recursive: true })
  try {
    run('mount', '-t', 'ext4', '-o', 'commit=300', device, folder)
    mounted = true
  } catch (error) {
    run('losetup', '--detach', device)
    throw error
  }
  return disk
}

/**
 * A loop device over a file. In a container the node of a device that the kernel has just made may be missing. Another test
 * that looks for a device at the same time may be faster.
 */
function attach(file: string): string {
  for (let tries = 1; ; tries++) {
    try {
      const free = run('losetup', '--find').trim()
      if (!existsSync(free)) run('mknod', free, 'b', LOOP_MAJOR, basename(free).replace('loop', ''))
      return run('losetup', '--find', '--show', file).trim()
    } catch (error) {
      if (tries === ATTACH_TRIES) throw error
    }
  }
}

/** How much was written to a block device, as text to compare, and how many requests it has in hand. */
function writesOf(device: string): { readonly text: string; readonly inFlight: number } {
  const fields = readFileSync(`/sys/block/${basename(device)}/stat`, 'utf8')
    .trim()
    .split(/\s+/)
  // Kernel, Documentation/block/stat.rst: 5 and 7 are writes completed and sectors written, 9 is in flight.
  return { text: `${fields[4]} ${fields[6]}`, inFlight: Number(fields[8]) }
}
