import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { UploadError } from '../../core/errors.ts'
import { batches, collect, hash, type It, interrupted, KiB, MiB, newUpload, rejects, SIZES } from './testbed.ts'

/** Appending: every byte, in order, and nothing after the lock was lost. */
export function appendTests(it: It, sizes: readonly number[]): void {
  for (const size of [...SIZES, ...sizes]) {
    it(`${size} bytes come out as they went in`, async ({ store, reopen }) => {
      const bytes = randomBytes(size)
      const wanted = newUpload({ length: size })
      const stored = await store.create(wanted)
      const appended = await stored.append(batches(bytes, MiB, 64 * KiB))
      assert.equal(appended.offset, size)
      assert.equal(stored.upload, appended)
      const fresh = await (await reopen()).open(wanted.id)
      assert.equal(fresh.upload.offset, size)
      assert.equal(fresh.upload.complete, false)
      await fresh.finish()
      assert.equal(hash(await collect(fresh.read())), hash(bytes))
    })
  }

  it('many appends, each by a fresh store, add up', async ({ store, reopen }) => {
    const bytes = randomBytes(2 * MiB + 123)
    const wanted = newUpload({ length: bytes.length })
    await store.create(wanted)
    let offset = 0
    for (const size of [1, 64 * KiB, 70_001, MiB + 3, 0, 2, bytes.length]) {
      const stored = await (await reopen()).open(wanted.id)
      assert.equal(stored.upload.offset, offset)
      const piece = bytes.subarray(offset, offset + size)
      offset += piece.length
      assert.equal((await stored.append(batches(piece, 100_000, 7_000))).offset, offset)
    }
    const stored = await (await reopen()).open(wanted.id)
    await stored.finish()
    assert.equal(hash(await collect(stored.read())), hash(bytes))
  })

  it('a batch may have thousands of chunks', async ({ store }) => {
    const bytes = randomBytes(300_000)
    const stored = await store.create(newUpload())
    await stored.append(batches(bytes, bytes.length, 70))
    await stored.append(batches(bytes.subarray(0, 5000), 5000, 1))
    await stored.finish()
    assert.equal(hash(await collect(stored.read())), hash(Buffer.concat([bytes, bytes.subarray(0, 5000)])))
  })

  it('one opened upload can be appended to again and again', async ({ store }) => {
    const stored = await store.create(newUpload())
    for (const text of ['one', 'two', 'three']) await stored.append(batches(Buffer.from(text)))
    assert.equal(stored.upload.offset, 11)
    await stored.finish()
    assert.equal((await collect(stored.read())).toString(), 'onetwothree')
  })

  it('a batch may be overwritten by its source as soon as the next one is asked for', async ({ store }) => {
    const stored = await store.create(newUpload())
    const buffer = Buffer.alloc(300_000)
    await stored.append(
      (async function* () {
        for (let letter = 97; letter < 97 + 8; letter++) {
          yield [buffer.fill(letter).subarray(0, letter % 2 === 0 ? 1000 : buffer.length)]
        }
        buffer.fill(0)
      })(),
    )
    await stored.finish()
    const text = (await collect(stored.read())).toString()
    assert.equal(text.replace(/(.)\1*/g, '$1'), 'abcdefgh')
    assert.equal(text.length, 4 * 300_000 + 4 * 1000)
  })

  it('a lost lock keeps a prefix and writes nothing more', async ({ store, reopen }) => {
    const bytes = randomBytes(2 * MiB)
    const wanted = newUpload({ length: bytes.length })
    const stored = await store.create(wanted)
    const lost = new UploadError('lock_lost')
    await assert.rejects(stored.append(interrupted(batches(bytes, 300_000), 4, lost)), (error) => error === lost)
    const fresh = await (await reopen()).open(wanted.id)
    const { offset } = fresh.upload
    assert.ok(offset <= 4 * 300_000, `${offset} bytes are more than were handed over`)
    await fresh.append(batches(bytes.subarray(offset)))
    await fresh.finish()
    assert.equal(hash(await collect(fresh.read())), hash(bytes))
  })

  it('after a failure of its source an append goes on where the store stands', async ({ store }) => {
    const wanted = newUpload()
    const stored = await store.create(wanted)
    await stored.append(batches(Buffer.from('kept')))
    await assert.rejects(stored.append(interrupted(batches(Buffer.from('x')), 0, new UploadError('lock_lost'))))
    assert.equal((await store.open(wanted.id)).upload.offset, 4)
  })

  it('uploads do not get in the way of each other', async ({ store }) => {
    const all = Array.from({ length: 6 }, () => ({ bytes: randomBytes(200_000), wanted: newUpload() }))
    await Promise.all(
      all.map(async ({ bytes, wanted }) => {
        await (await store.create(wanted)).append(batches(bytes, 70_000, 5_000))
      }),
    )
    for (const { bytes, wanted } of all) {
      const stored = await store.open(wanted.id)
      await stored.finish()
      assert.equal(hash(await collect(stored.read())), hash(bytes))
    }
  })

  it('one who opened the upload before somebody else appended cannot append at the old offset', async ({ store }) => {
    const wanted = newUpload()
    const late = await store.create(wanted)
    await (await store.open(wanted.id)).append(batches(Buffer.from('first')))
    // A store that notices it only when it writes cannot tell this from a lock that was lost
    await rejects(['offset_mismatch', 'lock_lost'], late.append(batches(Buffer.from('second'))))
    const stored = await store.open(wanted.id)
    await stored.finish()
    assert.equal((await collect(stored.read())).toString(), 'first')
  })
}
