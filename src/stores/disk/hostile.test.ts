import { rmdirSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Bytes, StoredUpload } from '../../core/store.ts'
import { type NewUpload, parseUploadId } from '../../core/upload.ts'
import type { Calls } from './calls.ts'
import type { Disk, Durability } from './files.ts'
import { create, open } from './open.ts'
import { diskOf } from './setup.ts'

const upload: NewUpload = {
  id: parseUploadId('in/folder/abc'),
  length: null,
  metadata: new Map(),
  concat: null,
  completion: 'at_length',
  echo: {},
  createdAt: new Date(),
  expiresAt: null,
}

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tusker-hostile-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

/** A store on a real folder, some of whose calls behave as file systems may. */
function hostile(change: (real: Calls) => Partial<Calls>, durability: Durability = 'none'): Disk {
  const disk = diskOf({ directory, durability })
  const calls = { ...disk.gaits.pooled, ...change(disk.gaits.pooled) }
  return { ...disk, gaits: { quick: () => calls, pooled: calls } }
}

function failing(code: string): never {
  throw Object.assign(new Error(code), { code })
}

async function* batches(...all: readonly (readonly string[])[]): Bytes {
  for (const batch of all) yield batch.map((chunk) => Buffer.from(chunk))
}

async function contentOf(stored: StoredUpload): Promise<string> {
  let all = ''
  for await (const batch of stored.read()) all += Buffer.concat(batch).toString()
  return all
}

const long = (letter: string) => letter.repeat(30_000)

describe('on a file system', () => {
  it.each([1, 7, 9999, 30_000, 45_000])(
    'that writes and reads only %i bytes at once, all bytes arrive',
    async (most) => {
      const steps = most < 10 ? ['abcdefghijkl', 'mn', 'opqrstuvwxyz'] : [long('a'), 'b', long('c')]
      const disk = hostile((real) => ({
        write: (file, chunks, position) => real.write(file, [Buffer.concat(chunks).subarray(0, most)], position),
        read: (file, into, position) => real.read(file, into.subarray(0, most), position),
      }))
      const stored = await create(disk, upload)
      await stored.append(batches(steps, ['next'], steps))
      expect(await contentOf(await open(disk, upload.id))).toBe(`${steps.join('')}next${steps.join('')}`)
    },
  )

  it('that takes nothing an append fails, instead of trying forever', async () => {
    const disk = hostile(() => ({ write: () => 0 }))
    await expect(create(disk, upload)).rejects.toMatchObject({ code: 'storage_failed' })
    expect(await readdir(directory)).toEqual([])
  })

  it('on which the folder vanishes between its creation and that of the file, creation tries again', async () => {
    let vanished = 0
    const disk = hostile((real) => ({
      async mkdir(path, mode) {
        await real.mkdir(path, mode)
        if (vanished++ < 3) rmdirSync(path)
        return undefined
      },
    }))
    await create(disk, upload)
    expect(vanished).toBe(4)
    expect((await open(disk, upload.id)).upload.offset).toBe(0)
  })

  it('on which the folder always vanishes, creation fails in the end', async () => {
    const disk = hostile(() => ({ mkdir: () => undefined }))
    await expect(create(disk, upload)).rejects.toMatchObject({ code: 'storage_failed' })
  })

  it.each([
    ['ENOSPC', 'storage_full'],
    ['EDQUOT', 'storage_full'],
    ['EMFILE', 'storage_busy'],
    ['EROFS', 'storage_failed'],
    ['EIO', 'storage_failed'],
    ['ESTALE', 'storage_failed'],
  ])(
    'that fails with %s, clients get %s, operators a hint, and a failed creation leaves nothing',
    async (code, expected) => {
      const fail = () => failing(code)
      const waysToFail: readonly ((real: Calls) => Partial<Calls>)[] = [
        () => ({ open: fail }),
        () => ({ write: fail }),
        () => ({ rename: fail }),
        () => ({ mkdir: fail }),
        (real) => ({ close: async (file) => (await real.close(file)) ?? fail() }),
      ]
      const error = { code: expected, details: { hint: expect.stringContaining(code) }, cause: { code } }
      for (const way of waysToFail) {
        await expect(create(hostile(way), upload), String(way)).rejects.toMatchObject(error)
        expect(await readdir(directory), String(way)).toEqual([])
      }
      const stored = await create(
        hostile(() => ({ stat: fail })),
        upload,
      )
      await expect(stored.append(batches(['x']))).rejects.toMatchObject(error)
      await expect(
        open(
          hostile(() => ({ read: fail })),
          upload.id,
        ),
      ).rejects.toMatchObject(error)
    },
  )

  it('that writes only when a file is closed, a failing close fails the append', async () => {
    let closes = 0
    const disk = hostile((real) => ({
      async close(file) {
        await real.close(file)
        if (++closes === 3) failing('EDQUOT')
      },
    }))
    const stored = await create(disk, upload)
    await expect(stored.append(batches(['x']))).rejects.toMatchObject({ code: 'storage_full' })
  })

  it('on which reading takes long, a file is not closed while it is read', async () => {
    const events: string[] = []
    let release = () => undefined as void
    const disk = hostile((real) => ({
      async read(file, into, position) {
        if (position > 0) await new Promise<void>((resolve) => (release = resolve))
        events.push(`read ${position}`)
        return real.read(file, into, position)
      },
      close(file) {
        events.push('close')
        return real.close(file)
      },
    }))
    const stored = await create(disk, upload)
    await stored.append(batches(Array.from({ length: 20 }, () => long('x'))))
    events.length = 0
    const reading = stored.read()[Symbol.asyncIterator]()
    await reading.next()
    const left = reading.return?.()
    release()
    await left
    expect(events).toEqual(['read 0', 'read 262144', 'close'])
  })
})

describe('with durability always', () => {
  it.each(['append', 'appendChecked'] as const)('what cannot be synced does not count: %s', async (method) => {
    let broken = false
    const syncData = (real: Calls) => (file: number) => (broken ? failing('EIO') : real.syncData(file))
    const disk = hostile((real) => ({ syncData: async (file) => syncData(real)(file) }), 'always')
    const stored = await create(disk, upload)
    await stored.append(batches(['kept']))
    broken = true
    const job = async () => stored[method]?.(batches(['lost'], [long('x'), long('y'), long('z')]), () => true)
    await expect(job()).rejects.toMatchObject({ code: 'storage_failed', cause: { code: 'EIO' } })
    // Nor may a later sync, which would succeed, make it count.
    broken = false
    const again = await open(disk, upload.id)
    expect(again.upload.offset).toBe(4)
    await again.append(batches(['!']))
    expect(await contentOf(await open(disk, upload.id))).toBe('kept!')
  })
})

describe('after a sync that failed, which makes the kernel forget bytes and the next sync succeed', () => {
  /** A disk whose syncs, and cuts if asked for, fail while it is ill. */
  function sick(durability: Durability, alsoCuts = false) {
    const health = { ill: false }
    const fail = (): void => (health.ill ? failing('EIO') : undefined)
    const disk = hostile(
      (real) => ({
        async syncData(file) {
          fail()
          await real.syncData(file)
        },
        async truncate(file, size) {
          if (alsoCuts) fail()
          await real.truncate(file, size)
        },
      }),
      durability,
    )
    return { disk, health }
  }

  it.each([false, true])(
    'finish is not reported by a second try; the bytes are sent again (no cut either: %s)',
    async (alsoCuts) => {
      const { disk, health } = sick('finish', alsoCuts)
      const stored = await create(disk, { ...upload, length: 5 })
      await stored.append(batches(['wrong']))
      health.ill = true
      await expect(stored.finish()).rejects.toMatchObject({ code: 'storage_failed', cause: { code: 'EIO' } })
      const seen = await open(disk, upload.id)
      expect(seen.upload).toMatchObject({ offset: 0, complete: false })
      if (alsoCuts) await expect(seen.append(batches(['right']))).rejects.toMatchObject({ code: 'storage_failed' })
      health.ill = false
      const again = await open(disk, upload.id)
      expect(again.upload.offset).toBe(0)
      await again.append(batches(['right']))
      expect(await again.finish()).toMatchObject({ offset: 5, complete: true })
      expect(await contentOf(await open(disk, upload.id))).toBe('right')
    },
  )

  it('bytes that durability always has acknowledged stay, at a finish that fails', async () => {
    const { disk, health } = sick('always')
    const stored = await create(disk, { ...upload, length: 4 })
    await stored.append(batches(['kept']))
    health.ill = true
    await expect(stored.finish()).rejects.toMatchObject({ code: 'storage_failed' })
    health.ill = false
    const again = await open(disk, upload.id)
    expect(again.upload).toMatchObject({ offset: 4, complete: false })
    expect(await again.finish()).toMatchObject({ complete: true })
  })

  it('no offset is told that only an earlier sync could vouch for, where another process has added bytes', async () => {
    const { disk, health } = sick('always')
    await (await create(disk, upload)).append(batches(['kept']))
    const other = diskOf({ directory, durability: 'none' })
    await (await open(other, upload.id)).append(batches(['lost']))
    health.ill = true
    await expect(open(disk, upload.id)).rejects.toMatchObject({ code: 'storage_failed' })
    health.ill = false
    const again = await open(disk, upload.id)
    expect(again.upload.offset).toBe(4)
    await again.append(batches(['!']))
    expect(await contentOf(await open(disk, upload.id))).toBe('kept!')
  })

  it('of a folder, the upload is not complete', async () => {
    const disk = hostile(() => ({}), 'finish')
    let ill = false
    const sickly: Disk = { ...disk, syncFolder: async (folder) => (ill ? failing('EIO') : disk.syncFolder(folder)) }
    const stored = await create(sickly, { ...upload, length: 4 })
    await stored.append(batches(['kept']))
    ill = true
    await expect(stored.finish()).rejects.toMatchObject({ code: 'storage_failed' })
    ill = false
    const again = await open(sickly, upload.id)
    expect(again.upload).toMatchObject({ offset: 4, complete: false })
    expect(await again.finish()).toMatchObject({ complete: true })
  })
})
