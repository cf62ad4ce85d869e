import { existsSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { UploadError } from '../../core/errors.ts'
import type { Bytes, Store } from '../../core/store.ts'
import { type NewUpload, parseUploadId, type UploadId } from '../../core/upload.ts'
import { type DiskStoreOptions, diskStore } from '../disk.ts'

const HEX = parseUploadId('0123456789abcdef0123456789abcdef')
const past = new Date(Date.now() - 3_600_000)
const future = new Date(Date.now() + 3_600_000)

let root: string
let directory: string
let store: Store

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tusker-house-'))
  directory = join(root, 'data')
  store = make()
  await store.start?.()
})
afterEach(() => rm(root, { recursive: true, force: true }))

function make(options: Partial<DiskStoreOptions> = {}): Store {
  return diskStore({ directory, durability: 'none', ...options })
}

function newUpload(id: string): NewUpload {
  return {
    id: parseUploadId(id),
    length: null,
    metadata: new Map(),
    concat: null,
    completion: 'at_length',
    echo: {},
    createdAt: new Date(),
    expiresAt: null,
  }
}

async function put(name: string, text = ''): Promise<void> {
  await mkdir(dirname(join(directory, name)), { recursive: true })
  await writeFile(join(directory, name), text)
}

async function* text(bytes: string): Bytes {
  yield [Buffer.from(bytes)]
}

async function listed(from: Store = store): Promise<UploadId[]> {
  const ids: UploadId[] = []
  for await (const id of from.list()) ids.push(id)
  return ids.sort()
}

async function sweep(before: Date): Promise<UploadId[]> {
  const removed: UploadId[] = []
  for await (const id of store.list()) if (await store.tidy(id, before)) removed.push(id)
  return removed.sort()
}

const files = async () =>
  (await readdir(directory, { recursive: true, withFileTypes: true }))
    .filter((entry) => !entry.isDirectory())
    .map((entry) => entry.name)
    .sort()

describe('start', () => {
  it('makes the folder, with those above it', async () => {
    const deep = join(root, 'not/there/yet')
    for (const durability of ['none', 'finish', 'always'] as const) {
      await diskStore({ directory: join(deep, durability), durability }).start?.()
      expect((await stat(join(deep, durability))).isDirectory()).toBe(true)
    }
  })

  it('refuses a file in place of the folder, or above it, and names it', async () => {
    await writeFile(join(root, 'file'), '')
    for (const directory of [join(root, 'file'), join(root, 'file/below')]) {
      await expect(diskStore({ directory }).start?.()).rejects.toMatchObject({
        code: 'storage_failed',
        details: { hint: expect.stringContaining(directory) },
      })
    }
  })
})

describe('files and folders', () => {
  it.each([
    ['by default', {}, 0o664, 0o775],
    ['as asked for', { filePerms: 0o640, dirPerms: 0o750 }, 0o640, 0o750],
  ])('have the permissions of tusd %s, less the umask', async (_, options, filePerms, dirPerms) => {
    const own = join(root, 'own')
    const made = diskStore({ directory: own, ...options })
    await made.start?.()
    const stored = await made.create(newUpload('in/folder'))
    await stored.finish()
    const mode = async (path: string) => (await stat(path)).mode & 0o777
    const umask = process.umask()
    for (const folder of [own, join(own, 'in')]) expect(await mode(folder)).toBe(dirPerms & ~umask)
    for (const file of ['in/folder', 'in/folder.info']) expect(await mode(join(own, file))).toBe(filePerms & ~umask)
  })

  it('are made again when somebody removed the root meanwhile', async () => {
    await rm(directory, { recursive: true })
    await store.create(newUpload('in/folder'))
    expect(await listed()).toEqual(['in/folder'])
  })

  it('that are empty go with the last upload in them, but never the root', async () => {
    const one = await store.create(newUpload('a/b/one'))
    const two = await store.create(newUpload('a/two'))
    await one.remove()
    expect(await readdir(directory)).toEqual(['a'])
    await two.remove()
    expect(await readdir(directory)).toEqual([])
  })

  it('of uploads that come and go in one folder at once do not get in the way of each other', async () => {
    await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const gone = make({ pace: { slow: index % 2 } })
        const stored = await gone.create(newUpload(`a/b/${index}`))
        await stored.append(text('x'))
        await stored.remove()
      }),
    )
    expect(await readdir(directory)).toEqual([])
  })

  it('are not left open: 200 jobs of all kinds, most of which fail', async () => {
    const countFiles = () => readdirSync('/dev/fd').length
    const both = [make({ durability: 'always' }), make({ pace: { slow: 0 } })]
    const tryAll = async (store: Store, round: number) => {
      const stored = await store.create(newUpload(`leak/${round}`))
      const large = 'x'.repeat(200_000)
      const lost = async function* (): Bytes {
        yield* text(large)
        throw new UploadError('lock_lost')
      }
      const fails = (job: Promise<unknown> | undefined) => expect(job).rejects.toBeInstanceOf(UploadError)
      await fails(store.create(newUpload(`leak/${round}`)))
      await fails(store.open(parseUploadId('nothing')))
      await fails(stored.append(lost()))
      const again = await store.open(stored.upload.id)
      await fails(again.appendChecked?.(lost(), () => true))
      await again.appendChecked?.(text(large), () => false)
      await again.append(text('x'))
      for await (const _ of again.read()) break
      await again.finish()
      for await (const _ of store.list()) break
      await store.tidy(again.upload.id, future)
      await writeFile(join(directory, `leak/${round}.info`), '{')
      await fails(store.open(again.upload.id))
      await again.remove()
      await fails(again.append(text('x')))
      await fails(again.setLength(5).then(() => store.open(again.upload.id)))
      await store.tidy(again.upload.id, future)
    }
    for (const store of both) await tryAll(store, 0)
    const before = countFiles()
    for (let round = 1; round <= 7; round++) for (const store of both) await tryAll(store, round)
    expect(countFiles()).toBe(before)
    expect(await files()).toEqual([])
  })
})

describe('list', () => {
  it('names once what is there as bytes, as a record, or as something temporary', async () => {
    await store.create(newUpload('whole'))
    await store.create(newUpload('deep/er/whole'))
    await put('bytes')
    await put('deep/bytes')
    await put('record.info')
    await put('deep/record.info')
    await put('temporary.info.0a1b2c3d4e5f.tmp')
    await put('temporary.info.0a1b2c3d4e6a.tmp')
    await put('whole.info.0a1b2c3d4e5f.tmp')
    expect(await listed()).toEqual(
      ['whole', 'deep/er/whole', 'bytes', 'deep/bytes', 'record', 'deep/record', 'temporary'].sort(),
    )
  })

  it('passes over what can be no upload: hidden files, locks, odd names, folders behind links', async () => {
    for (const name of ['.hidden', '.hidden.info', '.folder/x', 'x.lock', 'x.stop', 'with space', 'ü', 'a.json']) {
      await put(name)
    }
    await put('y.lock/inside')
    await mkdir(join(root, 'outside'))
    await writeFile(join(root, 'outside/secret'), '')
    await symlink(join(root, 'outside'), join(directory, 'link'))
    await symlink(directory, join(directory, 'loop'))
    // A link may lead to bytes, so it is named; but nobody goes there to look.
    expect(await listed()).toEqual(['link', 'loop'])
  })

  it('of a root that is gone is empty', async () => {
    await rm(directory, { recursive: true })
    expect(await listed()).toEqual([])
  })
})

describe('tidy', () => {
  it('removes what crashes leave behind, once it is old enough', async () => {
    await put('record.info', '{"ID":"record","Size":1}')
    await put('deep/er/record.info', '{"ID":"deep/er/record","Size":1}')
    await put('empty')
    await put('powerless')
    await put('powerless.info')
    await put('nameless.info')
    await put('temporary.info.0a1b2c3d4e5f.tmp', 'x')
    await put(HEX, 'bytes of an upload whose record was lost')
    expect(await sweep(past)).toEqual([])
    expect(await sweep(future)).toEqual(
      ['record', 'deep/er/record', 'empty', 'powerless', 'nameless', 'temporary', HEX].sort(),
    )
    expect(await readdir(directory)).toEqual([])
    expect(await listed()).toEqual([])
  })

  it('removes what is temporary beside a sound upload, and only that', async () => {
    const stored = await store.create(newUpload('sound'))
    await stored.append(text('bytes'))
    await put('sound.info.0a1b2c3d4e5f.tmp', 'x')
    await put('sounder.info.0a1b2c3d4e5f.tmp', 'x')
    expect(await store.tidy(stored.upload.id, past)).toBe(false)
    expect(await store.tidy(stored.upload.id, future)).toBe(true)
    expect(await files()).toEqual(['sound', 'sound.info', 'sounder.info.0a1b2c3d4e5f.tmp'])
    expect((await store.open(stored.upload.id)).upload.offset).toBe(5)
  })

  it('leaves alone what may be somebody else’s: named files with bytes, uploads with a record that cannot be read', async () => {
    await put('report.pdf', 'bytes without a record')
    await put(HEX, 'bytes')
    await put(`${HEX}.info`, '{ half a record')
    await put('other', 'bytes')
    await put('other.info')
    expect(await sweep(future)).toEqual([])
    expect(await files()).toEqual([HEX, `${HEX}.info`, 'other', 'other.info', 'report.pdf'])
  })

  it('leaves alone the bytes of an upload whose record says that they are there', async () => {
    const place = `by/customer/${HEX}`
    for (const [id, path] of [
      ['one', HEX],
      ['two', join(directory, place)],
      ['three', 'empty'],
    ]) {
      await put(`${id}.info`, JSON.stringify({ ID: id, Size: 9, Storage: { Type: 'filestore', Path: path } }))
    }
    await put(HEX, 'bytes')
    await put(place, 'bytes')
    await put('empty')
    expect(await sweep(future)).toEqual([])
    for (const id of ['one', 'two', 'three']) await store.open(parseUploadId(id))
  })

  it('leaves alone the record of an upload whose bytes are outside the root, but not that of one in a folder that was moved', async () => {
    const record = (ID: string, Path: string) => JSON.stringify({ ID, Size: 9, Storage: { Type: 'filestore', Path } })
    await put('outside.info', record('outside', '/mnt/archive/film.mp4'))
    await put('above.info', record('above', '../film.mp4'))
    await put('deep/moved.info', record('deep/moved', '/mnt/before/deep/moved'))
    await put('removed.info', record('removed', 'by/hook/removed.mp4'))
    expect(await sweep(future)).toEqual(['deep/moved', 'removed'])
    expect(await files()).toEqual(['above.info', 'outside.info'])
  })

  it('leaves alone bytes that were not checked yet', async () => {
    const stored = await store.create(newUpload('checking'))
    await stored.append(text('before'))
    const dying = async function* (): Bytes {
      yield* text('x'.repeat(200_000))
      throw new UploadError('lock_lost')
    }
    await expect(stored.appendChecked?.(dying(), () => true)).rejects.toThrow()
    expect(await sweep(future)).toEqual([])
    expect((await store.open(stored.upload.id)).upload.offset).toBe(6)
    expect((await readFile(join(directory, 'checking'))).length).toBe(200_006)
  })

  it('finds what was left behind after the last look', async () => {
    await store.create(newUpload('sound'))
    expect(await sweep(past)).toEqual([])
    await put('sound.info.0a1b2c3d4e5f.tmp', 'x')
    expect(await sweep(future)).toEqual(['sound'])
    expect(existsSync(join(directory, 'sound.info.0a1b2c3d4e5f.tmp'))).toBe(false)
  })
})
