import { mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { UploadError } from '../../src/core/errors.ts'
import type { Hooks, Occasion } from '../../src/core/hooks.ts'
import type { Log } from '../../src/core/log.ts'
import type { StoredUpload } from '../../src/core/store.ts'
import { parseUploadId } from '../../src/core/upload.ts'
import { fileLocker } from '../../src/lockers/file.ts'
import { prometheusMetrics } from '../../src/metrics/prometheus.ts'
import { diskStore } from '../../src/stores/disk.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { createUploads, type Uploads, type UploadsOptions } from '../../src/uploads.ts'
import { altered, appending, caller, creation, HandBody, withResolvers } from '../support/engine.ts'

/** One delivery, as a hook saw it. */
interface Delivery {
  readonly moment: string
  readonly upload: string
  readonly length: number | null
  readonly complete: boolean
  readonly occasion: Occasion
}

let directory = ''
const running: Uploads[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tusker-delivery-'))
})

afterEach(async () => {
  for (const uploads of running.splice(0)) await uploads.close()
  await rm(directory, { recursive: true, force: true })
})

/** A server on the folder of the test; several may be. */
async function serve(hooks: Hooks, options: Partial<UploadsOptions> = {}): Promise<Uploads> {
  const store = diskStore({ directory, durability: 'none' })
  const uploads = await createUploads({ store, locker: fileLocker({ directory }), hooks, hookBackoff: 20, ...options })
  running.push(uploads)
  return uploads
}

/** Hooks that note what they were told, and fail as long as `fails` says so. */
function noting(deliveries: Delivery[], fails: (delivery: Delivery) => boolean = () => false): Hooks {
  const take =
    (moment: string): NonNullable<Hooks['postFinish']> =>
    async (upload, _, occasion) => {
      const delivery = { moment, upload: upload.id, length: upload.length, complete: upload.complete, occasion }
      deliveries.push(delivery)
      if (fails(delivery)) throw new Error('nobody is at home')
    }
  return { postFinish: take('finish'), postTerminate: take('terminate') }
}

/** Uploads five bytes. Returns the id. */
async function upload(uploads: Uploads): Promise<string> {
  const { upload: made } = await uploads.engine.create({ ...creation, length: 5 }, caller)
  await uploads.engine.append(appending(made.id, 0, new HandBody('hello')), caller)
  return made.id
}

/** The notes that wait. */
async function waiting(folder = 'outbox'): Promise<readonly string[]> {
  return readdir(join(directory, '.tusker', folder)).catch(() => [])
}

describe('events that a hook must not miss', () => {
  it('are delivered once if the hook takes them, and leave no note', async () => {
    const seen: Delivery[] = []
    const uploads = await serve(noting(seen))
    const id = await upload(uploads)
    await vi.waitFor(async () => expect(await waiting()).toEqual([]))
    expect(seen).toMatchObject([{ moment: 'finish', upload: id, length: 5, complete: true, occasion: { attempt: 1 } }])
  })

  it('are delivered again until the hook takes them, with one id and growing attempts', async () => {
    const seen: Delivery[] = []
    const uploads = await serve(noting(seen, ({ occasion }) => occasion.attempt < 4))
    await upload(uploads)
    await vi.waitFor(async () => expect(await waiting()).toEqual([]), 10_000)
    expect(seen.map(({ occasion }) => occasion.attempt)).toEqual([1, 2, 3, 4])
    expect(new Set(seen.map(({ occasion }) => occasion.id)).size).toBe(1)
    expect(new Set(seen.map(({ occasion }) => occasion.at.getTime())).size).toBe(1)
  })

  it('are delivered by the next process, if the first ended before the hook took them', async () => {
    const before: Delivery[] = []
    const first = await serve(
      noting(before, () => true),
      { hookBackoff: 60_000 },
    )
    const id = await upload(first)
    await vi.waitFor(() => expect(before).toHaveLength(1))
    await first.close()
    expect(await waiting()).toHaveLength(1)
    const after: Delivery[] = []
    // The pause is a part of the note, and is kept.
    const note = join(directory, '.tusker', 'outbox', (await waiting())[0] ?? '')
    const due = JSON.parse(await readFile(note, 'utf8'))
    expect(new Date(due.due).getTime()).toBeGreaterThan(Date.now() + 50_000)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 })
    try {
      await serve(noting(after))
      await vi.waitFor(async () => expect(await waiting()).toEqual([]), 10_000)
    } finally {
      vi.useRealTimers()
    }
    expect(after).toMatchObject([{ upload: id, occasion: { id: before[0]?.occasion.id, attempt: 2 } }])
  })

  it('a termination is not told before the completion is, however often that fails', async () => {
    const seen: Delivery[] = []
    const uploads = await serve(noting(seen, ({ moment, occasion }) => moment === 'finish' && occasion.attempt < 3))
    const id = await upload(uploads)
    await vi.waitFor(() => expect(seen.length).toBeGreaterThan(0))
    await uploads.engine.terminate(parseUploadId(id), caller)
    await vi.waitFor(async () => expect(await waiting()).toEqual([]), 10_000)
    expect(seen.map(({ moment }) => moment)).toEqual(['finish', 'finish', 'finish', 'terminate'])
    expect(seen.every(({ complete }) => complete)).toBe(true)
  })

  it('what was complete and is gone is told by the next process all the same, in order', async () => {
    const before: Delivery[] = []
    const first = await serve(
      noting(before, () => true),
      { hookBackoff: 60_000 },
    )
    const id = await upload(first)
    await first.engine.terminate(parseUploadId(id), caller)
    await vi.waitFor(() => expect(before.length).toBeGreaterThan(0))
    await first.close()
    const after: Delivery[] = []
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 })
    try {
      await serve(noting(after))
      await vi.waitFor(async () => expect(await waiting()).toEqual([]), 10_000)
    } finally {
      vi.useRealTimers()
    }
    expect(after.map(({ moment, upload: of }) => `${moment} ${of}`)).toEqual([`finish ${id}`, `terminate ${id}`])
  })

  it('an event that no hook takes is given up at the limit: logged, counted, and kept apart', async () => {
    const seen: Delivery[] = []
    const errors: string[] = []
    const log: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: (event) => void errors.push(event) }
    const metrics = prometheusMetrics()
    const uploads = await serve(
      noting(seen, () => true),
      { hookAttempts: 3, log, observers: [metrics] },
    )
    await upload(uploads)
    await vi.waitFor(async () => expect(await waiting('dead')).toHaveLength(1), 10_000)
    await vi.waitFor(async () => expect(await waiting()).toEqual([]))
    expect(seen).toHaveLength(3)
    expect(errors).toEqual(['hook.given_up'])
    expect(metrics.text()).toContain('tusker_hook_events_given_up_total{hook="postFinish"} 1')
  })

  it('an event that was given up is delivered again when its note is moved back', async () => {
    const seen: Delivery[] = []
    let home = false
    const uploads = await serve(
      noting(seen, () => !home),
      { hookAttempts: 2 },
    )
    await upload(uploads)
    await vi.waitFor(async () => expect(await waiting('dead')).toHaveLength(1), 10_000)
    const [name = ''] = await waiting('dead')
    home = true
    await rename(join(directory, '.tusker', 'dead', name), join(directory, '.tusker', 'outbox', name))
    await uploads.close()
    await serve(noting(seen))
    await vi.waitFor(async () => expect(await waiting()).toEqual([]), 10_000)
    expect(seen).toHaveLength(3)
    expect(new Set(seen.map(({ occasion }) => occasion.id)).size).toBe(1)
  })

  it('two processes on one folder do not deliver the same event at the same time', async () => {
    const { promise: door, resolve: open } = withResolvers()
    const seen: string[] = []
    const hooks = (name: string): Hooks => ({
      async postFinish() {
        seen.push(name)
        await door
      },
    })
    const first = await serve(hooks('first'))
    await upload(first)
    await vi.waitFor(() => expect(seen).toEqual(['first']))
    // Looks at the notes at its start, and finds that somebody is at it.
    const second = await serve(hooks('second'))
    await upload(second)
    await vi.waitFor(() => expect(seen).toContain('second'))
    open(null)
    await vi.waitFor(async () => expect(await waiting()).toEqual([]))
    expect(seen.sort()).toEqual(['first', 'second'])
  })

  it('a note that is none harms nobody', async () => {
    const seen: Delivery[] = []
    const store = memoryStore()
    await store.notes?.put('outbox/strange.finish', 'not JSON')
    await store.notes?.put('outbox/other.finish', '{"moment":"postFinish"}')
    const uploads = await createUploads({ store, hooks: noting(seen) })
    running.push(uploads)
    await upload(uploads)
    await vi.waitFor(() => expect(seen).toHaveLength(1))
  })

  it('a note has no token in it, and lies under the same permissions as records', async () => {
    const uploads = await serve({
      postFinish: () => {
        throw new Error('nobody is at home')
      },
    })
    const concat = 'final;/files/a?access_token=secret'
    const headers = { authorization: 'Bearer secret', cookie: 'sid=secret', 'x-kept': 'kept', 'upload-concat': concat }
    const request = {
      method: 'PATCH',
      uri: '/files/a?access_token=secret&x=1',
      remoteAddress: null,
      header: () => null,
      headers: () => headers,
    }
    const { upload: made } = await uploads.engine.create({ ...creation, length: 0 }, { ...caller, request })
    await vi.waitFor(async () => expect(await waiting()).toHaveLength(1))
    const text = await readFile(join(directory, '.tusker', 'outbox', (await waiting())[0] ?? ''), 'utf8')
    expect(text).toContain(made.id)
    expect(text).toContain('kept')
    expect(text).not.toContain('secret')
  })

  it('of several sets of hooks only those that did not take an event are told again', async () => {
    const [one, other]: [Delivery[], Delivery[]] = [[], []]
    const uploads = await serve({}, { hooks: [noting(one), noting(other, ({ occasion }) => occasion.attempt < 3)] })
    await upload(uploads)
    await vi.waitFor(async () => expect(await waiting()).toEqual([]), 10_000)
    expect([one.length, other.length]).toEqual([1, 3])
  })

  it('an upload does not wait for a hook that takes its time', async () => {
    const { promise: door, resolve: open } = withResolvers()
    const uploads = await serve({ postFinish: async () => void (await door) })
    for (let count = 0; count < 100; count++) await upload(uploads)
    expect(await waiting()).toHaveLength(100)
    open(null)
    await vi.waitFor(async () => expect(await waiting()).toEqual([]), 20_000)
  })

  it('of an upload whose id is used again are told as well, those before it first', async () => {
    const before: Delivery[] = []
    const chosen = (hooks: Hooks): Hooks => ({ ...hooks, preCreate: () => ({ id: 'again' }) })
    const first = await serve(chosen(noting(before, () => true)), { hookBackoff: 60_000 })
    const id = parseUploadId('again')
    await upload(first)
    await first.engine.terminate(id, caller)
    await upload(first)
    await vi.waitFor(() => expect(before.length).toBeGreaterThan(1))
    await first.close()
    const after: Delivery[] = []
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 })
    try {
      await serve(noting(after))
      await vi.waitFor(async () => expect(await waiting()).toEqual([]), 10_000)
    } finally {
      vi.useRealTimers()
    }
    expect(after.map(({ moment }) => moment).sort()).toEqual(['finish', 'finish', 'terminate'])
    expect(new Set(after.map(({ occasion }) => occasion.id)).size).toBe(3)
    expect(after.findIndex(({ moment }) => moment === 'terminate')).toBeGreaterThan(0)
  })

  it('a store that is full does not refuse a removal, of which the hook is told all the same', async () => {
    const seen: Delivery[] = []
    const store = memoryStore()
    const { notes } = store
    if (notes === undefined) throw new Error('a store without notes')
    let full = true
    const put: typeof notes.put = async (name, text) => {
      if (full) throw new UploadError('storage_full')
      await notes.put(name, text)
    }
    const remove = (stored: StoredUpload) => ({
      async remove() {
        await stored.remove()
        full = false
      },
    })
    const uploads = await createUploads({
      store: { ...altered(store, remove), notes: { ...notes, put } },
      hooks: noting(seen),
    })
    running.push(uploads)
    const { upload: made } = await uploads.engine.create({ ...creation, length: 5 }, caller)
    await uploads.engine.terminate(made.id, caller)
    await vi.waitFor(() => expect(seen).toMatchObject([{ moment: 'terminate', upload: made.id }]))
  })
})
