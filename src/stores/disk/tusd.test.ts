import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Bytes, Store } from '../../core/store.ts'
import { type NewUpload, parseUploadId, type Upload } from '../../core/upload.ts'
import { diskStore } from '../disk.ts'

let root: string
let directory: string
let store: Store

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tusker-tusd-'))
  directory = join(root, 'data')
  await mkdir(directory)
  store = diskStore({ directory, durability: 'none' })
})

afterEach(() => rm(root, { recursive: true, force: true }))

/** Puts files where tusd puts them. */
async function tusdUpload(id: string, bytes: string, changes: Record<string, unknown> = {}): Promise<void> {
  const path = join(directory, id)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, bytes)
  await writeFile(`${path}.info`, tusdRecord(id, changes))
}

function tusdRecord(id: string, changes: Record<string, unknown> = {}): string {
  const path = join(directory, id)
  return JSON.stringify({
    ID: id,
    Size: 10,
    SizeIsDeferred: false,
    Offset: 0,
    MetaData: { filename: 'a.txt' },
    IsPartial: false,
    IsFinal: false,
    PartialUploads: null,
    Storage: { InfoPath: `${path}.info`, Path: path, Type: 'filestore' },
    ...changes,
  })
}

async function* text(bytes: string): Bytes {
  yield [Buffer.from(bytes)]
}

async function read(bytes: Bytes): Promise<string> {
  let all = ''
  for await (const batch of bytes) all += Buffer.concat(batch).toString()
  return all
}

const open = (id: string) => store.open(parseUploadId(id))

describe('an upload of tusd', () => {
  it('that was interrupted goes on where its bytes end, not where its record says', async () => {
    await tusdUpload('abc', '0123', { Offset: 9 })
    const stored = await open('abc')
    expect(stored.upload).toMatchObject({ offset: 4, length: 10, complete: false, completion: 'at_length' })
    expect(stored.upload.createdAt.getTime()).toBeGreaterThan(Date.now() - 60_000)
    await stored.append(text('456789'))
    await stored.finish()
    expect((await open('abc')).upload.complete).toBe(true)
    expect(await read((await open('abc')).read())).toBe('0123456789')
  })

  it('is still one for tusd after we added to it', async () => {
    await tusdUpload('in/folder', '0123')
    await (await open('in/folder')).append(text('45'))
    const record: unknown = JSON.parse(await readFile(join(directory, 'in/folder.info'), 'utf8'))
    expect(record).toMatchObject(JSON.parse(tusdRecord('in/folder', { Offset: 4 })))
    expect(await readFile(join(directory, 'in/folder'), 'utf8')).toBe('012345')
  })

  it('is not taken for complete when we added the last of its bytes and never finished it', async () => {
    await tusdUpload('abc', '0123')
    await (await open('abc')).append(text('456789'))
    expect((await open('abc')).upload).toMatchObject({ offset: 10, complete: false })
  })

  it('that is complete can be read, and finished once more', async () => {
    await tusdUpload('abc', '0123456789')
    const stored = await open('abc')
    expect(stored.upload.complete).toBe(true)
    expect(await read(stored.read({ start: 2, end: 4 }))).toBe('234')
    await stored.finish()
    expect((await open('abc')).upload.complete).toBe(true)
  })

  it('with a record that tusd rewrote, dropping what we had added, is understood', async () => {
    await tusdUpload('abc', '0123', { Size: 0, SizeIsDeferred: true })
    await (await open('abc')).append(text('45'))
    await writeFile(join(directory, 'abc.info'), tusdRecord('abc'))
    expect((await open('abc')).upload).toMatchObject({ offset: 6, length: 10, complete: false })
  })

  it('keeps members of its storage that a hook added', async () => {
    const Storage = { Type: 'filestore', Path: 'elsewhere/before/abc', Owner: 'somebody' }
    await tusdUpload('abc', '', { Storage })
    await (await open('abc')).setLength(10)
    expect((await open('abc')).upload.storage).toEqual({
      Type: 'filestore',
      Path: join(directory, 'abc'),
      InfoPath: join(directory, 'abc.info'),
      Owner: 'somebody',
    })
  })
})

describe('the path in a record', () => {
  const elsewhere = 'by customer/one.bin'

  it.each([
    ['absolute', () => join(directory, elsewhere)],
    ['relative to the root', () => elsewhere],
    ['relative to where the server was started', () => relative(process.cwd(), join(directory, elsewhere))],
  ])('may lead to another place inside the root: %s', async (_, path) => {
    await mkdir(join(directory, dirname(elsewhere)))
    await writeFile(join(directory, elsewhere), '0123')
    await writeFile(join(directory, 'abc.info'), tusdRecord('abc', { Storage: { Type: 'filestore', Path: path() } }))
    const stored = await open('abc')
    expect(stored.upload.offset).toBe(4)
    expect(stored.upload.storage['Path']).toBe(path())
    await stored.append(text('45'))
    expect(await readFile(join(directory, elsewhere), 'utf8')).toBe('012345')
    await expect(store.create(asked(stored.upload))).rejects.toMatchObject({ code: 'upload_exists' })
    expect((await open('abc')).upload.offset).toBe(6)
    await stored.remove()
    expect(await readdir(directory)).toEqual([])
  })

  it('counts, if it is absolute, even where something else has the usual place', async () => {
    await writeFile(join(directory, 'abc'), 'the bytes of another')
    await writeFile(join(directory, 'mine.bin'), 'mine')
    const Storage = { Type: 'filestore', Path: join(directory, 'mine.bin') }
    await writeFile(join(directory, 'abc.info'), tusdRecord('abc', { Storage }))
    expect(await read((await open('abc')).read())).toBe('mine')
  })

  it.each(['', 'data/abc', './other/abc', '/somewhere/before/abc'])(
    'does not matter if the folder was moved since: "%s"',
    async (Path) => {
      await tusdUpload('abc', '0123', { Storage: { Type: 'filestore', Path } })
      expect((await open('abc')).upload.offset).toBe(4)
    },
  )

  it.each([
    ['absolute', () => '/etc/passwd'],
    ['relative', () => '../secret'],
    ['through a folder', () => 'x/../../secret'],
    ['beside the root, with its name in front', () => join(root, 'data-secret')],
    ['the root', () => '.'],
    ['a record', () => 'other.info'],
    ['the bytes of another upload', () => 'other'],
    ['a link that leads out', () => 'link'],
    ['a folder behind a link that leads out', () => 'out/secret'],
  ])('never leads out of the root, nor to what belongs to others: %s', async (_, path) => {
    await writeFile(join(root, 'secret'), 'secret')
    await writeFile(join(root, 'data-secret'), 'secret')
    await tusdUpload('other', 'secret')
    await symlink(join(root, 'secret'), join(directory, 'link'))
    await symlink(root, join(directory, 'out'))
    const Storage = { Type: 'filestore', Path: path() }
    await writeFile(join(directory, 'abc.info'), tusdRecord('abc', { Storage }))
    await expect(open('abc')).rejects.toMatchObject({ code: 'upload_not_found' })
    await writeFile(join(directory, 'abc'), 'mine')
    const stored = await open('abc')
    expect(await read(stored.read())).toBe('mine')
    await stored.append(text('!'))
    await stored.remove()
    expect(await readFile(join(root, 'secret'), 'utf8')).toBe('secret')
    expect(await readFile(join(root, 'data-secret'), 'utf8')).toBe('secret')
    expect((await open('other')).upload.offset).toBe(6)
  })
})

describe('files that do not fit together', () => {
  it.each(['{"ID":"abc","Size":', '\0\0\0\0', '[]'])('a record of %j answers storage_failed', async (record) => {
    await tusdUpload('abc', '0123')
    await writeFile(join(directory, 'abc.info'), record)
    await expect(open('abc')).rejects.toMatchObject({
      code: 'storage_failed',
      details: { hint: expect.stringContaining('abc') },
    })
  })

  it('an empty record is none: it is what a loss of power leaves of one that was not synced', async () => {
    await tusdUpload('abc', '0123')
    await writeFile(join(directory, 'abc.info'), '')
    await expect(open('abc')).rejects.toMatchObject({ code: 'upload_not_found' })
  })

  it('bytes without a record, a record without bytes, and folders in place of either are no upload', async () => {
    await writeFile(join(directory, 'bytes'), '0123')
    await writeFile(join(directory, 'record.info'), tusdRecord('record'))
    await mkdir(join(directory, 'folders'))
    await mkdir(join(directory, 'folders.info'))
    await mkdir(join(directory, 'folder'))
    await writeFile(join(directory, 'folder.info'), tusdRecord('folder'))
    for (const id of ['bytes', 'record', 'folders', 'folder', 'bytes/below']) {
      await expect(open(id), id).rejects.toMatchObject({ code: 'upload_not_found' })
    }
  })

  it('a record under the name of another upload is no upload', async () => {
    await tusdUpload('abc', '0123', { ID: 'def' })
    await expect(open('abc')).rejects.toMatchObject({ code: 'upload_not_found' })
  })

  it('more bytes than the upload may have are not counted: storage_failed', async () => {
    await tusdUpload('abc', '0123456789+')
    await expect(open('abc')).rejects.toMatchObject({
      code: 'storage_failed',
      details: { hint: expect.stringMatching(/11 bytes.*10/) },
    })
  })

  it.each([3, 11])('a finished upload that has %i bytes since is not served: storage_failed', async (size) => {
    await tusdUpload('abc', '0123456789', { Size: 0, SizeIsDeferred: true })
    await (await open('abc')).finish()
    await truncate(join(directory, 'abc'), size)
    await expect(open('abc')).rejects.toMatchObject({ code: 'storage_failed' })
  })

  it('a file that shrinks while it is read or added to fails instead of passing for whole', async () => {
    await tusdUpload('abc', '0123456789'.repeat(100_000), { Size: 2_000_000 })
    const stored = await open('abc')
    await truncate(join(directory, 'abc'), 600_000)
    await expect(read(stored.read())).rejects.toMatchObject({ code: 'storage_failed' })
    await expect(stored.append(text('x'))).rejects.toMatchObject({ code: 'storage_failed' })
    expect((await stat(join(directory, 'abc'))).size).toBe(600_000)
  })

  it.each([
    ['that cannot be read', '{'],
    ['of an upload whose bytes are outside the root', '{"ID":"abc","Size":1,"Storage":{"Path":"/mnt/film.mp4"}}'],
  ])('a record %s keeps its id: upload_exists', async (_, record) => {
    await tusdUpload('other', '')
    const { upload } = await open('other')
    await writeFile(join(directory, 'abc.info'), record)
    await expect(store.create({ ...asked(upload), id: parseUploadId('abc') })).rejects.toMatchObject({
      code: 'upload_exists',
    })
    expect((await readdir(directory)).sort()).toEqual(['abc.info', 'other', 'other.info'])
    expect(await readFile(join(directory, 'abc.info'), 'utf8')).toBe(record)
  })

  it('a record without bytes does not keep its id', async () => {
    await tusdUpload('other', '')
    await writeFile(join(directory, 'abc.info'), tusdRecord('abc'))
    await store.create({ ...asked((await open('other')).upload), id: parseUploadId('abc'), length: 77 })
    expect((await open('abc')).upload.length).toBe(77)
  })

  it('an id cannot be a file and a folder: upload_exists, and nothing is left behind', async () => {
    await tusdUpload('a', '0123')
    await tusdUpload('b/c', '0123')
    const { upload } = await open('a')
    const before = (await readdir(directory, { recursive: true })).sort()
    for (const id of ['a/b', 'a/b/c', 'b', 'b/c', 'b/c/d']) {
      await expect(store.create({ ...asked(upload), id: parseUploadId(id) }), id).rejects.toMatchObject({
        code: 'upload_exists',
      })
    }
    expect((await readdir(directory, { recursive: true })).sort()).toEqual(before)
  })
})

/** An upload as somebody asks for one like it: where its bytes are is no wish. */
function asked({ storage: _, ...upload }: Upload): NewUpload {
  return upload
}
