import assert from 'node:assert/strict'
import { assertIsLike, batches, collect, type It, newUpload, rejects } from './testbed.ts'

/** Lengths that are declared late, and completion. */
export function finishTests(it: It): void {
  it('a deferred length is declared once and survives a restart', async ({ store, reopen }) => {
    const wanted = newUpload({ length: null })
    const stored = await store.create(wanted)
    await stored.append(batches(Buffer.from('12345')))
    assert.equal(stored.upload.length, null)
    const declared = await stored.setLength(8)
    assert.equal(declared.length, 8)
    assert.equal(declared.offset, 5)
    assert.equal(stored.upload, declared)
    await stored.append(batches(Buffer.from('678')))
    assertIsLike(
      store,
      (await (await reopen()).open(wanted.id)).upload,
      { ...wanted, length: 8 },
      { offset: 8, complete: false },
    )
  })

  it('an upload is complete when it was finished, not when all its bytes are there', async ({ store, reopen }) => {
    const wanted = newUpload({ length: 3 })
    const stored = await store.create(wanted)
    await stored.append(batches(Buffer.from('abc')))
    assert.equal((await store.open(wanted.id)).upload.complete, false)
    const finished = await stored.finish()
    assert.equal(finished.complete, true)
    assert.equal(stored.upload, finished)
    assertIsLike(store, (await (await reopen()).open(wanted.id)).upload, wanted, { offset: 3, complete: true })
  })

  it('digests that finish is given are recorded with it, and survive a restart', async ({ store, reopen }) => {
    const wanted = newUpload({ length: 3 })
    const stored = await store.create(wanted)
    await stored.append(batches(Buffer.from('abc')))
    const digests = { sha256: 'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=' }
    assert.deepEqual((await stored.finish(digests)).digests, digests)
    assert.deepEqual((await (await reopen()).open(wanted.id)).upload.digests, digests)
  })

  it('finish may be repeated, by the same opened upload and after a restart', async ({ store, reopen }) => {
    const wanted = newUpload({ length: 3 })
    const stored = await store.create(wanted)
    await stored.append(batches(Buffer.from('abc')))
    await stored.finish()
    assert.equal((await stored.finish()).complete, true)
    const fresh = await (await reopen()).open(wanted.id)
    assert.equal((await fresh.finish()).complete, true)
    assert.equal((await collect(fresh.read())).toString(), 'abc')
  })

  it('a finished upload takes no more bytes', async ({ store, reopen }) => {
    const wanted = newUpload({ length: null })
    const stored = await store.create(wanted)
    await stored.append(batches(Buffer.from('abc')))
    await stored.finish()
    for (const opened of [stored, await (await reopen()).open(wanted.id)]) {
      await rejects('length_exceeded', opened.append(batches(Buffer.from('more'))))
      if (opened.appendChecked === undefined) continue
      await rejects(
        'length_exceeded',
        opened.appendChecked(batches(Buffer.from('more')), () => true),
      )
    }
    assert.equal((await collect((await store.open(wanted.id)).read())).toString(), 'abc')
  })

  it('an upload of no bytes can be finished and read', async ({ store, reopen }) => {
    const wanted = newUpload({ length: 0 })
    await (await store.create(wanted)).finish()
    const fresh = await (await reopen()).open(wanted.id)
    assertIsLike(store, fresh.upload, wanted, { offset: 0, complete: true })
    assert.equal((await collect(fresh.read())).length, 0)
  })
}
