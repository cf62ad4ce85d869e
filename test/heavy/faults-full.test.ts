import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { finishes, noFalseOffset, PLAIN, patch, post, tell } from './support/ailing.ts'
import { content } from './support/content.ts'
import { bytesOnDisk, inventory, temporaryFolder } from './support/folder.ts'
import { holdUp } from './support/held.ts'
import { entry } from './support/ledger.ts'
import { suiteRandom } from './support/random.ts'
import { startServer } from './support/server.ts'
import { mountSmall } from './support/tmpfs.ts'
import { siteOf } from './support/traffic.ts'
import { begin, look } from './support/uploader.ts'

const MIB = 1 << 20
const FULL = { status: 507, text: expect.stringMatching(/^ERR_STORAGE_FULL: /) }

test.each([
  { locker: 'file', durability: 'finish' },
  { locker: 'memory', durability: 'always' },
] as const)(
  'a full disk answers 507, keeps what fitted, and all goes on once there is space ($locker locker, $durability)',
  async (plan) => {
    const random = suiteRandom(`full ${plan.locker}`)
    const small = mountSmall(join(await temporaryFolder(), 'small'), 8 * MIB)
    const directory = join(small.folder, 'uploads')
    const server = await startServer({ directory, ...plan })
    const site = siteOf(server)

    // In the middle of a body: what fitted counts.
    const middle = entry('middle', content('middle'), 12 * MIB)
    const due = entry('due', content('due'), 2 * MIB)
    const calm = entry('calm', content('calm'), 300_000)
    for (const one of [middle, due, calm]) await begin(site, one, PLAIN, random)
    expect(await patch(server, due, due.length - 1)).toMatchObject({ status: 204 })
    await look(site, due)
    expect(await patch(server, middle, middle.length)).toMatchObject(FULL)
    const kept = await noFalseOffset(server, directory, middle)
    expect(kept).toBeGreaterThan(4 * MIB)
    await look(site, middle)

    // Whatever is left of space, down to the last page.
    const ballast = join(small.folder, 'ballast')
    fill(ballast)

    // Not one byte more, checked or not; nor a creation, nor the record of an upload that is all there.
    expect(await patch(server, middle, middle.length)).toMatchObject(FULL)
    expect(await patch(server, middle, middle.length, true)).toMatchObject(FULL)
    expect(await post(server, 'no room', 5)).toMatchObject(FULL)
    expect(await noFalseOffset(server, directory, middle)).toBe(kept)
    // The last byte fits into a page that is there; the record that says so does not.
    expect(await patch(server, due, due.length)).toMatchObject(FULL)
    const stands = await tell(server, 'HEAD', due)
    expect(stands.status).toBe(507)
    expect((await inventory(directory)).records.size).toBe(3)
    expect((await inventory(directory)).others.filter((name) => !name.startsWith('.locks/'))).toEqual([])

    // A client that waits in the middle of its body is not disturbed by all that.
    small.resize(9 * MIB)
    const { exchange } = holdUp(server.origin, calm, 100_000)
    await vi.waitFor(async () => expect(await bytesOnDisk(directory, calm)).toBe(100_000), { timeout: 60_000 })
    fill(ballast)
    expect(await patch(server, middle, middle.length)).toMatchObject(FULL)
    rmSync(ballast)
    exchange.cut()
    await exchange.ended

    small.resize(64 * MIB)
    for (const one of [middle, due, calm]) await finishes(server, directory, one, random)
    expect(server.log()).toMatch(/request\.failed .*ENOSPC.*free space/)
  },
)

/** Takes all space of a file system. */
function fill(path: string): void {
  for (const size of [1 << 16, 1 << 12]) {
    try {
      for (;;) writeFileSync(path, Buffer.alloc(size), { flag: 'a' })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
    }
  }
}
