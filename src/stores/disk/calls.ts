import * as fs from 'node:fs'
import { isMissing } from './failure.ts'
import type { Pace } from './pace.ts'

/** A value, now or later: `await` takes both, and costs next to nothing if it is there already. */
export type Soon<T> = T | Promise<T>

/** The calls to the file system that the store makes. All throw, or reject with, the error of Node. */
export interface Calls {
  open(path: string, flags: number, mode?: number): Soon<number>
  close(file: number): Soon<void>
  /** fstat. There is no stat by path: NFS asks the server anew when a file is opened, but answers stat from a cache. */
  stat(file: number): Soon<fs.Stats>
  /** Facts of the name itself, for housekeeping; null if it does not exist. */
  look(path: string): Soon<fs.Stats | null>
  truncate(file: number, size: number): Soon<void>
  /** Returns how many bytes it read: less than asked for at the end of the file, and whenever it pleases. */
  read(file: number, into: Uint8Array, position: number): Soon<number>
  /** Returns how many bytes it wrote: less than given when the disk is full, and whenever it pleases. */
  write(file: number, chunks: readonly Uint8Array[], position: number): Soon<number>
  /** Brings the bytes of a file and its size to the disk. Takes as long as the disk takes, so it never blocks. */
  syncData(file: number): Promise<void>
  /** As `syncData`, with all else that belongs to the file. */
  sync(file: number): Promise<void>
  rename(from: string, to: string): Soon<void>
  unlink(path: string): Soon<void>
  /** With all folders above it that are missing. Returns the outermost that it made. */
  mkdir(path: string, mode: number): Soon<string | undefined>
  rmdir(path: string): Soon<void>
}

/** The same calls in two gaits. */
export interface Gaits {
  /** For what is short: blocks as long as the pace allows it. Ask again for each job. */
  quick(): Calls
  /** For what may take its time: through the thread pool, always. */
  readonly pooled: Calls
}

/** Both gaits. Calls that block tell `pace` how long they took. */
export function gaits(pace: Pace): Gaits {
  const blocking = blockingCalls(pace)
  return { quick: () => (pace.blocking() ? blocking : pooledCalls), pooled: pooledCalls }
}

function blockingCalls(pace: Pace): Calls {
  function timed<T>(call: () => T): T {
    const start = performance.now()
    try {
      return call()
    } finally {
      pace.took(performance.now() - start)
    }
  }
  return {
    open: (path, flags, mode) => timed(() => fs.openSync(path, flags, mode)),
    close: (file) => timed(() => fs.closeSync(file)),
    stat: (file) => timed(() => fs.fstatSync(file)),
    look: (path) => timed(() => lookSync(path)),
    truncate: (file, size) => timed(() => fs.ftruncateSync(file, size)),
    read: (file, into, position) => timed(() => fs.readSync(file, into, 0, into.length, position)),
    write: (file, chunks, position) => timed(() => writeSync(file, chunks, position)),
    syncData: pooledCalls.syncData,
    sync: pooledCalls.sync,
    rename: (from, to) => timed(() => fs.renameSync(from, to)),
    unlink: (path) => timed(() => fs.unlinkSync(path)),
    mkdir: (path, mode) => timed(() => fs.mkdirSync(path, { recursive: true, mode })),
    rmdir: (path) => timed(() => fs.rmdirSync(path)),
  }
}

function lookSync(path: string): fs.Stats | null {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false }) ?? null
  } catch (error) {
    return nullIfMissing(error)
  }
}

function writeSync(file: number, chunks: readonly Uint8Array[], position: number): number {
  const [only] = chunks
  if (only === undefined || chunks.length > 1) return fs.writevSync(file, chunks, position)
  return fs.writeSync(file, only, 0, only.length, position)
}

const pooledCalls: Calls = {
  open: (path, flags, mode) => answered<number>((done) => fs.open(path, flags, mode, done)),
  close: (file) => ended((done) => fs.close(file, done)),
  stat: (file) => answered<fs.Stats>((done) => fs.fstat(file, done)),
  look: (path) => answered<fs.Stats>((done) => fs.lstat(path, done)).catch(nullIfMissing),
  truncate: (file, size) => ended((done) => fs.ftruncate(file, size, done)),
  read: (file, into, position) => answered<number>((done) => fs.read(file, into, 0, into.length, position, done)),
  write: (file, chunks, position) => answered<number>((done) => fs.writev(file, chunks, position, done)),
  syncData: (file) => ended((done) => fs.fdatasync(file, done)),
  sync: (file) => ended((done) => fs.fsync(file, done)),
  rename: (from, to) => ended((done) => fs.rename(from, to, done)),
  unlink: (path) => ended((done) => fs.unlink(path, done)),
  mkdir: (path, mode) => answered<string | undefined>((done) => fs.mkdir(path, { recursive: true, mode }, done)),
  rmdir: (path) => ended((done) => fs.rmdir(path, done)),
}

type Ended = (error?: Error | null) => void
type Answered<T> = (error: Error | null, value: T) => void

/** One promise for one call with a callback: a third cheaper than `fs.promises`. */
export function ended(call: (done: Ended) => void): Promise<void> {
  return new Promise((resolve, reject) => call((error) => (error ? reject(error) : resolve())))
}

/** As {@link ended}, for a call that has an answer. */
export function answered<T>(call: (done: Answered<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => call((error, value) => (error ? reject(error) : resolve(value))))
}

function nullIfMissing(error: unknown): null {
  if (isMissing(error)) return null
  throw error
}
