import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { parseUploadId } from '../../core/upload.ts'
import { assertIsLike, batches, fill, type It, listed, newId, newUpload, rejects } from './testbed.ts'

/** Removal, listing, and tidying up. */
export function removeTests(it: It): void {
  it('what is removed is gone, finished or not, and its id is free', async ({ store, reopen }) => {
    for (const finish of [true, false]) {
      const wanted = newUpload()
      const stored = await fill(await store.create(wanted), randomBytes(100_000))
      if (finish) await stored.finish()
      await stored.remove()
      await rejects('upload_not_found', store.open(wanted.id))
      assert.deepEqual(await listed(await reopen()), [])
      const again = await store.create(wanted)
      assert.equal(again.upload.offset, 0)
      await again.remove()
    }
  })

  it('removal may be repeated', async ({ store }) => {
    const wanted = newUpload()
    const stored = await store.create(wanted)
    const other = await store.open(wanted.id)
    await stored.remove()
    await stored.remove()
    await other.remove()
  })

  it('bytes for an upload that was removed meanwhile bring nothing back', async ({ store }) => {
    const wanted = newUpload()
    const stored = await store.create(wanted)
    await (await store.open(wanted.id)).remove()
    await rejects('upload_not_found', stored.append(batches(Buffer.from('late'))))
    await rejects('upload_not_found', store.open(wanted.id))
    assert.deepEqual(await listed(store), [])
  })

  it('every upload is listed, once', async ({ store, reopen }) => {
    assert.deepEqual(await listed(store), [])
    const ids = [newId(), newId(), parseUploadId('deep/er/one'), parseUploadId('deep/two')]
    for (const id of ids) await store.create(newUpload({ id }))
    const [first] = ids
    if (first !== undefined) await (await store.open(first)).finish()
    assert.deepEqual(await listed(await reopen()), [...ids].sort())
  })

  it('a listing may be left early', async ({ store }) => {
    for (let count = 0; count < 5; count++) await store.create(newUpload())
    for await (const id of store.list()) {
      assert.ok(id.length > 0)
      break
    }
    assert.equal((await listed(store)).length, 5)
  })

  it('a sound upload is never tidied away, and nor is what does not exist', async ({ store }) => {
    const future = new Date(Date.now() + 3_600_000)
    const empty = newUpload()
    const begun = newUpload({ id: parseUploadId('in/folder'), length: 10 })
    const finished = newUpload({ length: 4 })
    await store.create(empty)
    await fill(await store.create(begun), Buffer.from('some'))
    await (await fill(await store.create(finished), Buffer.from('some'))).finish()
    for (const { id } of [empty, begun, finished]) assert.equal(await store.tidy(id, future), false)
    assert.equal(await store.tidy(newId(), future), false)
    assertIsLike(store, (await store.open(empty.id)).upload, empty, { offset: 0, complete: false })
    assertIsLike(store, (await store.open(begun.id)).upload, begun, { offset: 4, complete: false })
    assertIsLike(store, (await store.open(finished.id)).upload, finished, { offset: 4, complete: true })
  })
}
