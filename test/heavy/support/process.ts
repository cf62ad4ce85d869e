import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'

const KIB = 1024

/** Memory of a process in bytes: resident now, and the most that it ever was. */
export function memoryOf(pid: number): { readonly resident: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const value = (name: string): number => {
    const text = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]
    if (text === undefined) throw new Error(`no ${name} in /proc/${pid}/status`)
    return Number(text) * KIB
  }
  return { resident: value('VmRSS'), peak: value('VmHWM') }
}

/** Open files, sockets and the like of a process. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** What was seen of a process, as medians. */
export interface Watched {
  /** Resident memory in bytes. */
  readonly usual: number
  /** How much too late timers of this process were, in milliseconds: how busy the machine is. */
  readonly late: number
}

const INTERVAL = 50

/** Watches resident memory until stopped. */
export function watchMemory(pid: number): { stop(): Promise<Watched> } {
  const over = new AbortController()
  const seen: number[] = []
  const late: number[] = []
  async function watch(): Promise<void> {
    // Ends with the process, too.
    while (!over.signal.aborted && existsSync(`/proc/${pid}/fd/0`)) {
      seen.push(memoryOf(pid).resident)
      const begun = performance.now()
      await setTimeout(INTERVAL, undefined, { signal: over.signal }).catch(() => undefined)
      late.push(performance.now() - begun - INTERVAL)
    }
  }
  const watching = watch()
  return {
    async stop() {
      over.abort()
      await watching
      return { usual: median(seen), late: median(late) }
    },
  }
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((one, other) => one - other)[numbers.length >> 1] ?? Number.NaN
}

/** For people: `123.4 MiB`. */
export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
