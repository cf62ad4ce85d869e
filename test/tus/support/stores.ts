import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Store } from '../../../src/core/store.ts'
import { diskStore } from '../../../src/stores/disk.ts'

/** What keeps the uploads of a site, and how a test looks into it from behind. */
export interface Kept {
  readonly store: Store
  /** The bytes of an upload, finished or not; none if there are none. */
  stored(id: string): Promise<Buffer>
  /** Names of all that is there, sorted. */
  files(): Promise<string[]>
  /** How many bytes of an upload the store was handed so far, or are put aside for it. */
  held(id: string): Promise<number>
  /** The same uploads through a store of their own, as in another process. */
  again(): Store
  /** Removes what a folder of the site does not take with it. */
  close(): Promise<void>
}

const kind = process.env['TUSKER_STORE']
const inS3 = kind === 'ceph' || kind === 'swift'

/** An id that the server made, as a regular expression. */
export const MADE_ID = inS3 ? String.raw`[0-9a-f]{32}\+[\w.~=-]+` : '[0-9a-f]{32}'

/** Names of what is kept of an upload with such an id. */
export const MADE_FILE = inS3 ? /^[0-9a-f]{32}(\.info|\.part)?$/ : /^[0-9a-f]{32}(\.info)?$/

/** The largest length that the store takes. */
export const LARGEST = inS3 ? 5 * 2 ** 40 : Number.MAX_SAFE_INTEGER

/** What counts as at once, in milliseconds: to let go of an upload takes a call or two to its store. */
export const AT_ONCE = inS3 ? 15_000 : 1_000

/** How long a test waits for an answer before it fails, in milliseconds. */
export const PATIENCE = 60_000

/** Whether bytes are stored as they come. In S3 they are when they are enough for a part, or the request ends. */
export const storesAtOnce = !inS3

/** Keeps uploads in a folder, by `store` if the test brings one. */
function onDisk(directory: string, store: Store | null): Kept {
  const files = async () => (await readdir(directory, { recursive: true })).sort()
  return {
    store: store ?? diskStore({ directory }),
    stored: async (id) => await readFile(join(directory, id)).catch(() => Buffer.alloc(0)),
    files,
    async held(id) {
      const own = (await files()).filter((name) => name.startsWith(id) && !name.includes('.info'))
      const sizes = await Promise.all(own.map(async (name) => (await stat(join(directory, name))).size))
      return sizes.reduce((sum, size) => sum + size, 0)
    },
    again: () => diskStore({ directory }),
    close: async () => undefined,
  }
}

/**
 * What the sites of a suite keep their uploads in: a folder, or, with TUSKER_STORE=ceph or swift, a bucket of a real server
 * (npm run test:cloud). A store that a test brings itself is on the disk.
 */
export async function keep(directory: string, store: Store | null): Promise<Kept> {
  if (store !== null || (kind !== 'ceph' && kind !== 'swift')) return onDisk(directory, store)
  // Not before it is needed: the SDK takes its time
  const { openKept } = await import('./s3-kept.ts')
  return openKept(kind)
}
