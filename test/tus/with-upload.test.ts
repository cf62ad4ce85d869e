import { describe, expect, it } from 'vitest'
import { chunked, type Payload } from './support/answer.ts'
import { doors } from './support/doors.ts'
import { nodeDoor } from './support/node-door.ts'
import { host, idOf, OCTETS, pattern } from './support/site.ts'

describe.each(doors)('content in POST through the $name door', (door) => {
  const finished: string[] = []
  const site = host(door, { maxSize: 1_000_000, hooks: { postFinish: (upload) => void finished.push(upload.id) } })
  const post = (fields: Record<string, string>, body: Payload) => site.post({ 'Content-Type': OCTETS, ...fields }, body)

  it.each([
    ['whole', 'helloworld', 10],
    ['whole, chunked', chunked('hello', 'world'), 10],
    ['in part', 'hello', 5],
    ['in part, chunked', chunked('he', 'llo'), 5],
    ['not at all', '', 0],
  ])('T-051 is stored: %s', async (_, body, stored) => {
    const answer = await post({ 'Upload-Length': '10' }, body)
    expect(answer.status).toBe(201)
    expect(answer.header('upload-offset')).toBe(String(stored))
    const url = answer.header('location') ?? ''
    expect(await site.offset(url)).toBe(stored)
    expect((await site.patch(url, stored, 'helloworld'.slice(stored))).status).toBe(204)
    expect(await site.content(url)).toBe('helloworld')
    expect(finished.filter((id) => id === idOf(url))).toHaveLength(1)
  })

  it('T-051 of half a MiB is stored exactly', async () => {
    const bytes = pattern(524_288)
    const url = await site.create({ 'Upload-Length': String(bytes.length) }, bytes)
    expect((await site.content(url)) === bytes.toString('latin1')).toBe(true)
  })

  it.each([
    ['none', chunked()],
    ['some', chunked('hello')],
  ])('T-052 a body without length and type is not taken: %s', async (_, body) => {
    const answer = await site.post({ 'Upload-Length': '5' }, body)
    expect([answer.status, answer.header('upload-offset')]).toEqual([201, '0'])
    const url = answer.header('location') ?? ''
    expect(await site.offset(url)).toBe(0)
    expect((await site.patch(url, 0, 'hello')).status).toBe(204)
  })

  it.each([
    ['text/plain', 'hello'],
    ['application/octet-stream', 'hello'],
    [null, 'hello'],
    ['text/plain', chunked('hello')],
  ])('T-052 of type %s is refused with 415, and nothing is created', async (type, body) => {
    const before = await site.files()
    const answer = await site.post({ 'Upload-Length': '10', 'Content-Type': type }, body)
    expect(answer.status).toBe(415)
    expect(answer.header('location')).toBeNull()
    expect(await site.files()).toEqual(before)
  })

  it('T-052 that is empty may have any type', async () => {
    const answer = await site.post({ 'Upload-Length': '10', 'Content-Type': 'text/plain' }, '')
    expect(answer.status).toBe(201)
  })

  it.each([
    ['by Content-Length', 'hello!'],
    ['chunked', chunked('hel', 'lo!', 'x')],
  ])('T-054 beyond Upload-Length is refused with 413, and no upload is left behind: %s', async (_, body) => {
    const before = await site.files()
    const answer = await post({ 'Upload-Length': '5' }, body)
    expect(answer.status).toBe(413)
    expect(answer.header('location')).toBeNull()
    expect(await site.files()).toEqual(before)
  })

  it('T-054 for an upload of length 0 is refused', async () => {
    const before = await site.files()
    expect((await post({ 'Upload-Length': '0' }, 'x')).status).toBe(413)
    expect(await site.files()).toEqual(before)
  })

  it('T-055 of a deferred upload is stored, and the length stays deferred', async () => {
    const answer = await post({ 'Upload-Defer-Length': '1' }, 'hello')
    expect(answer.status).toBe(201)
    expect(answer.header('upload-offset')).toBe('5')
    const head = await site.head(answer.header('location') ?? '')
    expect(head.header('upload-offset')).toBe('5')
    expect(head.header('upload-defer-length')).toBe('1')
  })

  it.each([
    ['with Content-Length', true],
    ['chunked', false],
  ])('T-055 cut off does no harm, and the upload can go on: %s', async (_, sized) => {
    const before = await site.files()
    const fields = { 'Upload-Length': '100000', 'Content-Type': OCTETS }
    const bytes = pattern(100_000, 3)
    const first = bytes.subarray(0, 40_000)
    const running = site.begin('POST', site.base, fields, { first, ...(sized && { length: 100_000 }) })
    const url = await site.appeared(before)
    await site.arrived(url, 1)
    running.cut()
    const offset = await site.offset(url)
    expect(offset).toBeGreaterThan(0)
    expect(offset).toBeLessThanOrEqual(40_000)
    expect((await site.patch(url, offset, bytes.subarray(offset))).status).toBe(204)
    expect((await site.content(url)) === bytes.toString('latin1')).toBe(true)
  })
})

describe('content in POST with Expect: 100-continue', () => {
  const site = host(nodeDoor, { maxSize: 1_000_000 })

  it('T-053 waits for 100 if the client expects it', async () => {
    const wire = await site.connect()
    const fields = { 'Upload-Length': '5', 'Content-Type': OCTETS, 'Content-Length': '5', Expect: '100-continue' }
    await wire.write(site.text('POST', site.base, fields))
    expect((await wire.next('POST')).status).toBe(100)
    await wire.write('hello')
    const answer = await wire.next('POST')
    expect(answer.status).toBe(201)
    expect(answer.header('upload-offset')).toBe('5')
    wire.cut()
  })

  it.each([
    ['a length above the maximum', { 'Upload-Length': '1000001' }, 413],
    ['a version that is not supported', { 'Upload-Length': '5', 'Tus-Resumable': '0.2.2' }, 412],
    ['another media type', { 'Upload-Length': '5', 'Content-Type': 'text/plain' }, 415],
  ])('T-053 is not needed for a refusal of %s', async (_, fields, status) => {
    const wire = await site.connect()
    const expecting = { 'Content-Type': OCTETS, 'Content-Length': '5', Expect: '100-continue', ...fields }
    await wire.write(site.text('POST', site.base, expecting))
    expect((await wire.answer('POST')).status).toBe(status)
    wire.cut()
  })
})
