import { describe, expect, it, vi } from 'vitest'
import type { LifecycleEvent } from '../../src/core/events.ts'
import { nodeDoor } from '../tus/support/node-door.ts'
import { host } from '../tus/support/site.ts'

describe('uploads.events', () => {
  const site = host(nodeDoor, { progressInterval: 20, expireAfter: 60_000 })

  it('tells of creation, completion and termination, in this order, with the upload as it was then', async () => {
    const seen: string[] = []
    const off = (['created', 'completed', 'terminated'] as const).map((type) =>
      site.uploads.events.on(type, ({ upload }) => seen.push(`${type} ${upload.offset} ${upload.complete}`)),
    )
    const url = await site.create({ 'Upload-Length': '5' })
    await site.patch(url, 0, 'hello')
    await site.send('DELETE', url)
    for (const end of off) end()
    await site.create({ 'Upload-Length': '5' })
    expect(seen).toEqual(['created 0 false', 'completed 5 true', 'terminated 5 true'])
  })

  it('tells how far a running transfer has come', async () => {
    const offsets: number[] = []
    const off = site.uploads.events.on('progress', ({ upload }) => offsets.push(upload.offset))
    const url = await site.create({ 'Upload-Length': '10' })
    const wire = await site.connect()
    const text = site.text(
      'PATCH',
      url,
      { 'Upload-Offset': '0', 'Content-Type': 'application/offset+octet-stream', 'Content-Length': '10' },
      'hello',
    )
    await wire.write(text)
    await vi.waitFor(() => expect(offsets).toEqual([5]))
    await wire.write(Buffer.from('world'))
    expect((await wire.answer('PATCH')).status).toBe(204)
    await vi.waitFor(() => expect(offsets).toEqual([5, 10]))
    wire.cut()
    off()
  })

  it('tells of expiry', async () => {
    const expired: string[] = []
    const off = site.uploads.events.on('expired', ({ upload }) => expired.push(upload.id))
    const url = await site.create({ 'Upload-Length': '5' })
    await site.uploads.engine.sweep(new Date(Date.now() + 120_000))
    off()
    expect(expired).toContain(url.slice(url.lastIndexOf('/') + 1))
  })

  it('can be iterated, until the iteration is left', async () => {
    const events = site.uploads.events.iterate()
    await site.create({ 'Upload-Length': '0' })
    const types: string[] = []
    for await (const { type } of events) {
      types.push(type)
      if (type === 'completed') break
    }
    expect(types).toEqual(['created', 'completed'])
    expect(await events.next()).toEqual({ done: true, value: undefined })
  })

  it('an iteration that nobody reads keeps so many events and drops the oldest, and no upload waits for it', async () => {
    let lost = 0
    const events = site.uploads.events.iterate({ limit: 3, dropped: (count) => (lost = count) })
    for (let count = 0; count < 5; count++) await site.create({ 'Upload-Length': '7' })
    expect(lost).toBe(2)
    const last: (LifecycleEvent | undefined)[] = []
    for (let count = 0; count < 3; count++) last.push((await events.next()).value)
    expect(last.map((event) => event?.type)).toEqual(['created', 'created', 'created'])
    await events.return?.()
  })

  it('a listener that throws harms nobody', async () => {
    const off = site.uploads.events.on('created', () => {
      throw new Error('a listener fails')
    })
    await site.create({ 'Upload-Length': '5' })
    off()
  })

  it('a limit that is none is refused', () => {
    expect(() => site.uploads.events.iterate({ limit: 0 })).toThrow('limit must be a whole number from 1, but is 0')
  })
})
