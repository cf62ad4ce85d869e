import { writeSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { UploadError } from '../../core/errors.ts'
import type { Bytes, StoredUpload } from '../../core/store.ts'
import { type NewUpload, parseUploadId } from '../../core/upload.ts'
import { diskStore } from '../disk.ts'
import type { Calls } from './calls.ts'
import type { Disk, Durability } from './files.ts'
import { create, open } from './open.ts'
import { diskOf } from './setup.ts'

const id = parseUploadId('in/folder/abc')
const BEFORE = 'before'
const SMALL = 'small'
const LARGE = 'large'.repeat(40_000)

const upload: NewUpload = {
  id,
  length: null,
  metadata: new Map([['name', 'value']]),
  concat: null,
  completion: 'at_length',
  echo: {},
  createdAt: new Date('2026-01-01T00:00:00Z'),
  expiresAt: null,
}

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tusker-crash-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

/** A process that dies at one of its calls to the file system: that one is not made, or half made, and none after it. */
function mortal(disk: Disk, lives: number) {
  const real = disk.gaits.quick()
  let left = lives
  function live<T>(call: () => T): T {
    left--
    if (left < 0) throw new Error('the process is dead')
    return call()
  }
  const calls: Calls = {
    open: (path, flags, mode) => live(() => real.open(path, flags, mode)),
    // The kernel closes the files of the dead.
    close: (file) => real.close(file),
    stat: (file) => live(() => real.stat(file)),
    look: (path) => live(() => real.look(path)),
    truncate: (file, size) => live(() => real.truncate(file, size)),
    read: (file, into, position) => live(() => real.read(file, into, position)),
    write(file, chunks, position) {
      if (left > 0) return live(() => real.write(file, chunks, position))
      const bytes = Buffer.concat(chunks)
      if (left === 0) writeSync(file, bytes, 0, bytes.length >> 1, position)
      return live(() => 0)
    },
    syncData: (file) => live(() => real.syncData(file)),
    sync: (file) => live(() => real.sync(file)),
    rename: (from, to) => live(() => real.rename(from, to)),
    unlink: (path) => live(() => real.unlink(path)),
    mkdir: (path, mode) => live(() => real.mkdir(path, mode)),
    rmdir: (path) => live(() => real.rmdir(path)),
  }
  return { disk: { ...disk, gaits: { quick: () => calls, pooled: calls } }, isDead: () => left < 0 }
}

async function* text(...batches: readonly string[]): Bytes {
  for (const batch of batches) yield [Buffer.from(batch)]
}

async function contentOf(stored: StoredUpload): Promise<string> {
  let all = ''
  for await (const batch of stored.read()) all += Buffer.concat(batch).toString()
  return all
}

/** What is there after the crash: the content, and whether it is complete; null if there is no upload. */
async function leftBehind(): Promise<{ content: string; complete: boolean; length: number | null } | null> {
  const stored = await diskStore({ directory, durability: 'none' })
    .open(id)
    .catch((error: unknown) => {
      if (error instanceof UploadError && error.code === 'upload_not_found') return null
      throw error
    })
  if (stored === null) return null
  const { complete, length, metadata } = stored.upload
  expect([...metadata]).toEqual([...upload.metadata])
  return { content: await contentOf(stored), complete, length }
}

/**
 * Does `job` again and again, each time in an empty folder prepared by `prepare`, and dies one call later each time, until it
 * survives. Returns what was there after each death.
 */
async function everyDeath(
  durability: Durability,
  prepare: (disk: Disk) => Promise<unknown>,
  job: (disk: Disk) => Promise<unknown>,
  inspect: () => Promise<void>,
): Promise<number> {
  for (let lives = 0; ; lives++) {
    await rm(directory, { recursive: true, force: true })
    const healthy = diskOf({ directory, durability, pace: { slow: Number.POSITIVE_INFINITY } })
    await prepare(healthy)
    const { disk, isDead } = mortal(healthy, lives)
    const failed = await job(disk).then(
      () => false,
      () => true,
    )
    await inspect()
    if (!isDead()) {
      expect(failed).toBe(false)
      return lives
    }
  }
}

async function begun(disk: Disk): Promise<StoredUpload> {
  const stored = await create(disk, upload)
  await stored.append(text(BEFORE))
  return stored
}

const checked = async (disk: Disk, good: boolean, ...batches: readonly string[]) =>
  (await open(disk, id)).appendChecked?.(text(...batches), () => good)

describe.each(['none', 'always'] as const)('a process that dies at any call, durability %s', (durability) => {
  it('in a creation leaves an upload, or nothing that stays or keeps the id', async () => {
    const deaths = await everyDeath(
      durability,
      async () => undefined,
      (disk) => create(disk, upload),
      async () => {
        const found = await leftBehind()
        expect([null, '']).toContain(found?.content ?? null)
        if (found !== null) return
        const store = diskStore({ directory, durability: 'none' })
        for await (const left of store.list()) await store.tidy(left, new Date(Date.now() + 60_000))
        expect(await filesIn(directory)).toEqual([])
      },
    )
    expect(deaths).toBeGreaterThan(5)
  })

  it('in an append keeps a prefix', async () => {
    await everyDeath(
      durability,
      begun,
      async (disk) => (await open(disk, id)).append(text(SMALL, SMALL)),
      async () => {
        const found = await leftBehind()
        expect(`${BEFORE}${SMALL}${SMALL}`.startsWith(found?.content ?? 'nothing')).toBe(true)
        expect(found?.content.startsWith(BEFORE)).toBe(true)
      },
    )
  })

  it('in a checked append of a large body keeps all of it or nothing, and what follows is whole', async () => {
    const seen = new Set<string>()
    await everyDeath(
      durability,
      begun,
      (disk) => checked(disk, true, LARGE, SMALL),
      async () => {
        const { content = '' } = (await leftBehind()) ?? {}
        expect([BEFORE, `${BEFORE}${LARGE}${SMALL}`]).toContain(content)
        seen.add(content)
        const stored = await diskStore({ directory, durability }).open(id)
        await stored.append(text(SMALL))
        expect((await leftBehind())?.content).toBe(`${content}${SMALL}`)
      },
    )
    expect(seen.size).toBe(2)
  })

  it('in a checked append that does not pass keeps nothing of it', async () => {
    await everyDeath(
      durability,
      begun,
      (disk) => checked(disk, false, LARGE, SMALL),
      async () => expect((await leftBehind())?.content).toBe(BEFORE),
    )
  })

  it('while it drops what a dead process left unchecked keeps what counts', async () => {
    const seen = new Set<string | undefined>()
    const prepare = async (disk: Disk) => {
      await begun(disk)
      const dying = async function* () {
        yield* text(LARGE, LARGE)
        throw new UploadError('lock_lost')
      }
      await expect((await open(disk, id)).appendChecked?.(dying(), () => true)).rejects.toThrow('lock')
      expect((await readFile(join(directory, id))).length).toBeGreaterThan(BEFORE.length)
    }
    for (const job of [
      async (disk: Disk) => (await open(disk, id)).append(text(SMALL)),
      async (disk: Disk) => checked(disk, true, SMALL),
      async (disk: Disk) => checked(disk, true, LARGE),
      async (disk: Disk) => (await open(disk, id)).finish(),
      async (disk: Disk) => (await open(disk, id)).setLength(10),
    ]) {
      await everyDeath(durability, prepare, job, async () => {
        const found = await leftBehind()
        seen.add(found?.content)
        expect(
          `${BEFORE}${SMALL}`.startsWith(found?.content ?? 'nothing') || found?.content === `${BEFORE}${LARGE}`,
        ).toBe(true)
        expect(found?.content.startsWith(BEFORE)).toBe(true)
      })
    }
    expect(seen).toContain(`${BEFORE}${LARGE}`)
    expect(seen).toContain(`${BEFORE}${SMALL}`)
  })

  it('in finish leaves a complete upload or one that can be finished', async () => {
    const seen = new Set<boolean | undefined>()
    await everyDeath(
      durability,
      begun,
      async (disk) => (await open(disk, id)).finish(),
      async () => {
        const found = await leftBehind()
        expect(found?.content).toBe(BEFORE)
        seen.add(found?.complete)
        await (await diskStore({ directory, durability }).open(id)).finish()
        expect(await leftBehind()).toMatchObject({ content: BEFORE, complete: true })
      },
    )
    expect(seen).toEqual(new Set([false, true]))
  })

  it('in setLength leaves the length declared or not', async () => {
    const seen = new Set<number | null | undefined>()
    await everyDeath(
      durability,
      begun,
      async (disk) => (await open(disk, id)).setLength(20),
      async () => {
        const found = await leftBehind()
        expect(found?.content).toBe(BEFORE)
        seen.add(found?.length)
      },
    )
    expect(seen).toEqual(new Set([null, 20]))
  })

  it('in a removal leaves the whole upload, or none and what a sweep finds', async () => {
    await everyDeath(
      durability,
      begun,
      async (disk) => (await open(disk, id)).remove(),
      async () => {
        const found = await leftBehind()
        if (found !== null) return expect(found.content).toBe(BEFORE)
        const store = diskStore({ directory, durability: 'none' })
        for await (const left of store.list()) await store.tidy(left, new Date(Date.now() + 60_000))
        expect(await filesIn(directory)).toEqual([])
      },
    )
  })

  it('while it takes over an upload of tusd never makes it complete, nor loses it', async () => {
    const record = JSON.stringify({ ID: id, Size: 11, MetaData: { name: 'value' } })
    await everyDeath(
      durability,
      async (disk) => {
        await (await create(disk, upload)).append(text(BEFORE))
        await writeFile(join(directory, `${id}.info`), record)
      },
      async (disk) => (await open(disk, id)).append(text(SMALL)),
      async () => {
        const found = await leftBehind()
        expect(found?.complete).toBe(false)
        expect(`${BEFORE}${SMALL}`.startsWith(found?.content ?? 'nothing')).toBe(true)
      },
    )
  })
})

async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name)
}
