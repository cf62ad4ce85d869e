import { defineConfig } from 'vitest/config'

/** These compare times or memory: each has the machine for itself, after all others. */
const MEASURE = ['abuse', 'flood', 'memory'].map((name) => `test/heavy/${name}.test.ts`)

const common = { testTimeout: 1_200_000, hookTimeout: 300_000, disableConsoleIntercept: true } as const

/**
 * Proofs that need minutes, processes to kill, and root on Linux (loop devices, PID namespaces). With TEST_ROUNDS=many those
 * that repeat random events do so more often.
 */
export default defineConfig({
  test: {
    pool: 'forks',
    teardownTimeout: 60_000,
    reporters: ['verbose'],
    projects: [
      {
        test: {
          ...common,
          name: 'events',
          include: ['test/heavy/**/*.test.ts'],
          exclude: MEASURE,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      { test: { ...common, name: 'measures', include: MEASURE, maxWorkers: 1, sequence: { groupOrder: 2 } } },
    ],
  },
})
