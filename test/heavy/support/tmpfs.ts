import { mkdirSync, rmSync } from 'node:fs'
import { onTestFinished } from 'vitest'
import { requireTools, run } from './tools.ts'

/** A file system in memory that is soon full. */
export interface SmallDisk {
  readonly folder: string
  resize(bytes: number): void
}

/** Mounts one of `bytes` at `folder`. It is unmounted when the test ends, however it ends. */
export function mountSmall(folder: string, bytes: number): SmallDisk {
  requireTools('mount', 'umount')
  mkdirSync(folder, { recursive: true })
  run('mount', '-t', 'tmpfs', '-o', `size=${bytes}`, 'tusker-test', folder)
  // A server that a failed test leaves to its clean-up may still be at work there.
  const unmount = (): void => {
    process.removeListener('exit', unmount)
    run('umount', '--lazy', folder)
    rmSync(folder, { recursive: true, force: true })
  }
  process.on('exit', unmount)
  onTestFinished(unmount)
  return {
    folder,
    resize: (size) => void run('mount', '-o', `remount,size=${size}`, folder),
  }
}
