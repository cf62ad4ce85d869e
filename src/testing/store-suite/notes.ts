import assert from 'node:assert/strict'
import { type It, newUpload } from './testbed.ts'

/** What a store must show that keeps notes. */
export function notesTests(it: It): void {
  it('a note is read as it was written, also by another process', async ({ store, reopen }) => {
    const { notes } = store
    assert.ok(notes)
    await notes.put('outbox/abc.finish', '{"a":"ä€"}')
    assert.equal(await notes.get('outbox/abc.finish'), '{"a":"ä€"}')
    assert.equal(await (await reopen()).notes?.get('outbox/abc.finish'), '{"a":"ä€"}')
  })

  it('a note takes the place of an older one of its name', async ({ store }) => {
    await store.notes?.put('folder/name', 'a longer text than the next')
    await store.notes?.put('folder/name', 'next')
    assert.equal(await store.notes?.get('folder/name'), 'next')
  })

  it('a note that was removed is not there, and may be removed again', async ({ store }) => {
    await store.notes?.put('folder/name', 'text')
    await store.notes?.remove('folder/name')
    await store.notes?.remove('folder/name')
    await store.notes?.remove('folder/never-there')
    assert.equal(await store.notes?.get('folder/name'), null)
    assert.equal(await store.notes?.get('nowhere/name'), null)
  })

  it('the notes of a folder are listed, those of others are not', async ({ store }) => {
    const { notes } = store
    assert.ok(notes)
    assert.deepEqual(await names(notes.list('outbox')), [])
    for (const name of ['outbox/a.finish', 'outbox/b-1', 'owners/x/one', 'owners/x/two', 'owners/xy/three']) {
      await notes.put(name, 'text')
    }
    assert.deepEqual(await names(notes.list('outbox')), ['outbox/a.finish', 'outbox/b-1'])
    assert.deepEqual(await names(notes.list('owners/x')), ['owners/x/one', 'owners/x/two'])
  })

  it('writes of one note at the same time leave one of them whole', async ({ store }) => {
    const texts = Array.from({ length: 20 }, (_, index) => String(index).repeat(5000))
    await Promise.all(texts.map((text) => store.notes?.put('folder/name', text)))
    assert.ok(texts.includes((await store.notes?.get('folder/name')) ?? ''))
  })

  it('names that are none are refused', async ({ store }) => {
    for (const name of ['../outside', 'a/../b', '.hidden', '/absolute', 'a//b', '', 'UPPER', 'a b']) {
      await assert.rejects(async () => store.notes?.put(name, 'text'), /./, name)
    }
  })

  it('notes are no uploads, and are not in their way', async ({ store }) => {
    await store.notes?.put('outbox/abc', 'text')
    const { upload } = await store.create(newUpload())
    const ids: string[] = []
    for await (const id of store.list()) ids.push(id)
    assert.equal(ids.length, 1)
    assert.ok(upload.id.startsWith(ids[0] ?? 'none'))
  })
}

async function names(listed: AsyncIterable<string>): Promise<readonly string[]> {
  const all: string[] = []
  for await (const name of listed) all.push(name)
  return all.sort()
}
