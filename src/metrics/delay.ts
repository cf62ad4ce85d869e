import { performance } from 'node:perf_hooks'
import type { Histogram } from './cells.ts'

/** Time between two looks at the clock, in milliseconds. */
const STEP = 100

/**
 * Measures how late timers are: that long whatever else is ready has to wait as well. By a timer of our own, ten times a
 * second, and not by monitorEventLoopDelay: that one wakes the process fifty times a second, and tells percentiles over
 * its whole life, which nobody can add up over processes or time.
 * @returns what ends it
 */
export function measureDelay(into: Histogram): () => void {
  let due = 0
  let timer: NodeJS.Timeout
  const wait = (): void => {
    due = performance.now() + STEP
    timer = setTimeout(look, STEP).unref()
  }
  const look = (): void => {
    into.observe(Math.max(performance.now() - due, 0) / 1000)
    wait()
  }
  wait()
  return () => clearTimeout(timer)
}
