import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { UploadError } from '../../core/errors.ts'
import type { Bytes } from '../../core/store.ts'
import { type NewUpload, parseUploadId } from '../../core/upload.ts'
import type { Calls } from './calls.ts'
import type { Disk, Durability } from './files.ts'
import { create, open } from './open.ts'
import { diskOf } from './setup.ts'

const upload: NewUpload = {
  id: parseUploadId('in/abc'),
  length: null,
  metadata: new Map(),
  concat: null,
  completion: 'at_length',
  echo: {},
  createdAt: new Date(),
  expiresAt: null,
}
const LARGE = 'x'.repeat(100_000)

let directory: string
beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'tusker-durable-')))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

/** A store on a real folder that notes, in order, what changes there and what is brought to the disk. */
function noted(durability: Durability) {
  const disk = diskOf({ directory, durability })
  const real = disk.gaits.pooled
  const names = new Map<number, string>()
  const notes: string[] = []
  const nameOf = (path: string) => relative(directory, path).replace(/\.[0-9a-z]+\.tmp$/, '.tmp') || 'root'
  const calls: Calls = {
    ...real,
    async open(path, flags, mode) {
      const file = await real.open(path, flags, mode)
      names.set(file, nameOf(path))
      return file
    },
    write(file, chunks, position) {
      notes.push(`write ${names.get(file)}`)
      return real.write(file, chunks, position)
    },
    truncate(file, size) {
      notes.push(`truncate ${names.get(file)}`)
      return real.truncate(file, size)
    },
    async syncData(file) {
      await real.syncData(file)
      notes.push(`sync ${names.get(file)}`)
    },
    async sync(file) {
      await real.sync(file)
      notes.push(`sync ${names.get(file)}`)
    },
    rename(from, to) {
      notes.push(`rename ${nameOf(to)}`)
      return real.rename(from, to)
    },
    unlink(path) {
      notes.push(`unlink ${nameOf(path)}`)
      return real.unlink(path)
    },
  }
  const noting: Disk = {
    ...disk,
    gaits: { quick: () => calls, pooled: calls },
    async syncFolder(folder) {
      await disk.syncFolder(folder)
      notes.push(`sync ${nameOf(folder)}`)
    },
  }
  return {
    disk: noting,
    /** What happened since it was asked last. Folders are synced side by side, in any order. */
    take() {
      const taken = notes.splice(0).join(', ')
      return taken.replaceAll('sync root, sync in', 'sync in, sync root')
    },
  }
}

async function* text(...batches: readonly string[]): Bytes {
  for (const batch of batches) yield [Buffer.from(batch)]
}

const NAMES = 'sync in, sync root'
const RECORD = 'write in/abc.info.tmp, rename in/abc.info'
const SAFE_RECORD = 'write in/abc.info.tmp, sync in/abc.info.tmp, rename in/abc.info'

describe('durability none', () => {
  it('syncs nothing, ever', async () => {
    const { disk, take } = noted('none')
    const stored = await create(disk, upload)
    await stored.append(text('one'))
    await stored.appendChecked?.(text(LARGE), () => false)
    await stored.setLength(3)
    await (await open(disk, upload.id)).finish()
    await stored.remove()
    expect(take()).not.toContain('sync')
  })
})

describe('durability finish', () => {
  it('syncs bytes and record before the record says complete, then all names on the way', async () => {
    const { disk, take } = noted('finish')
    const stored = await create(disk, upload)
    await stored.append(text('one', 'two'))
    expect(take()).toBe(`${RECORD}, write in/abc, write in/abc`)
    await stored.finish()
    expect(take()).toBe(`sync in/abc, ${SAFE_RECORD}, ${NAMES}`)
  })

  it('repeats the syncs when finish is repeated: the process may have died in between', async () => {
    const { disk, take } = noted('finish')
    await (await create(disk, upload)).finish()
    take()
    await (await open(disk, upload.id)).finish()
    expect(take()).toBe(`sync in/abc, ${NAMES}`)
  })

  it('has it on the disk that bytes do not count yet before there are any', async () => {
    const { disk, take } = noted('finish')
    const stored = await create(disk, upload)
    take()
    await stored.appendChecked?.(text(LARGE), () => false)
    expect(take()).toBe(`${SAFE_RECORD}, ${NAMES}, write in/abc, truncate in/abc, sync in/abc, ${SAFE_RECORD}`)
  })

  it('never puts a record that is not on the disk in place of one that is', async () => {
    const { disk, take } = noted('finish')
    const stored = await create(disk, upload)
    take()
    await stored.setLength(5)
    expect(take()).toBe(SAFE_RECORD)
  })
})

describe('durability always', () => {
  it('has everything on the disk before anything is acknowledged', async () => {
    const { disk, take } = noted('always')
    const stored = await create(disk, upload)
    expect(take()).toBe(`sync in/abc, ${SAFE_RECORD}, ${NAMES}`)
    await stored.append(text('one', 'two'))
    expect(take()).toBe('write in/abc, write in/abc, sync in/abc')
    await stored.appendChecked?.(text('small'), () => true)
    expect(take()).toBe('write in/abc, sync in/abc')
    await stored.setLength(100_011)
    expect(take()).toBe(`${SAFE_RECORD}, ${NAMES}`)
    await stored.appendChecked?.(text(LARGE), () => true)
    expect(take()).toBe(`${SAFE_RECORD}, ${NAMES}, write in/abc, sync in/abc, ${SAFE_RECORD}, ${NAMES}`)
    await stored.finish()
    expect(take()).toBe(`sync in/abc, ${SAFE_RECORD}, ${NAMES}`)
    await open(disk, upload.id)
    expect(take()).toBe('')
    await stored.remove()
    expect(take()).toBe(`unlink in/abc, unlink in/abc.info, ${NAMES}`)
  })

  it('syncs what a dead process may have left in memory before it tells an offset', async () => {
    const { disk } = noted('none')
    await (await create(disk, upload)).append(text('one'))
    const later = noted('always')
    await open(later.disk, upload.id)
    expect(later.take()).toBe(`sync in/abc, ${NAMES}`)
  })

  it('drops what was not checked, for good, before it adds to what counts', async () => {
    const { disk, take } = noted('always')
    const stored = await create(disk, upload)
    const dying = async function* () {
      yield* text(LARGE)
      throw new UploadError('lock_lost')
    }
    await expect(stored.appendChecked?.(dying(), () => true)).rejects.toThrow('lock')
    const again = await open(disk, upload.id)
    take()
    await again.append(text('one'))
    expect(take()).toBe(`truncate in/abc, sync in/abc, ${SAFE_RECORD}, ${NAMES}, write in/abc, sync in/abc`)
  })
})
