import { describe, it } from 'vitest'
import { storeSuite } from '../testing/store-suite.ts'
import { memoryStore } from './memory.ts'

storeSuite(
  { describe, it },
  async () => {
    const store = memoryStore()
    // What it keeps, it keeps in the store itself: there is no other to be had.
    return { store, reopen: async () => store, close: async () => undefined }
  },
  { notes: true },
)
