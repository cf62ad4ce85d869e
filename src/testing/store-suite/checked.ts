import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { UploadError } from '../../core/errors.ts'
import type { Bytes } from '../../core/store.ts'
import { batches, checked, collect, hash, type It, interrupted, KiB, MiB, newUpload, SIZES } from './testbed.ts'

/** The shortcut for checksums: all bytes of a body or none. */
export function appendCheckedTests(it: It): void {
  for (const size of SIZES) {
    it(`${size} bytes count if they pass, and only then`, async ({ store, reopen }) => {
      const wanted = newUpload()
      const stored = await store.create(wanted)
      await stored.append(batches(Buffer.from('before')))
      const bytes = randomBytes(size)

      const refused = await checked(stored, batches(bytes, MiB, 64 * KiB), () => false)
      assert.equal(refused.offset, 6)
      assert.equal((await (await reopen()).open(wanted.id)).upload.offset, 6)

      let asked = 0
      const accepted = await checked(stored, batches(bytes, 200_000, 10_000), () => ++asked > 0)
      assert.equal(asked, 1)
      assert.equal(accepted.offset, 6 + size)
      const fresh = await (await reopen()).open(wanted.id)
      assert.equal(fresh.upload.offset, 6 + size)
      await fresh.finish()
      assert.equal(hash(await collect(fresh.read())), hash(Buffer.concat([Buffer.from('before'), bytes])))
    })
  }

  it('bytes that wait for the verdict are no longer those of the source', async ({ store }) => {
    const stored = await store.create(newUpload())
    const buffer = Buffer.alloc(1000)
    const source = async function* (): Bytes {
      for (const letter of 'abc') yield [buffer.fill(letter)]
      buffer.fill('?')
    }
    await checked(stored, source(), () => true)
    await stored.finish()
    const text = (await collect(stored.read())).toString()
    assert.equal(text, `${'a'.repeat(1000)}${'b'.repeat(1000)}${'c'.repeat(1000)}`)
  })

  for (const size of [1000, 2 * MiB]) {
    it(`${size} bytes do not count if the lock is lost, or the verdict fails, and what follows is whole`, async (made) => {
      const wanted = newUpload()
      const stored = await made.store.create(wanted)
      await stored.append(batches(Buffer.from('before')))
      const bytes = randomBytes(size)
      const lost = new UploadError('lock_lost')
      const cut = interrupted(batches(bytes, size / 4), 3, lost)
      await assert.rejects(
        checked(stored, cut, () => true),
        (error) => error === lost,
      )

      const second = await (await made.reopen()).open(wanted.id)
      assert.equal(second.upload.offset, 6)
      const wrong = new UploadError('invalid_checksum')
      const verdict = () => {
        throw wrong
      }
      await assert.rejects(
        async () => second.appendChecked?.(batches(bytes, size / 4), verdict),
        (error) => error === wrong,
      )

      const third = await (await made.reopen()).open(wanted.id)
      assert.equal(third.upload.offset, 6)
      await third.append(batches(Buffer.from(' after')))
      const fourth = await (await made.reopen()).open(wanted.id)
      assert.equal(fourth.upload.offset, 12)
      await fourth.finish()
      assert.equal((await collect(fourth.read())).toString(), 'before after')
    })
  }
}
