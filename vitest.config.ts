import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['test/heavy/**', 'test/clients/**', 'test/cloud/**'],
    // Long enough for a machine that stalls: a test that hangs is one that has failed, and that is rare
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // No module keeps state that a test could see, so a worker loads each of them once; it halves the time of the processor
    isolate: false,
    // Every other test waits for a process, a time limit or a disk
    maxWorkers: '200%',
  },
})
