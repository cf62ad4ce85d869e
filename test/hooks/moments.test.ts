import { describe, expect, it, vi } from 'vitest'
import type { Hooks, Moment, Rejection } from '../../src/core/hooks.ts'
import type { NewUpload, Upload } from '../../src/core/upload.ts'
import { fetchDoor } from '../tus/support/fetch-door.ts'
import { nodeDoor } from '../tus/support/node-door.ts'
import { host, OCTETS, type Site } from '../tus/support/site.ts'

/** What hooks were called with, in order. */
interface Called {
  readonly moment: Moment
  readonly upload: NewUpload | Upload
}

const meta = (upload: NewUpload, key: string): string | undefined => upload.metadata.get(key) ?? undefined
const metadata = (fields: Readonly<Record<string, string>>): string =>
  Object.entries(fields)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    .join(',')
const no = (status: number, body: string): Rejection => ({
  reject: true,
  reply: { status, body, headers: { 'X-Reason': body } },
})

/** Hooks that do what the metadata of an upload asks for. */
function obedient(called: Called[]): Hooks {
  const note = (moment: Moment, upload: NewUpload | Upload): void => void called.push({ moment, upload })
  return {
    preCreate(upload) {
      note('preCreate', upload)
      switch (meta(upload, 'create')) {
        case 'reject':
          return no(418, 'teapot')
        case 'change':
          return {
            id: meta(upload, 'id') ?? 'chosen',
            metadata: new Map([['filename', 'other.txt']]),
            owner: 'anna',
            reply: { headers: { 'X-Hook': 'created' }, body: 'welcome' },
          }
        case 'small':
          return { maxSize: 8 }
        case 'soon':
          return { expiresAt: new Date(Date.now() + 3_600_000) }
        case 'past':
          return { expiresAt: new Date(Date.now() - 1000) }
        case 'outside':
          return { id: '../../etc/passwd' }
        case 'storage':
          return { storage: { Path: '/etc/passwd' } }
        case 'nonsense':
          return { maxSize: -1 }
        case 'euro':
          return { metadata: new Map([['\u20ac', '1']]) }
        case 'spaced':
          return { metadata: new Map([['a b', '1']]) }
        default:
          return null
      }
    },
    postCreate: (upload) => note('postCreate', upload),
    postReceive(upload) {
      note('postReceive', upload)
      return meta(upload, 'receive') === 'stop' ? no(409, 'enough') : null
    },
    preFinish(upload) {
      note('preFinish', upload)
      if (meta(upload, 'finish') === 'reject') return no(422, 'unsound')
      return meta(upload, 'finish') === 'reply'
        ? { reply: { headers: { 'X-Hook': 'finished' }, status: 200, body: 'done' } }
        : null
    },
    postFinish: (upload) => note('postFinish', upload),
    preTerminate(upload) {
      note('preTerminate', upload)
      if (meta(upload, 'terminate') === 'reject') return no(423, 'kept')
      return { reply: { headers: { 'X-Hook': 'terminated' } } }
    },
    postTerminate: (upload) => note('postTerminate', upload),
  }
}

describe.each([['node', nodeDoor] as const, ['fetch', fetchDoor] as const])(
  'hooks through the door for %s',
  (_, door) => {
    const called: Called[] = []
    const site = host(door, { hooks: obedient(called), progressInterval: 20, maxSize: 1000 })
    const partial = host(door, { hooks: obedient(called), partialFinish: true })
    const momentsOf = (url: string) =>
      called.filter(({ upload }) => url.endsWith(`/${upload.id}`)).map(({ moment }) => moment)

    it('are called at each moment of an upload, in order', async () => {
      const url = await site.create({ 'Upload-Length': '5' })
      await site.patch(url, 0, 'hello')
      await site.send('DELETE', url)
      await vi.waitFor(() =>
        expect(momentsOf(url).sort()).toEqual([
          ...['postCreate', 'postFinish', 'postReceive', 'postTerminate', 'preCreate', 'preFinish', 'preTerminate'],
        ]),
      )
    })

    it('may reject a creation with status, headers and body of their own; nothing is stored', async () => {
      const before = await site.files()
      const answer = await site.post({ 'Upload-Length': '5', 'Upload-Metadata': metadata({ create: 'reject' }) })
      expect([answer.status, answer.header('x-reason'), answer.text]).toEqual([418, 'teapot', 'teapot'])
      expect(await site.files()).toEqual(before)
    })

    it('may choose id, metadata and owner, and add to the reply', async () => {
      const answer = await site.post({
        'Upload-Length': '5',
        'Upload-Metadata': metadata({ create: 'change', id: 'folder/mine' }),
      })
      expect(answer).toMatchObject({ status: 201, text: 'welcome' })
      expect(answer.header('x-hook')).toBe('created')
      const url = new URL(answer.header('location') ?? '', site.base).href
      expect(url).toBe(`${site.base}folder/mine`)
      expect((await site.head(url)).header('upload-metadata')).toBe(metadata({ filename: 'other.txt' }))
    })

    it('an id that is taken is a conflict, and no upload is overwritten', async () => {
      const fields = { 'Upload-Length': '5', 'Upload-Metadata': metadata({ create: 'change', id: 'twice' }) }
      const first = await site.create(fields)
      await site.patch(first, 0, 'hello')
      expect((await site.post(fields)).status).toBe(409)
      expect(await site.content(first)).toBe('hello')
    })

    it('an id that leads outside, or a place that the store does not know, is an error of ours, and stores nothing', async () => {
      const before = await site.files()
      for (const create of ['outside', 'storage', 'nonsense', 'euro', 'spaced']) {
        const answer = await site.post({ 'Upload-Length': '5', 'Upload-Metadata': metadata({ create }) })
        expect(answer.status, create).toBe(500)
        expect(answer.text).not.toContain('passwd')
      }
      expect(await site.files()).toEqual(before)
    })

    it('may limit the size of an upload, also where its length comes late', async () => {
      const small = { 'Upload-Metadata': metadata({ create: 'small' }) }
      expect((await site.post({ 'Upload-Length': '9', ...small })).status).toBe(413)
      const url = await site.create({ 'Upload-Defer-Length': '1', ...small })
      expect((await site.patch(url, 0, '123456789')).status).toBe(413)
      expect((await site.patch(url, 0, '1234')).status).toBe(204)
      expect((await site.patch(url, 4, '', { 'Upload-Length': '9' })).status).toBe(413)
      expect((await site.patch(url, 4, '5678', { 'Upload-Length': '8' })).status).toBe(204)
    })

    it('cannot raise the limit of the server', async () => {
      expect((await site.post({ 'Upload-Length': '1001' })).status).toBe(413)
    })

    it('may say when an upload expires', async () => {
      const answer = await site.post({ 'Upload-Length': '5', 'Upload-Metadata': metadata({ create: 'soon' }) })
      const left = new Date(answer.header('upload-expires') ?? '').getTime() - Date.now()
      expect(left).toBeGreaterThan(3_500_000)
      expect(left).toBeLessThan(3_700_000)
      const past = await site.create({ 'Upload-Length': '5', 'Upload-Metadata': metadata({ create: 'past' }) })
      expect((await site.head(past)).status).toBe(410)
    })

    it('may refuse a completion: what came stays, and the next request asks again', async () => {
      const url = await site.create({ 'Upload-Length': '5', 'Upload-Metadata': metadata({ finish: 'reject' }) })
      const answer = await site.patch(url, 0, 'hello')
      expect([answer.status, answer.header('x-reason'), answer.text]).toEqual([422, 'unsound', 'unsound'])
      expect((await site.send('GET', url)).status).toBe(422)
      expect(momentsOf(url).filter((moment) => moment === 'preFinish')).toHaveLength(2)
      expect(momentsOf(url)).not.toContain('postFinish')
    })

    it('may add to the reply of a completion', async () => {
      const url = await site.create({ 'Upload-Length': '5', 'Upload-Metadata': metadata({ finish: 'reply' }) })
      const answer = await site.patch(url, 0, 'hello')
      expect([answer.status, answer.header('x-hook'), answer.text]).toEqual([200, 'finished', 'done'])
    })

    it('may refuse a termination, and add to its reply', async () => {
      const kept = await site.create({ 'Upload-Length': '5', 'Upload-Metadata': metadata({ terminate: 'reject' }) })
      expect(await site.send('DELETE', kept)).toMatchObject({ status: 423, text: 'kept' })
      expect((await site.head(kept)).status).toBe(200)
      const answer = await site.send('DELETE', await site.create({ 'Upload-Length': '5' }))
      expect([answer.status, answer.header('x-hook')]).toEqual([204, 'terminated'])
    })

    it('partial uploads are files for finish hooks only if that is wanted', async () => {
      for (const [at, wanted] of [
        [site, false],
        [partial, true],
      ] as const) {
        const url = await at.create({ 'Upload-Length': '5', 'Upload-Concat': 'partial' }, 'hello')
        const final = await at.create({ 'Upload-Concat': `final;${url}` })
        await vi.waitFor(() => expect(momentsOf(final)).toContain('postFinish'))
        expect(momentsOf(url).includes('preFinish')).toBe(wanted)
        expect(momentsOf(url).includes('postFinish')).toBe(wanted)
      }
    })
  },
)

describe('postReceive', () => {
  const called: Called[] = []
  const site = host(nodeDoor, { hooks: obedient(called), progressInterval: 20 })

  const begin = async (at: Site, url: string) => {
    const wire = await at.connect()
    await wire.write(
      at.text('PATCH', url, { 'Upload-Offset': '0', 'Content-Type': OCTETS, 'Content-Length': '100' }, 'hello'),
    )
    return wire
  }

  it('may stop a running upload: it gets the reply, the upload is removed, postTerminate is told and preTerminate is not', async () => {
    const url = await site.create({ 'Upload-Length': '100', 'Upload-Metadata': metadata({ receive: 'stop' }) })
    const wire = await begin(site, url)
    const answer = await wire.answer('PATCH')
    expect([answer.status, answer.header('x-reason'), answer.text]).toEqual([409, 'enough', 'enough'])
    wire.cut()
    expect((await site.head(url)).status).toBe(404)
    expect(await site.files()).toEqual([])
    const moments = () => called.filter(({ upload }) => url.endsWith(upload.id)).map(({ moment }) => moment)
    await vi.waitFor(() => expect(moments()).toContain('postTerminate'))
    expect(moments()).not.toContain('preTerminate')
  })

  it('that would stop an upload whose bytes are all there comes too late', async () => {
    const url = await site.create({ 'Upload-Length': '5', 'Upload-Metadata': metadata({ receive: 'stop' }) })
    expect((await site.patch(url, 0, 'hello')).status).toBe(204)
    expect(await site.content(url)).toBe('hello')
  })

  it('that stops a creation with upload leaves nothing', async () => {
    const wire = await site.connect()
    const fields = { 'Upload-Length': '100', 'Content-Type': OCTETS, 'Content-Length': '100' }
    await wire.write(
      site.text('POST', site.base, { ...fields, 'Upload-Metadata': metadata({ receive: 'stop' }) }, 'hello'),
    )
    expect((await wire.answer('POST')).status).toBe(409)
    wire.cut()
    expect((await site.files()).filter((name) => name.endsWith('.part'))).toEqual([])
  })
})

describe('an owner', () => {
  const owners: (string | undefined)[] = []
  const site = host(nodeDoor, {
    authorize: () => ({ owner: 'anna' }),
    hooks: {
      preCreate: (upload) => ({ owner: meta(upload, 'to') ?? null }),
      postCreate: ({ owner }) => void owners.push(owner),
    },
  })

  it('whom the rights named may be replaced by a hook, and taken away', async () => {
    await site.create({ 'Upload-Length': '5', 'Upload-Metadata': metadata({ to: 'bert' }) })
    await site.create({ 'Upload-Length': '5' })
    await vi.waitFor(() => expect(owners).toEqual(['bert', undefined]))
  })
})

describe('several sets of hooks', () => {
  const order: string[] = []
  const first: Hooks = {
    preCreate(upload) {
      order.push('first')
      return { metadata: new Map([...upload.metadata, ['by', 'first']]), reply: { headers: { 'X-One': '1' } } }
    },
    preFinish: () => ({ reply: { headers: { 'X-One': '1' } } }),
  }
  const second: Hooks = {
    preCreate(upload) {
      order.push(`second sees ${upload.metadata.get('by')}`)
      return meta(upload, 'refuse') === undefined ? { reply: { headers: { 'X-Two': '2' } } } : { reject: true }
    },
    preFinish: () => ({ reply: { headers: { 'X-Two': '2' } } }),
  }
  const third: Hooks = { preCreate: () => void order.push('third') }
  const site = host(nodeDoor, { hooks: [first, second, third] })

  it('are asked in their order, each seeing what the ones before have changed; replies add up', async () => {
    const answer = await site.post({ 'Upload-Length': '5' })
    expect(order.splice(0)).toEqual(['first', 'second sees first', 'third'])
    expect([answer.header('x-one'), answer.header('x-two')]).toEqual(['1', '2'])
    const finished = await site.patch(new URL(answer.header('location') ?? '').href, 0, 'hello')
    expect([finished.header('x-one'), finished.header('x-two')]).toEqual(['1', '2'])
  })

  it('the first that says no decides', async () => {
    const answer = await site.post({ 'Upload-Length': '5', 'Upload-Metadata': metadata({ refuse: 'yes' }) })
    expect(answer.status).toBe(400)
    expect(order.splice(0)).toEqual(['first', 'second sees first'])
  })
})
