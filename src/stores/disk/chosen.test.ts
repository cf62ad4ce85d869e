import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseUploadId } from '../../core/upload.ts'
import { batches, collect, newUpload } from '../../testing/store-suite/testbed.ts'
import { diskStore } from '../disk.ts'

let above: string
let directory: string
beforeEach(async () => {
  above = await mkdtemp(join(tmpdir(), 'tusker-chosen-'))
  directory = join(above, 'up')
  await mkdir(directory)
})
afterEach(() => rm(above, { recursive: true, force: true }))

const store = () => diskStore({ directory })
const at = (Path: string) => newUpload({ length: 5, storage: { Path } })
const hello = () => batches(Buffer.from('hello'))

describe('a place on disk that a hook chose', () => {
  it.each(['2026/11/report ä (1).pdf', './report.pdf', 'a.b'])(
    '%s holds the bytes, and the record says so',
    async (path) => {
      const { upload } = await store().create(at(path))
      const opened = await store().open(upload.id)
      await opened.append(hello())
      await opened.finish()
      expect(await readFile(join(directory, path), 'utf8')).toBe('hello')
      const { upload: found } = await store().open(upload.id)
      expect(found).toMatchObject({ offset: 5, complete: true })
      expect(found.storage['Path']).toBe(join(directory, path))
    },
  )

  it('goes with an id that has folders of its own', async () => {
    const made = await store().create({ ...at('elsewhere/file'), id: parseUploadId('a/b/c') })
    await made.append(hello())
    expect((await store().open(made.upload.id)).upload.offset).toBe(5)
    await (await store().open(made.upload.id)).remove()
    expect(await readdir(directory)).toEqual([])
  })

  it('may be an absolute path inside the folder of uploads', async () => {
    const { upload } = await store().create(at(join(directory, 'inside.bin')))
    await (await store().open(upload.id)).append(hello())
    expect(await readFile(join(directory, 'inside.bin'), 'utf8')).toBe('hello')
  })

  it('moves with the folder of uploads', async () => {
    const { upload } = await store().create(at('sub/file'))
    await (await store().open(upload.id)).append(hello())
    await rename(directory, join(above, 'moved'))
    const moved = diskStore({ directory: join(above, 'moved') })
    const found = await moved.open(upload.id)
    expect((await collect(found.read())).toString()).toBe('hello')
    expect(found.upload.storage['Path']).toBe(join(above, 'moved', 'sub', 'file'))
  })

  it('is removed with the upload, and the folders that this leaves empty', async () => {
    const made = await store().create(at('a/b/c'))
    await made.append(hello())
    await (await store().open(made.upload.id)).remove()
    expect(await readdir(directory)).toEqual([])
  })

  it.each([
    '../outside',
    '/etc/passwd',
    'a/../../outside',
    '.',
    'sub/',
    '.hidden',
    'a/.hidden/b',
    '.tusker/outbox/x',
    '.locks/x',
    'x.info',
    'x.lock',
    'x.tmp',
    'nul\0byte',
  ])('%j is refused, and nothing is written', async (path) => {
    await expect(store().create(at(path))).rejects.toMatchObject({ code: 'hook_failed' })
    expect(await readdir(directory)).toEqual([])
    expect(await readdir(above)).toEqual(['up'])
  })

  it('is refused if a link on its way leads outside', async () => {
    await mkdir(join(above, 'elsewhere'))
    await symlink(join(above, 'elsewhere'), join(directory, 'link'))
    await expect(store().create(at('link/file'))).rejects.toMatchObject({ code: 'hook_failed' })
    await expect(store().create(at('link/deep/file'))).rejects.toMatchObject({ code: 'hook_failed' })
    expect(await readdir(join(above, 'elsewhere'))).toEqual([])
  })

  it('members that the store does not know are refused', async () => {
    const upload = newUpload({ storage: { Bucket: 'b', Key: 'k' } })
    await expect(store().create(upload)).rejects.toMatchObject({ code: 'hook_failed' })
  })

  it('that is taken is a conflict: by a file, by another upload, by the name of another', async () => {
    await writeFile(join(directory, 'taken'), 'not ours')
    await expect(store().create(at('taken'))).rejects.toMatchObject({ code: 'upload_exists' })
    expect(await readFile(join(directory, 'taken'), 'utf8')).toBe('not ours')

    const first = await store().create(at('place'))
    await expect(store().create(at('place'))).rejects.toMatchObject({ code: 'upload_exists' })
    await expect(store().create(at(first.upload.id))).rejects.toMatchObject({ code: 'upload_exists' })
    const usual = await store().create(newUpload())
    await expect(store().create(at(usual.upload.id))).rejects.toMatchObject({ code: 'upload_exists' })
  })

  it('does not let another upload have the same id, wherever that wants its bytes', async () => {
    const { upload } = await store().create(at('place'))
    await expect(store().create(newUpload({ id: upload.id }))).rejects.toMatchObject({ code: 'upload_exists' })
    await expect(store().create({ ...at('other'), id: upload.id })).rejects.toMatchObject({ code: 'upload_exists' })
    expect((await readdir(directory)).sort()).toEqual([`${upload.id}.info`, 'place'].sort())
    const usual = await store().create(newUpload())
    await expect(store().create({ ...at('other'), id: usual.upload.id })).rejects.toMatchObject({
      code: 'upload_exists',
    })
    expect((await store().open(usual.upload.id)).upload.id).toBe(usual.upload.id)
  })

  it('is not swept as something that nobody knows, even if its name is like one of ours', async () => {
    const name = 'f'.repeat(32)
    const { upload } = await store().create(at(name))
    const later = new Date(Date.now() + 86_400_000)
    for await (const id of store().list()) expect(await store().tidy(id, later)).toBe(false)
    expect((await store().open(upload.id)).upload.offset).toBe(0)
  })

  it('of a record that was changed to lead outside is not followed', async () => {
    await writeFile(join(above, 'secret'), 'secret')
    const { upload } = await store().create(at('place'))
    const record = join(directory, `${upload.id}.info`)
    await writeFile(record, (await readFile(record, 'utf8')).replaceAll('"path":"place"', '"path":"../secret"'))
    await expect(store().open(upload.id)).rejects.toMatchObject({ code: 'upload_not_found' })
  })
})
