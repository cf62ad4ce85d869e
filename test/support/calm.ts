import { performance } from 'node:perf_hooks'

/** Between two ticks of a clock, in milliseconds. */
const TICK = 5
/** What a tick counts at most: for one that comes later, this process was not let run. */
const MOST = 20

/**
 * Measures how long something takes, by a clock that stands while the machine does: time in which this process, too, did not
 * get to run is not counted. For bounds that tell "at once" from "after a time-out".
 * @returns milliseconds, and what came of it
 */
export async function timed<T>(act: () => Promise<T>): Promise<{ readonly result: T; readonly took: number }> {
  let took = 0
  let last = performance.now()
  const tick = (): void => {
    const now = performance.now()
    took += Math.min(now - last, MOST)
    last = now
  }
  const ticking = setInterval(tick, TICK)
  try {
    const result = await act()
    tick()
    return { result, took }
  } finally {
    clearInterval(ticking)
  }
}

/** A gap in which a time limit of a few hundred milliseconds may run out before what it waits for is seen. */
const STALL = 100
/** For how long a stall may have an effect, in milliseconds. */
const AFTERMATH = 60_000

let lastStall = Number.NEGATIVE_INFINITY
let lastTick = performance.now()
setInterval(() => {
  const now = performance.now()
  if (now - lastTick > STALL) lastStall = now
  lastTick = now
}, TICK).unref()

/**
 * For tests in which a limit of milliseconds must not run out too early: such a test is run again if it fails and the machine
 * stalled meanwhile, and only then. `test('...', { retry: afterStalls }, ...)`
 */
export const afterStalls = { count: 9, condition: (): boolean => performance.now() - lastStall < AFTERMATH }
