import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/clients/**/*.test.ts'],
    testTimeout: 240_000,
    hookTimeout: 240_000,
    // A client and its server are two processes, and a browser is many
    maxWorkers: 2,
  },
})
