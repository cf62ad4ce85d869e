import type { Store } from '../core/store.ts'
import { check } from './disk/check.ts'
import { diskNotes } from './disk/notes.ts'
import { create, open } from './disk/open.ts'
import { tidier } from './disk/orphans.ts'
import { type DiskStoreOptions, diskOf, start } from './disk/setup.ts'
import { list } from './disk/walk.ts'

export type { Durability } from './disk/files.ts'
export type { PaceOptions } from './disk/pace.ts'
export type { DiskStoreOptions } from './disk/setup.ts'

/**
 * Keeps uploads in a folder as tusd does: bytes in `<directory>/<id>`, the record beside them in `<id>.info`; an id with
 * slashes lies in sub-folders. Either server goes on with the uploads of the other.
 *
 * What is promised, by `durability`:
 *
 * - When the **process dies**, at any instant, nothing is lost that was acknowledged, whatever the durability. What was written
 *   goes to the operating system at once; the offset is the size of the file; records are replaced in one step; bytes
 *   whose checksum was not verified do not count.
 * - When the **power fails** or the kernel dies:
 *   - `none`: nothing is promised. What was written in the last half a minute or so may be gone, in any combination, also of
 *     uploads that were reported complete.
 *   - `finish`: an upload that was reported complete is whole: bytes, record and all folders on the way to them were
 *     brought to the disk before. One that was not complete may have lost bytes, or be gone, and bytes of its last half a minute
 *     may be wrong on file systems that write sizes before data.
 *   - `always`: so is every upload that was created, and every offset that was told to a client, in answers to HEAD as well.
 *     Costs a wait for the disk in each request.
 *
 * This rests on a disk that keeps what it says it wrote. Where a sync fails, the request fails, and bytes that no earlier sync
 * brought to the disk are dropped (`disk/doubts.ts` says why): with `finish` all of an upload that was not complete.
 *
 * Folders on a network (NFS, SMB) are fine if every process that serves them shares a locker. Sizes are asked for through files
 * that were just opened, which those file systems answer from the server.
 */
export function diskStore(options: DiskStoreOptions): Store {
  const disk = diskOf(options)
  return {
    name: 'disk',
    takesStorage: true,
    start: () => start(disk),
    create: (upload) => create(disk, upload),
    open: (id) => open(disk, id),
    list: () => list(disk),
    tidy: tidier(disk),
    check: () => check(disk),
    notes: diskNotes(disk),
  }
}
