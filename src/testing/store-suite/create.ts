import assert from 'node:assert/strict'
import { parseUploadId } from '../../core/upload.ts'
import {
  assertCode,
  assertIsId,
  assertIsLike,
  collect,
  fill,
  type It,
  listed,
  nameOf,
  newId,
  newUpload,
  rejects,
} from './testbed.ts'

/** Creation: what is recorded, and that ids are unique. */
export function createTests(it: It): void {
  it('a new upload is empty, unfinished, and as it was asked for', async ({ store, reopen }) => {
    const wanted = newUpload({ length: 10, expiresAt: new Date('2030-05-06T07:08:09.123Z') })
    const created = await store.create(wanted)
    assertIsLike(store, created.upload, wanted, { offset: 0, complete: false })
    assertIsLike(store, (await (await reopen()).open(wanted.id)).upload, wanted, { offset: 0, complete: false })
  })

  it('metadata survives a restart: order, bare keys, empty values, any text, names that JavaScript uses', async (made) => {
    const metadata = new Map<string, string | null>([
      ['zeta', 'last letter first'],
      ['10', 'a number'],
      ['2', 'a smaller number behind it'],
      ['bare', null],
      ['empty', ''],
      ['__proto__', 'polluted'],
      ['constructor', null],
      ['toString', 'x'],
      ['filename', 'Füße \u4f60\u597d \u{1f600} "quoted" \\ \r\n\t\u0000\u2028.txt'],
    ])
    const wanted = newUpload({ metadata })
    const created = await made.store.create(wanted)
    assert.deepEqual([...created.upload.metadata], [...metadata])
    const opened = await (await made.reopen()).open(wanted.id)
    assert.deepEqual([...opened.upload.metadata], [...metadata])
    assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false)
  })

  it('whose an upload is, and how large it may become, survives a restart', async ({ store, reopen }) => {
    const wanted = newUpload({ owner: 'user 7 ä', maxSize: 12_345 })
    await store.create(wanted)
    const again = await reopen()
    const { upload } = await again.open(wanted.id)
    assert.deepEqual([upload.owner, upload.maxSize], ['user 7 ä', 12_345])
    const nobodys = await again.create(newUpload())
    assert.deepEqual(['owner' in nobodys.upload, 'maxSize' in nobodys.upload], [false, false])
  })

  it('the words of the protocol survive a restart', async ({ store, reopen }) => {
    const echo = Object.fromEntries([
      ['upload-metadata', 'filename d29ybGQ=,bare'],
      ['__proto__', ''],
    ])
    const wanted = newUpload({ echo, completion: 'declared' })
    await store.create(wanted)
    const { upload } = await (await reopen()).open(wanted.id)
    assert.deepEqual(Object.entries(upload.echo).sort(), Object.entries(echo).sort())
    assert.equal(upload.completion, 'declared')
  })

  it('what an upload is in a concatenation survives a restart', async ({ store, reopen }) => {
    const partial = newUpload({ concat: { role: 'partial' } })
    const other = newUpload({ concat: { role: 'partial' } })
    const final = newUpload({ concat: { role: 'final', parts: [other.id, partial.id, other.id] } })
    for (const upload of [partial, other, final]) await store.create(upload)
    const fresh = await reopen()
    for (const upload of [partial, other, final]) {
      assert.deepEqual((await fresh.open(upload.id)).upload.concat, upload.concat)
    }
  })

  it('an id with slashes is as good as any', async ({ store, reopen }) => {
    // Where ids grow, a plus may be what stands before the rest
    const plus = store.lockName === undefined ? '+' : ''
    const ids = ['a/b/c/one', 'a/b/two', `a/b/c/three~${plus}=@,!:$()-_.x`].map(parseUploadId)
    for (const id of ids) await fill(await store.create(newUpload({ id })), Buffer.from(id))
    const fresh = await reopen()
    for (const id of ids) {
      const stored = await fresh.open(id)
      await stored.finish()
      assert.equal((await collect(stored.read())).toString(), id)
    }
    for (const id of ids) await (await fresh.open(id)).remove()
    assert.deepEqual(await listed(fresh), [])
  })

  it('the id that an upload got opens it as the one that was asked for does, and both are one for the lock', async (made) => {
    const wanted = newUpload()
    const { upload } = await fill(await made.store.create(wanted), Buffer.from('bytes'))
    const fresh = await made.reopen()
    assertIsId(fresh, upload.id, wanted.id)
    for (const id of [upload.id, wanted.id]) {
      const opened = await fresh.open(id)
      assertIsLike(fresh, opened.upload, wanted, { offset: 5, complete: false })
      assert.equal(nameOf(fresh, opened.upload.id), nameOf(fresh, wanted.id))
    }
  })

  it('an id that is taken answers upload_exists and leaves the upload as it is', async ({ store }) => {
    const wanted = newUpload({ metadata: new Map([['mine', 'yes']]) })
    await fill(await store.create(wanted), Buffer.from('bytes'))
    await rejects('upload_exists', store.create(newUpload({ id: wanted.id })))
    const opened = await store.open(wanted.id)
    assertIsLike(store, opened.upload, wanted, { offset: 5, complete: false })
  })

  it('of many creations of one id at once, one succeeds', async ({ store }) => {
    const wanted = newUpload()
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => store.create(wanted)))
    assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1)
    for (const result of results) if (result.status === 'rejected') assertCode('upload_exists', result.reason)
    assertIsLike(store, (await store.open(wanted.id)).upload, wanted, { offset: 0, complete: false })
  })

  it('a check, where there is one, disturbs no upload and leaves none behind', async ({ store }) => {
    const { upload } = await fill(await store.create(newUpload()), Buffer.from('bytes'))
    await Promise.all([store.check?.(), store.check?.()])
    assert.deepEqual(await listed(store), [nameOf(store, upload.id)])
    assert.equal((await store.open(upload.id)).upload.offset, 5)
  })

  it('an upload that does not exist answers upload_not_found', async ({ store }) => {
    await rejects('upload_not_found', store.open(newId()))
    await rejects('upload_not_found', store.open(parseUploadId('no/such/folder')))
  })
}
