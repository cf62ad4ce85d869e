import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Grant } from '../../src/core/rights.ts'
import { parseUploadId } from '../../src/core/upload.ts'
import { fileLocker } from '../../src/lockers/file.ts'
import { diskStore } from '../../src/stores/disk.ts'
import { createUploads } from '../../src/uploads.ts'
import { caller, creation } from '../support/engine.ts'
import { nodeDoor } from '../tus/support/node-door.ts'
import { host, idOf } from '../tus/support/site.ts'

/** Whoever asks names himself. */
const named = (_: string, __: unknown, request: { header(name: 'x-user'): string | null }): Grant => ({
  owner: request.header('x-user'),
})
const as = (user: string) => ({ 'X-User': user })

describe('quotas', () => {
  const site = host(nodeDoor, {
    authorize: named,
    quotas: { perOwner: { maxUploads: 10, maxBytes: 1000 } },
    expireAfter: 3_600_000,
  })
  const chosen = host(nodeDoor, {
    authorize: () => ({ owner: 'anna' }),
    quotas: { perOwner: { maxUploads: 10 } },
    hooks: { preCreate: (_, { header }) => ({ id: header('x-id') ?? 'none' }) },
  })

  it('of 200 parallel creations against a quota of 10 exactly 10 succeed', async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => site.post({ 'Upload-Length': '5', ...as('anna') })),
    )
    const statuses = answers.map(({ status }) => status)
    expect(statuses.filter((status) => status === 201)).toHaveLength(10)
    expect(statuses.filter((status) => status === 429)).toHaveLength(190)
    const refused = answers.find(({ status }) => status === 429)
    expect(refused?.header('retry-after')).toMatch(/^\d+$/)
    expect(refused?.text).toContain('ERR_QUOTA_EXCEEDED')
    // Another owner has a quota of his own, and nobody's uploads have none.
    expect((await site.post({ 'Upload-Length': '5', ...as('bert') })).status).toBe(201)
    expect((await site.post({ 'Upload-Length': '5' })).status).toBe(201)
  })

  it('of 200 parallel creations in two processes on one folder exactly 10 succeed', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tusker-quota-'))
    const serve = () =>
      createUploads({
        store: diskStore({ directory, durability: 'none' }),
        locker: fileLocker({ directory }),
        authorize: () => ({ owner: 'anna' }),
        quotas: { perOwner: { maxUploads: 10 } },
      })
    const servers = [await serve(), await serve()]
    const results = await Promise.allSettled(
      Array.from({ length: 200 }, async (_, index) =>
        servers[index % 2]?.engine.create(creation, { ...caller, signal: new AbortController().signal }),
      ),
    )
    for (const server of servers) await server.close()
    await rm(directory, { recursive: true, force: true })
    const reasons = new Set(results.map((result) => (result.status === 'rejected' ? result.reason.code : 'created')))
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(10)
    expect([...reasons].sort()).toEqual(['created', 'quota_uploads'])
  })

  it('an upload that is finished, removed or expired makes room for another', async () => {
    const user = as('carla')
    const urls: string[] = []
    for (let count = 0; count < 10; count++) urls.push(await site.create({ 'Upload-Length': '5', ...user }))
    const [finished = '', removed = ''] = urls
    const full = async () => (await site.post({ 'Upload-Length': '5', ...user })).status
    expect(await full()).toBe(429)
    await site.patch(finished, 0, 'hello', user)
    expect(await full()).toBe(201)
    expect(await full()).toBe(429)
    await site.send('DELETE', removed, user)
    expect(await full()).toBe(201)
    expect(await full()).toBe(429)
    await site.uploads.engine.sweep(new Date(Date.now() + 7_200_000))
    expect(await full()).toBe(201)
  })

  it('bytes of unfinished uploads are counted; one that alone is too much is too large', async () => {
    const user = as('dora')
    expect((await site.post({ 'Upload-Length': '1001', ...user })).status).toBe(413)
    await site.create({ 'Upload-Length': '600', ...user })
    expect(await site.post({ 'Upload-Length': '401', ...user })).toMatchObject({ status: 507 })
    expect((await site.post({ 'Upload-Length': '400', ...user })).status).toBe(201)
  })

  it('cannot be passed by deferring the length', async () => {
    const user = as('emil')
    await site.create({ 'Upload-Length': '600', ...user })
    const url = await site.create({ 'Upload-Defer-Length': '1', ...user })
    expect((await site.patch(url, 0, 'x'.repeat(401), user)).status).toBe(507)
    expect((await site.patch(url, 0, 'x'.repeat(100), user)).status).toBe(204)
    // What it holds counts now.
    expect((await site.post({ 'Upload-Length': '301', ...user })).status).toBe(507)
    expect((await site.patch(url, 100, '', { ...user, 'Upload-Length': '401' })).status).toBe(507)
    expect((await site.patch(url, 100, '', { ...user, 'Upload-Length': '400' })).status).toBe(204)
    expect((await site.patch(url, 100, 'x'.repeat(300), user)).status).toBe(204)
    expect((await site.post({ 'Upload-Length': '400', ...user })).status).toBe(201)
  })

  it('two transfers of unknown length cannot pass it together', async () => {
    const user = as('fritz')
    const fields = { 'Upload-Defer-Length': '1', ...user }
    const urls = [await site.create(fields), await site.create(fields)]
    const answers = await Promise.all(urls.map((url) => site.patch(url, 0, 'x'.repeat(600), user)))
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 507])
  })

  it('is not freed by a creation whose id is taken', async () => {
    for (let count = 0; count < 10; count++) await chosen.create({ 'Upload-Length': '5', 'X-Id': `id-${count}` })
    expect((await chosen.post({ 'Upload-Length': '5', 'X-Id': 'id-0' })).status).toBe(409)
    expect((await chosen.post({ 'Upload-Length': '5', 'X-Id': 'another' })).status).toBe(429)
  })

  it('counts a length that was declared together with a checksum', async () => {
    const user = as('ida')
    const url = await site.create({ 'Upload-Defer-Length': '1', ...user })
    const digest = createHash('sha1').update('hello').digest('base64')
    const fields = { ...user, 'Upload-Length': '900', 'Upload-Checksum': `sha1 ${digest}` }
    expect((await site.patch(url, 0, 'hello', fields)).status).toBe(204)
    expect((await site.post({ 'Upload-Length': '101', ...user })).status).toBe(507)
    expect((await site.post({ 'Upload-Length': '100', ...user })).status).toBe(201)
  })

  it('a creation that fails frees what it had reserved', async () => {
    const user = as('gerda')
    for (let count = 0; count < 30; count++) {
      const answer = await site.post(
        {
          'Upload-Length': '5',
          'Content-Type': 'application/offset+octet-stream',
          'Upload-Checksum': 'crc32 AAAAAA==',
          ...user,
        },
        'hello',
      )
      expect(answer.status).toBe(460)
    }
  })

  it('an upload that vanished from the folder does not count for ever', async () => {
    const user = as('hans')
    for (let count = 0; count < 10; count++) await site.create({ 'Upload-Length': '5', ...user })
    for (const name of await site.files()) await rm(join(site.directory, name), { recursive: true })
    expect((await site.post({ 'Upload-Length': '5', ...user })).status).toBe(201)
  })
})

describe('rates of creation', () => {
  const site = host(nodeDoor, {
    authorize: (operation, upload, request) => {
      const grant = named(operation, upload, request)
      return grant.owner === 'strict' ? { ...grant, quota: { creationsPerMinute: 2 } } : grant
    },
    quotas: { perOwner: { creationsPerMinute: 5 }, perAddress: { creationsPerMinute: 12 } },
  })
  const creations = async (user: string, count: number) => {
    const statuses: number[] = []
    for (let round = 0; round < count; round++)
      statuses.push((await site.post({ 'Upload-Length': '0', ...as(user) })).status)
    return statuses.filter((status) => status === 201).length
  }

  it('limit an owner, by the rights first, and then the address', async () => {
    expect(await creations('strict', 4)).toBe(2)
    expect(await creations('anna', 7)).toBe(5)
    const refused = await site.post({ 'Upload-Length': '0', ...as('anna') })
    expect(refused.status).toBe(429)
    expect(Number(refused.header('retry-after'))).toBeGreaterThan(0)
    // Twelve of the address are used up by now, refused ones included.
    expect(await creations('bert', 3)).toBe(0)
  })
})

describe('a limit by a function of the request', () => {
  const site = host(nodeDoor, { maxSize: async ({ header }) => (header('x-user') === 'large' ? 0 : 10) })

  it('holds for the upload, however late its length is told', async () => {
    expect((await site.post({ 'Upload-Length': '11' })).status).toBe(413)
    expect((await site.post({ 'Upload-Length': '11', ...as('large') })).status).toBe(201)
    const url = await site.create({ 'Upload-Defer-Length': '1' })
    expect((await site.patch(url, 0, 'x'.repeat(11))).status).toBe(413)
    // Who created it has a say, not who sends.
    expect((await site.patch(url, 0, 'x'.repeat(11), as('large'))).status).toBe(413)
    expect((await site.patch(url, 0, 'x'.repeat(10))).status).toBe(204)
  })
})

describe('who may only look', () => {
  let refuses = true
  const site = host(nodeDoor, {
    authorize: (operation, _, { header }) =>
      operation === 'create' || header('x-user') === 'owner' || operation === 'head',
    hooks: { preFinish: () => (refuses ? { reject: true } : null) },
  })

  it('sees where an upload stands that only another may complete, and does not complete it', async () => {
    const url = await site.create({ 'Upload-Length': '5' })
    expect((await site.patch(url, 0, 'hello', as('owner'))).status).toBe(400)
    refuses = false
    expect(await site.head(url)).toMatchObject({ status: 200 })
    expect((await site.storeAgain().open(parseUploadId(idOf(url)))).upload.complete).toBe(false)
    expect((await site.send('HEAD', url, as('owner'))).header('upload-offset')).toBe('5')
    expect((await site.storeAgain().open(parseUploadId(idOf(url)))).upload.complete).toBe(true)
  })
})
