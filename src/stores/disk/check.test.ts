import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Store } from '../../core/store.ts'
import { diskStore } from '../disk.ts'

const NAME = '.tusker-check'
let root: string
let directory: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tusker-check-'))
  directory = join(root, 'data')
})
afterEach(() => rm(root, { recursive: true, force: true }))

async function opened(durability: 'none' | 'finish' = 'finish'): Promise<Store> {
  const store = diskStore({ directory, durability })
  await store.start?.()
  return store
}

describe('the check of a disk store', () => {
  it.each(['none', 'finish'] as const)(
    'succeeds on a folder that can be written (%s), and leaves nothing',
    async (how) => {
      const store = await opened(how)
      await store.check?.()
      expect(await readdir(directory)).toEqual([])
    },
  )

  it('succeeds for many at once, in several stores on the folder', async () => {
    const stores = [await opened(), await opened()]
    await Promise.all(Array.from({ length: 20 }, (_, at) => stores[at % 2]?.check?.()))
    expect(await readdir(directory)).toEqual([])
  })

  it('removes what a process left that died in the middle of it, and no list shows it', async () => {
    const store = await opened()
    await writeFile(join(directory, NAME), 'can up')
    for await (const id of store.list()) expect.unreachable(id)
    await store.check?.()
    expect(await readdir(directory)).toEqual([])
  })

  it('fails where the file cannot be written', async () => {
    const store = await opened()
    await mkdir(join(directory, NAME))
    await expect(store.check?.()).rejects.toMatchObject({ code: 'storage_failed' })
  })

  it('fails when the folder has gone, as when its disk is not mounted any more', async () => {
    const store = await opened()
    await rm(directory, { recursive: true })
    await expect(store.check?.()).rejects.toMatchObject({ code: 'storage_failed' })
    expect(await readdir(root)).toEqual([])
  })
})
