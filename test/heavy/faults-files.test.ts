import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { finishes, noFalseOffset, PLAIN, patch, tell } from './support/ailing.ts'
import { content } from './support/content.ts'
import { idOf, sweepInTwoDays, temporaryFolder } from './support/folder.ts'
import { type Entry, entry } from './support/ledger.ts'
import { suiteRandom } from './support/random.ts'
import { type Server, startServer } from './support/server.ts'
import { run } from './support/tools.ts'
import { siteOf } from './support/traffic.ts'
import { begin, look } from './support/uploader.ts'

const LENGTH = 2_000_000
const STANDS = LENGTH / 2

/** What somebody did to the files of an upload that stands at a half, and what follows. */
interface Damage {
  readonly name: string
  /** `data` is the file with the bytes; `record` lies beside it. */
  do(data: string, record: string): Promise<unknown>
  /** Of HEAD and PATCH. */
  readonly status: number
  /** What the sweep leaves of both files, two days later. */
  readonly left: readonly ('data' | 'record')[]
  /** Whether the upload can be finished once the damage is undone. */
  readonly undone?: boolean
}

const rewrite = async (record: string, change: (text: string) => string): Promise<void> =>
  writeFile(record, change(await readFile(record, 'utf8')))

const DAMAGES: readonly Damage[] = [
  { name: 'a record that was deleted', do: (_, record) => rm(record), status: 404, left: [] },
  { name: 'bytes that were deleted', do: (data) => rm(data), status: 404, left: [] },
  { name: 'an empty record', do: (_, record) => truncate(record), status: 404, left: [] },
  {
    name: 'a record that is garbage',
    do: (_, record) => rewrite(record, () => '{"ID": \0\xff'),
    status: 500,
    left: ['data', 'record'],
    undone: true,
  },
  {
    name: 'a record that was cut off',
    do: (_, record) => rewrite(record, (text) => text.slice(0, text.length / 2)),
    status: 500,
    left: ['data', 'record'],
    undone: true,
  },
  {
    name: 'a record of a future that knows other words',
    do: (_, record) => rewrite(record, (text) => text.replace('"at_length"', '"at_noon"')),
    status: 500,
    left: ['data', 'record'],
    undone: true,
  },
  {
    name: 'a folder in the place of the bytes',
    do: async (data) => {
      await rm(data)
      await mkdir(data)
    },
    status: 404,
    left: ['data'],
  },
  {
    name: 'a folder in the place of the record',
    do: async (_, record) => {
      await rm(record)
      await mkdir(record)
    },
    status: 404,
    left: ['record'],
  },
  {
    name: 'a symbolic link in the place of the bytes',
    do: async (data) => {
      await rename(data, `${data}.aside`)
      await symlink('/etc/passwd', data)
    },
    status: 500,
    left: ['data', 'record'],
  },
  {
    name: 'a pipe in the place of the bytes',
    do: async (data) => {
      await rm(data)
      run('mkfifo', data)
    },
    status: 404,
    left: ['data'],
  },
  {
    name: 'more bytes than the upload may have',
    do: (data) => truncate(data, LENGTH + 1),
    status: 500,
    left: ['data', 'record'],
  },
]

/** An upload that stands at a half. */
async function half(server: Server, key: string): Promise<Entry> {
  const one = entry(key, content(key), LENGTH)
  await begin(siteOf(server), one, PLAIN, suiteRandom(key))
  expect(await patch(server, one, STANDS)).toMatchObject({ status: 204 })
  await look(siteOf(server), one)
  return one
}

test.each(DAMAGES)(
  '$name: a clear answer, no false offset, others go on, and the sweep knows what to leave',
  async (damage) => {
    const random = suiteRandom(damage.name)
    const directory = await temporaryFolder()
    const server = await startServer({ directory })
    const one = await half(server, 'damaged')
    const well = await half(server, 'well')
    const data = join(directory, idOf(one))
    const record = `${data}.info`
    const before = await readFile(record)
    await damage.do(data, record)

    expect((await tell(server, 'HEAD', one)).status).toBe(damage.status)
    const told = await patch(server, one, LENGTH)
    expect(told.status).toBe(damage.status)
    expect(told.text).toMatch(damage.status === 404 ? /^ERR_UPLOAD_NOT_FOUND: / : /^ERR_STORAGE_FAILED: /)
    expect(await noFalseOffset(server, directory, one)).toBe(null)
    expect((await tell(server, 'GET', one)).status).toBe(damage.status)
    if (damage.status === 500) expect(server.log()).toMatch(/request\.failed .*hint=".*(restore|remove)/)

    if (damage.undone === true) {
      await sweepInTwoDays(directory)
      await writeFile(record, before)
      await finishes(server, directory, one, random)
    }
    await finishes(server, directory, well, random)
    server.signal('SIGTERM')
    expect((await server.exited).code).toBe(0)
    await sweepInTwoDays(directory)
    const left = { data: existsSync(data), record: existsSync(record) }
    expect(left).toEqual({ data: damage.left.includes('data'), record: damage.left.includes('record') })
  },
)

test('bytes cut off below an acknowledged offset: HEAD tells what is there, and the upload goes on from there', async () => {
  const random = suiteRandom('cut off')
  const directory = await temporaryFolder()
  const server = await startServer({ directory })
  const one = await half(server, 'cut')
  await truncate(join(directory, idOf(one)), 12_345)
  expect(await patch(server, one, LENGTH)).toMatchObject({ status: 409 })
  expect(await noFalseOffset(server, directory, one)).toBe(12_345)
  const again = entry(one.key, one.content, LENGTH)
  again.created(one.path ?? '')
  again.declare()
  again.sending(0)(LENGTH)
  await finishes(server, directory, again, random)
})

test('bytes of a finished upload cut off: no offset, no download, and what to do in the log', async () => {
  const random = suiteRandom('finished and cut')
  const directory = await temporaryFolder()
  const server = await startServer({ directory })
  const one = await half(server, 'finished')
  await finishes(server, directory, one, random)
  await truncate(join(directory, idOf(one)), 12_345)
  for (const method of ['HEAD', 'GET'] as const) expect((await tell(server, method, one)).status).toBe(500)
  expect(await noFalseOffset(server, directory, one)).toBe(null)
  expect(server.log()).toMatch(/request\.failed .*12345 bytes, not 2000000 when the upload was finished; restore it/)
})
