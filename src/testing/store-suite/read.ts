import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { assertCode, collect, fill, hash, type It, KiB, MiB, newUpload } from './testbed.ts'

/** Reading: ranges, and readers that leave early. */
export function readTests(it: It): void {
  const size = MiB + 5000
  const ranges = [
    [0, 0],
    [0, size - 1],
    [size - 1, size - 1],
    [1, 70_000],
    [256 * KiB - 1, 256 * KiB],
    [300_000, 300_000 + 64 * KiB - 1],
    [5, size - 2],
  ] as const

  it('any range is read exactly', async ({ store }) => {
    const bytes = randomBytes(size)
    const stored = await fill(await store.create(newUpload()), bytes)
    await stored.finish()
    for (const [start, end] of ranges) {
      assert.equal(
        hash(await collect(stored.read({ start, end }))),
        hash(bytes.subarray(start, end + 1)),
        `${start}-${end}`,
      )
    }
  })

  it('all bytes of a known length can be read before they are finished, and finished afterwards', async (made) => {
    const bytes = randomBytes(size)
    const wanted = newUpload({ length: size })
    await fill(await made.store.create(wanted), bytes)
    const stored = await (await made.reopen()).open(wanted.id)
    assert.equal(hash(await collect(stored.read())), hash(bytes))
    assert.equal((await made.store.open(wanted.id)).upload.complete, false)
    assert.equal((await stored.finish()).complete, true)
    assert.equal(hash(await collect((await made.store.open(wanted.id)).read())), hash(bytes))
  })

  it('what is not complete is read as far as it goes, or answers upload_incomplete', async ({ store }) => {
    for (const length of [null, 10]) {
      const stored = await fill(await store.create(newUpload({ length })), Buffer.from('half'))
      const text = await collect(stored.read()).then(String, (error) => assertCode('upload_incomplete', error))
      if (text !== undefined) assert.equal(text, 'half')
    }
  })

  it('batches and chunks are never empty', async ({ store }) => {
    const stored = await fill(await store.create(newUpload()), randomBytes(size))
    await stored.finish()
    for await (const batch of stored.read()) {
      assert.ok(batch.length > 0)
      for (const chunk of batch) assert.ok(chunk.length > 0)
    }
  })

  it('a reader that leaves early, and one that fails, leave the upload readable', async ({ store }) => {
    const bytes = randomBytes(3 * MiB)
    const stored = await fill(await store.create(newUpload()), bytes)
    await stored.finish()
    for await (const batch of stored.read()) {
      assert.ok(batch.length > 0)
      break
    }
    const failure = new Error('the reader failed')
    const failing = async () => {
      for await (const _ of stored.read()) throw failure
    }
    await assert.rejects(failing, (error) => error === failure)
    assert.equal(hash(await collect(stored.read())), hash(bytes))
  })

  it('many readers at once, at different speeds, all read the same', async ({ store }) => {
    const bytes = randomBytes(MiB + 77)
    const wanted = newUpload()
    const stored = await fill(await store.create(wanted), bytes)
    await stored.finish()
    const readers = Array.from({ length: 8 }, async (_, index) => {
      const sum = createHash('sha256')
      for await (const batch of (await store.open(wanted.id)).read()) {
        for (let turn = 0; turn < index; turn++) await new Promise((resolve) => setImmediate(resolve))
        for (const chunk of batch) sum.update(chunk)
      }
      return sum.digest('hex')
    })
    for (const found of await Promise.all(readers)) assert.equal(found, hash(bytes))
  })
}
