import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { storeSuite } from '../testing/store-suite.ts'
import { type Durability, diskStore } from './disk.ts'

const WAYS: readonly { readonly durability: Durability; readonly slow: number; readonly calls: string }[] = [
  { durability: 'none', slow: Number.POSITIVE_INFINITY, calls: 'that block' },
  { durability: 'finish', slow: 0, calls: 'through the thread pool' },
  { durability: 'always', slow: Number.POSITIVE_INFINITY, calls: 'that block' },
]

for (const { durability, slow, calls } of WAYS) {
  describe(`disk store, durability ${durability}, calls ${calls}`, () => {
    const make = async () => {
      const directory = await mkdtemp(join(tmpdir(), 'tusker-disk-'))
      const open = () => diskStore({ directory, durability, pace: { slow } })
      return {
        store: open(),
        reopen: async () => open(),
        close: () => rm(directory, { recursive: true, force: true }),
      }
    }
    storeSuite({ describe, it }, make, { appendChecked: true, notes: true })
  })
}
