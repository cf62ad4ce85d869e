import { describe, it } from 'vitest'
import type { Store } from '../../../src/core/store.ts'
import type { S3StoreOptions } from '../../../src/stores/s3/options.ts'
import { s3Store } from '../../../src/stores/s3.ts'
import { storeSuite } from '../../../src/testing/index.ts'
import { openRoom } from '../support/room.ts'
import type { S3Kind } from '../support/s3-server.ts'

export const MiB = 1 << 20
/** The smallest that both servers take. */
export const PART = 5 * MiB

/** `storeSuite` over a real server, with the smallest parts: what it sends fills several, and ends within, at and behind them. */
export function suiteOn(kind: S3Kind, options: Partial<S3StoreOptions> = {}): void {
  storeSuite(
    { describe, it },
    async () => {
      const room = openRoom(kind)
      const open = (): Store => s3Store({ ...room.options, partSize: PART, ...options })
      return {
        store: open(),
        reopen: async () => {
          const store = open()
          await store.start?.()
          return store
        },
        close: () => room.close(),
      }
    },
    { notes: true, sizes: [PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 70_000] },
  )
}
