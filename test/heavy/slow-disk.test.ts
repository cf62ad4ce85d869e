import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { content } from './support/content.ts'
import { proveByDownload } from './support/download.ts'
import { bytesOnDisk, inventory, proveOnDisk, temporaryFolder } from './support/folder.ts'
import { makeDisk } from './support/image.ts'
import { entry } from './support/ledger.ts'
import { eager, trickle } from './support/pace.ts'
import { report, suiteRandom } from './support/random.ts'
import { rounds } from './support/rounds.ts'
import { startServer } from './support/server.ts'
import { siteOf } from './support/traffic.ts'
import { append } from './support/tus.ts'
import { begin, type Habits, look, upload } from './support/uploader.ts'

const PLAIN: Habits = { step: [1, 1 << 20], checked: 0, wrong: 0, withContent: 0, cut: 0, pace: eager }
const LENGTH = 6 << 20
const ROUNDS = rounds(3, 5)
const HANGS = 2000

test.each(['file', 'memory'] as const)(
  'a client leaves in the middle of a body while the disk hangs, and comes back before the write is done (%s locker)',
  async (locker) => {
    const random = suiteRandom(`slow disk ${locker}`)
    const disk = makeDisk(join(await temporaryFolder(), 'disk.img'), 128)
    const directory = join(disk.folder, 'uploads')
    const server = await startServer({ directory, locker })
    for (let round = 0; round < ROUNDS; round++) {
      const one = entry(`slow-${round}`, content(`slow-${round}`), LENGTH)
      await begin(siteOf(server), one, PLAIN, random)
      const note = one.sending(0)
      note(LENGTH)
      const pace = trickle(random, 64 << 10, 3)
      const going = append(server.origin, one.path ?? '', { content: one.content, from: 0, to: LENGTH, pace })
      const enough = random.int(1, 3 << 20)
      await vi.waitFor(async () => expect(await bytesOnDisk(directory, one)).toBeGreaterThan(enough), {
        timeout: 60_000,
        interval: 5,
      })
      disk.freeze()
      // The client goes on for a little, so that bytes arrive which cannot be written; then it leaves, and comes back at once.
      await setTimeout(random.int(10, 100))
      going.cut()
      await going.ended
      const back = look(siteOf(server), one)
      const patch = append(server.origin, one.path ?? '', { content: one.content, from: 0, to: LENGTH })
      await setTimeout(HANGS)
      disk.thaw()
      await back
      const { answer } = await patch.ended
      expect(answer?.status).toBe(409)
      expect(one.acknowledged).toBeGreaterThan(enough)
      await upload(siteOf(server), one, { ...PLAIN, checked: 0.3 }, random)
      await proveByDownload(siteOf(server), one)
      await proveOnDisk(directory, one)
    }
    report(`${locker}: ${ROUNDS} uploads cut while the disk hung for ${HANGS} ms`)
    expect((await inventory(directory)).others).toEqual([])
  },
)
