import { mkdtempSync, rmSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bytes, Store, StoredUpload } from '../../../src/core/store.ts'
import { s3Store } from '../../../src/stores/s3.ts'
import { openRoom } from '../../cloud/support/room.ts'
import type { S3Kind } from '../../cloud/support/s3-server.ts'
import type { Kept } from './stores.ts'

/** The temporary folder while there are sites, in which the engine puts aside what a checksum may void. */
let temporary = ''
let usual: string | undefined
let sites = 0

function enter(): void {
  if (sites++ > 0) return
  temporary = mkdtempSync(join(tmpdir(), 'tusker-kept-'))
  usual = process.env['TMPDIR']
  process.env['TMPDIR'] = temporary
}

function leave(): void {
  if (--sites > 0) return
  if (usual === undefined) delete process.env['TMPDIR']
  else process.env['TMPDIR'] = usual
  rmSync(temporary, { recursive: true, force: true })
}

async function spooled(): Promise<number> {
  const names = (await readdir(temporary)).filter((name) => name.endsWith('.spool'))
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(temporary, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** Keeps uploads on a real server, under a prefix of its own. */
export function openKept(kind: S3Kind): Kept {
  enter()
  const room = openRoom(kind)
  const { store, handed } = watched(s3Store(room.options))
  const objectId = (id: string) => id.split('+', 1)[0] ?? id
  return {
    store,
    stored: async (id) =>
      (await room.read(objectId(id))) ?? (await room.read(`${objectId(id)}.part`)) ?? Buffer.alloc(0),
    files: () => room.keys(),
    held: async (id) => (handed.get(objectId(id)) ?? 0) + (await spooled()),
    again: () => s3Store(room.options),
    async close() {
      await room.close()
      leave()
    },
  }
}

/** Counts, for each upload, how far the bytes go that the store was handed: they may be in its memory for long. */
function watched(store: Store): { store: Store; handed: ReadonlyMap<string, number> } {
  const handed = new Map<string, number>()
  const watch = (stored: StoredUpload): StoredUpload => {
    const name = store.lockName?.(stored.upload.id) ?? stored.upload.id
    const append: StoredUpload['append'] = (bytes, saved) => stored.append(counted(bytes, stored.upload.offset), saved)
    async function* counted(bytes: Bytes, start: number): Bytes {
      let count = start
      for await (const batch of bytes) {
        for (const chunk of batch) count += chunk.length
        handed.set(name, count)
        yield batch
      }
    }
    return Object.create(stored, { append: { value: append, enumerable: true } })
  }
  return {
    handed,
    store: {
      ...store,
      create: async (upload) => watch(await store.create(upload)),
      open: async (id) => watch(await store.open(id)),
    },
  }
}
