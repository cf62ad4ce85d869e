// @ts-check
/**
 * What must be undone, whatever ends the run: its normal end, an error, Ctrl-C. Everything here is synchronous, because nothing else runs
 * when a process exits.
 */
export function createEnding() {
  /** @type {Set<() => void>} */
  const duties = new Set()
  const end = () => {
    // The last first: servers before their folders
    for (const duty of [...duties].reverse()) duty()
    duties.clear()
  }
  process.on('exit', end)
  for (const [signal, number] of /** @type {const} */ ([
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ])) {
    process.on(signal, () => process.exit(128 + number))
  }
  return {
    /**
     * Returns a function that does it now, once.
     * @param {() => void} undo
     */
    owe(undo) {
      const duty = () => {
        if (duties.delete(duty)) undo()
      }
      duties.add(duty)
      return duty
    },
  }
}

/** @typedef {ReturnType<typeof createEnding>} Ending */
