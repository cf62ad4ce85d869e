import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { fileLocker } from '../../../src/lockers/file.ts'
import { diskStore } from '../../../src/stores/disk.ts'
import { createUploads } from '../../../src/uploads.ts'
import { fingerprint, sha256Of } from './content.ts'
import { BrokenPromise, type Entry } from './ledger.ts'

/** A folder that is removed when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tusker-heavy-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))
  return folder
}

/** A sign of life of the file locker: `.locks/owners/<token>/<number>`. */
const OWNER = /^\.locks\/owners\/([^/]+)\/\d+$/

/** What an upload folder holds. */
export interface Inventory {
  /** Ids that have a record. */
  readonly records: ReadonlySet<string>
  /** Ids that have data. */
  readonly data: ReadonlySet<string>
  /** Servers that have announced themselves to the others; one that was killed stays until another sees that it is dead. */
  readonly owners: ReadonlySet<string>
  /** Everything else: locks, messages about them, temporary files. */
  readonly others: readonly string[]
}

/** Lists a folder, sub-folders too. Names that vanish meanwhile are no matter. */
export async function inventory(folder: string): Promise<Inventory> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  const names = found
    .filter((one) => !one.isDirectory())
    .map((one) => join(one.parentPath, one.name).slice(folder.length + 1))
  const isRecord = (name: string): boolean => /^[0-9a-f]{32}\.info$/.test(name)
  const isData = (name: string): boolean => /^[0-9a-f]{32}$/.test(name)
  return {
    records: new Set(names.filter(isRecord).map((name) => name.slice(0, -'.info'.length))),
    data: new Set(names.filter(isData)),
    owners: new Set(names.flatMap((name) => OWNER.exec(name)?.[1] ?? [])),
    others: names.filter((name) => !isRecord(name) && !isData(name) && !OWNER.test(name)),
  }
}

/** Lists what should not be there once all servers have ended in an orderly way. */
export async function leftovers(folder: string): Promise<readonly string[]> {
  const { owners, others } = await inventory(folder)
  return [...others, ...owners]
}

/** The id in the path of an upload's URL. */
export function idOf(entry: Entry): string {
  const id = entry.path?.split('/').at(-1)
  if (id === undefined) throw new Error(`${entry.key} was not created yet`)
  return id
}

/** Bytes that the file of an upload holds; 0 if there is none yet. */
export async function bytesOnDisk(folder: string, entry: Entry): Promise<number> {
  return stat(join(folder, idOf(entry))).then(
    (found) => found.size,
    () => 0,
  )
}

/** What the sweep of a running server removes from a folder two days from now. Uploads of which no part expired stay. */
export async function sweepInTwoDays(folder: string): Promise<void> {
  const uploads = await createUploads({
    store: diskStore({ directory: folder }),
    locker: fileLocker({ directory: folder }),
  })
  await uploads.engine.sweep(new Date(Date.now() + 2 * 24 * 60 * 60 * 1000))
  await uploads.close()
}

/** Compares the file of a complete upload with what was sent. Throws `BrokenPromise` if it differs. */
export async function proveOnDisk(folder: string, entry: Entry): Promise<void> {
  if (entry.length === 0 && (await bytesOnDisk(folder, entry)) === 0) return
  const found = await fingerprint(join(folder, idOf(entry)))
  if (found.size !== entry.length || found.sha256 !== sha256Of(entry.content, entry.length))
    throw new BrokenPromise(
      `${entry.key} (${entry.path}): the file has ${found.size} bytes of ${entry.length}, and is not what was sent`,
    )
}
