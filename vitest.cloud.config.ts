import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { defineConfig } from 'vitest/config'

/** Patient: the servers share the cores with everything else. */
const patience = { testTimeout: 120_000, hookTimeout: 120_000, expect: { poll: { timeout: 30_000 } } }

/** What most methods of a store have a part in, for a second opinion: `TEST_SWIFT=1`, as it takes minutes. */
const CORE = ['patch', 'concatenation', 'termination']

/** Who has a tusd tries it, too. There is no package of it, so elsewhere these tests do not exist. */
const hasTusd = (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'tusd')))

/**
 * The store for S3 over real servers, Ceph's gateway and Swift's s3api, which are started once for the whole run; then the
 * transcripts of the protocols with that store behind them. Needs the packages of scripts/install-test-tools.sh, and nothing from
 * the network.
 */
export default defineConfig({
  test: {
    globalSetup: ['test/cloud/support/servers.ts'],
    teardownTimeout: 60_000,
    // Tests wait for the servers most of the time
    maxWorkers: '100%',
    projects: [
      {
        test: {
          ...patience,
          name: 'cloud',
          include: ['test/cloud/**/*.test.ts'],
          exclude: hasTusd ? [] : ['test/cloud/tusd/real.test.ts'],
        },
      },
      {
        test: {
          ...patience,
          name: 'ceph',
          include: ['test/{tus,ietf}/**/*.test.ts'],
          env: { TUSKER_STORE: 'ceph', TUSKER_DOORS: 'node' },
        },
      },
      ...(process.env['TEST_SWIFT']
        ? [
            {
              test: {
                ...patience,
                name: 'swift',
                include: CORE.map((name) => `test/tus/${name}.test.ts`),
                env: { TUSKER_STORE: 'swift', TUSKER_DOORS: 'node' },
              },
            },
          ]
        : []),
    ],
  },
})
