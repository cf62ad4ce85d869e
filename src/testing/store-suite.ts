import type { SuiteRunner } from './runner.ts'
import { appendTests } from './store-suite/append.ts'
import { appendCheckedTests } from './store-suite/checked.ts'
import { createTests } from './store-suite/create.ts'
import { finishTests } from './store-suite/finish.ts'
import { notesTests } from './store-suite/notes.ts'
import { readTests } from './store-suite/read.ts'
import { removeTests } from './store-suite/remove.ts'
import type { It, StoreUnderTest } from './store-suite/testbed.ts'

export type { StoreUnderTest } from './store-suite/testbed.ts'

/** What is special about a store. */
export interface Shortcuts {
  /** Whether it claims to have the optional method, which is not tested unless it does. */
  readonly appendChecked?: boolean
  /** Whether it claims to keep notes, which are not tested unless it does. */
  readonly notes?: boolean
  /** Bytes where its own parts begin and end: uploads of these sizes are tried beside the usual ones. */
  readonly sizes?: readonly number[]
}

/** What every store must show. `make` is called once for each test. */
export function storeSuite(runner: SuiteRunner, make: () => Promise<StoreUnderTest>, shortcuts: Shortcuts = {}): void {
  const { describe } = runner
  const it: It = (name, body) =>
    runner.it(name, async () => {
      const made = await make()
      try {
        await made.store.start?.()
        await body(made)
      } finally {
        await made.close()
      }
    })
  describe('create', () => createTests(it))
  describe('append', () => appendTests(it, shortcuts.sizes ?? []))
  if (shortcuts.appendChecked) describe('appendChecked', () => appendCheckedTests(it))
  describe('setLength and finish', () => finishTests(it))
  describe('read', () => readTests(it))
  if (shortcuts.notes) describe('notes', () => notesTests(it))
  describe('remove, list and tidy', () => removeTests(it))
}
