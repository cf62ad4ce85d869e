import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { finishes, noFalseOffset, PLAIN, patch, post, tell } from './support/ailing.ts'
import { content } from './support/content.ts'
import { bytesOnDisk, idOf, temporaryFolder } from './support/folder.ts'
import { holdUp } from './support/held.ts'
import { makeDisk } from './support/image.ts'
import { type Entry, entry } from './support/ledger.ts'
import { type Random, suiteRandom } from './support/random.ts'
import { launch, type Server, startServer } from './support/server.ts'
import { inject } from './support/strace.ts'
import { run } from './support/tools.ts'
import { siteOf } from './support/traffic.ts'
import { begin, look } from './support/uploader.ts'

const LENGTH = 3_000_000
const HANGS = 3000
const FAILED = { status: 500, text: expect.stringMatching(/^ERR_STORAGE_FAILED: /) }

/** An upload of which the server has acknowledged a third. */
async function third(server: Server, key: string, random: Random): Promise<Entry> {
  const one = entry(key, content(key), LENGTH)
  await begin(siteOf(server), one, PLAIN, random)
  expect(await patch(server, one, LENGTH / 3)).toMatchObject({ status: 204 })
  await look(siteOf(server), one)
  return one
}

test.each(['file', 'memory'] as const)(
  'a write that fails with EIO answers 500, counts nothing, and other uploads go on (%s locker)',
  async (locker) => {
    const random = suiteRandom(`write ${locker}`)
    const directory = await temporaryFolder()
    const server = await startServer({ directory, locker })
    const ill = await third(server, 'ill', random)
    const well = entry('well', content('well'), LENGTH)
    const fault = await inject(server.pid, 'write,writev,pwrite64,pwritev', 'EIO', { file: join(directory, idOf(ill)) })
    expect(await patch(server, ill, LENGTH)).toMatchObject(FAILED)
    expect(await patch(server, ill, LENGTH, true)).toMatchObject(FAILED)
    expect(await noFalseOffset(server, directory, ill)).toBe(LENGTH / 3)
    await finishes(server, directory, well, random)
    expect(fault.count()).toBeGreaterThan(0)
    await fault.end()
    await finishes(server, directory, ill, random)
    expect(server.log()).toMatch(/request\.failed .*EIO.*look for errors of the disk/)
  },
)

test.each(['file', 'memory'] as const)(
  'after an fdatasync that failed no later one vouches for its bytes, and none that was acknowledged is lost (always, %s locker)',
  async (locker) => {
    const random = suiteRandom(`sync ${locker}`)
    const directory = await temporaryFolder()
    const server = await startServer({ directory, locker, durability: 'always' })
    const ill = await third(server, 'ill', random)
    const { exchange, sendWrongRest } = holdUp(server.origin, ill, LENGTH / 2)
    await vi.waitFor(async () => expect(await bytesOnDisk(directory, ill)).toBe(LENGTH / 2), { timeout: 60_000 })
    const fault = await inject(server.pid, 'fdatasync', 'EIO')
    sendWrongRest()
    expect((await exchange.ended).answer).toMatchObject(FAILED)
    expect((await tell(server, 'HEAD', ill)).status).toBe(500)
    await fault.end()
    expect(fault.count()).toBeGreaterThan(1)
    expect(await noFalseOffset(server, directory, ill)).toBe(LENGTH / 3)
    await finishes(server, directory, ill, random)
  },
)

test('a finish whose fdatasync failed is not reported complete afterwards: the bytes are sent again', async () => {
  const random = suiteRandom('finish')
  const directory = await temporaryFolder()
  const server = await startServer({ directory, durability: 'finish' })
  const ill = await third(server, 'ill', random)
  const fault = await inject(server.pid, 'fdatasync', 'EIO')
  expect(await patch(server, ill, LENGTH)).toMatchObject(FAILED)
  await fault.end()
  // Before anything was synced nothing of it is known to be on the disk.
  expect(await noFalseOffset(server, directory, ill)).toBe(0)
  expect(await tell(server, 'GET', ill)).toMatchObject({ status: 400 })
  const again = entry(ill.key, ill.content, LENGTH)
  again.created(ill.path ?? '')
  again.declare()
  await finishes(server, directory, again, random)
  expect(server.log()).toMatch(/request\.failed .*sync .*EIO/)
})

test.each([
  { calls: 'rename,renameat,renameat2', locker: 'memory' },
  { calls: 'fsync', locker: 'file' },
] as const)(
  'a record that cannot be replaced ($calls fails) completes and creates nothing ($locker locker)',
  async (plan) => {
    const random = suiteRandom(plan.calls)
    const directory = await temporaryFolder()
    const server = await startServer({ directory, locker: plan.locker })
    const ill = await third(server, 'ill', random)
    const well = await third(server, 'well', random)
    const fault = await inject(server.pid, plan.calls, 'EIO')
    expect(await patch(server, ill, LENGTH)).toMatchObject(FAILED)
    expect(await tell(server, 'HEAD', ill)).toMatchObject({ status: 500 })
    if (plan.calls !== 'fsync') expect(await post(server, 'no record', 5)).toMatchObject(FAILED)
    // What needs no new record goes on.
    expect(await patch(server, well, LENGTH - 1)).toMatchObject({ status: 204 })
    expect(fault.count()).toBeGreaterThan(0)
    await fault.end()
    await look(siteOf(server), ill)
    expect(ill.complete).toBe(true)
    for (const one of [ill, well]) await finishes(server, directory, one, random)
  },
)

test.each([
  { error: 'EIO', answer: FAILED },
  { error: 'EMFILE', answer: { status: 503, text: expect.stringMatching(/^ERR_STORAGE_BUSY: /), retryAfter: '2' } },
])('an upload whose file cannot be opened ($error) is not told, and others go on', async ({ error, answer }) => {
  const random = suiteRandom(`open ${error}`)
  const directory = await temporaryFolder()
  const server = await startServer({ directory, locker: 'memory' })
  const ill = await third(server, 'ill', random)
  const well = entry('well', content('well'), LENGTH)
  const fault = await inject(server.pid, 'open,openat', error, { file: join(directory, idOf(ill)) })
  expect(await patch(server, ill, LENGTH)).toMatchObject(answer)
  expect(await noFalseOffset(server, directory, ill)).toBe(null)
  expect((await tell(server, 'HEAD', ill)).status).toBe(answer.status)
  await finishes(server, directory, well, random)
  await fault.end()
  await finishes(server, directory, ill, random)
})

test.each(['file', 'memory'] as const)(
  'a file system that becomes read-only answers 500 with a hint, and serves again once it is writable (%s locker)',
  async (locker) => {
    const random = suiteRandom(`read-only ${locker}`)
    const disk = makeDisk(join(await temporaryFolder(), 'disk.img'), 64)
    const directory = join(disk.folder, 'uploads')
    const server = await startServer({ directory, locker })
    const one = await third(server, 'one', random)
    const done = entry('done', content('done'), 300_000)
    await finishes(server, directory, done, random)
    run('mount', '-o', 'remount,ro', disk.folder)
    expect(await patch(server, one, LENGTH)).toMatchObject(FAILED)
    expect(await post(server, 'refused', 5)).toMatchObject(FAILED)
    expect((await tell(server, 'DELETE', one)).status).toBe(500)
    // Downloads need no lock and write nothing.
    expect((await tell(server, 'GET', done)).status).toBe(200)
    const told = await noFalseOffset(server, directory, one)
    expect([null, LENGTH / 3]).toContain(told)
    // A server that starts now says what is wrong, and ends.
    await expect(launch({ directory })).rejects.toThrow(/ended with 1[\s\S]*cannot start: .*EROFS/)
    run('mount', '-o', 'remount,rw', disk.folder)
    await finishes(server, directory, one, random)
    expect(server.log()).toMatch(/request\.failed .*EROFS/)
  },
)

test('a folder without permission keeps an ordinary user from starting, with one line that names it', async () => {
  const folder = await temporaryFolder()
  run('chmod', '755', folder)
  const directory = join(folder, 'uploads')
  run('install', '-d', '-m', '755', directory)
  const user = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
  await expect(launch({ directory, launcher: user })).rejects.toThrow(
    new RegExp(`tusker: cannot start: uploads cannot be stored in ${directory}: .*EACCES`),
  )
})

test('permissions that are taken away while it runs answer 500 with a hint, until they are given back', async () => {
  const random = suiteRandom('permissions')
  const folder = await temporaryFolder()
  run('chmod', '755', folder)
  const directory = join(folder, 'uploads')
  run('install', '-d', '-m', '755', '-o', '65534', directory)
  const user = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
  const server = await startServer({ directory, launcher: user })
  const one = await third(server, 'one', random)
  run('chown', '0', directory)
  expect(await post(server, 'refused', 5)).toMatchObject(FAILED)
  // An upload that is there needs its own file only, until it is complete.
  expect(await patch(server, one, LENGTH - 1)).toMatchObject({ status: 204 })
  await look(siteOf(server), one)
  expect(await patch(server, one, LENGTH)).toMatchObject(FAILED)
  expect(await tell(server, 'HEAD', one)).toMatchObject({ status: 500 })
  run('chown', '65534', directory)
  await finishes(server, directory, one, random)
  expect(server.log()).toMatch(/request\.failed .*EACCES.*let the user of this process/)
})

test('a folder that cannot be made is said at the start, also where the system would let one try for ever', () => {
  const program = ['bin/tusker.js', '-port', '0', '-upload-dir', '/proc/nowhere/uploads']
  const start = (): string =>
    execFileSync(process.execPath, program, { encoding: 'utf8', stdio: 'pipe', timeout: 60_000 })
  expect(start).toThrow(
    /cannot start: uploads cannot be stored in \/proc\/nowhere\/uploads: no folder can be made there/,
  )
})

test.each(['file', 'memory'] as const)(
  'a disk that hangs ends no request wrongly, holds no growing queue, and all is done when it is back (%s locker)',
  async (locker) => {
    const random = suiteRandom(`hang ${locker}`)
    const disk = makeDisk(join(await temporaryFolder(), 'disk.img'), 64)
    const directory = join(disk.folder, 'uploads')
    const server = await startServer({ directory, locker, more: ['-acquire-lock-timeout', '1s'] })
    const one = await third(server, 'one', random)
    const held = await third(server, 'held', random)
    const { exchange } = holdUp(server.origin, held, LENGTH / 2)
    await vi.waitFor(async () => expect(await bytesOnDisk(directory, held)).toBe(LENGTH / 2), { timeout: 60_000 })
    disk.freeze()
    const asked = [
      patch(server, one, LENGTH),
      ...Array.from({ length: 30 }, () => tell(server, 'HEAD', one)),
      ...Array.from({ length: 5 }, (_, index) => post(server, `hanging ${index}`, 5)),
    ]
    // The process may wait for the disk in a call that blocks, so nobody need be answered meanwhile.
    await setTimeout(HANGS)
    disk.thaw()
    const statuses = (await Promise.all(asked)).map(({ status }) => status)
    expect(statuses.filter((status) => ![200, 201, 204, 400, 423].includes(status))).toEqual([])
    exchange.cut()
    await exchange.ended
    for (const each of [one, held]) await finishes(server, directory, each, random)
  },
)
