import { describe, expect, it } from 'vitest'
import { chunked } from './support/answer.ts'
import { ALGORITHMS, checksum, impossible, malformed, unsupported } from './support/digest.ts'
import { doors } from './support/doors.ts'
import { host, idOf, OCTETS, pattern } from './support/site.ts'

const sha1 = (bytes: string | Uint8Array) => ({ 'Upload-Checksum': checksum('sha1', bytes) })

describe.each(doors)('Upload-Checksum through the $name door', (door) => {
  const finished: string[] = []
  const hook = (upload: { id: string }) => void finished.push(upload.id)
  const site = host(door, { hooks: { preFinish: hook, postFinish: hook } })
  const fresh = (length = 10) => site.create({ 'Upload-Length': String(length) })

  async function expectUntouched(url: string, stored: string): Promise<void> {
    const head = await site.head(url)
    expect([head.status, head.header('upload-offset')]).toEqual([200, String(stored.length)])
    expect((await site.stored(url)).toString('latin1')).toBe(stored)
    expect(finished).not.toContain(idOf(url))
  }

  it.each([
    ['with Content-Length', 'hello'],
    ['chunked', chunked('he', 'llo')],
  ])('T-071 that is right is accepted: %s', async (_, body) => {
    const url = await fresh()
    const answer = await site.patch(url, 0, body, sha1('hello'))
    expect(answer.status).toBe(204)
    expect(answer.header('upload-offset')).toBe('5')
    expect((await site.patch(url, 5, 'world')).status).toBe(204)
    expect(await site.content(url)).toBe('helloworld')
  })

  it('T-071 of no bytes is accepted', async () => {
    expect((await site.patch(await fresh(), 0, '', sha1(''))).status).toBe(204)
  })

  it.each([
    ['with Content-Length', 'jello'],
    ['chunked', chunked('je', 'llo')],
  ])('T-072 that is wrong is answered with 460, and the chunk is dropped: %s', async (_, body) => {
    const url = await fresh()
    await site.patch(url, 0, 'hello')
    const answer = await site.patch(url, 5, body, sha1('hello'))
    expect(answer.status).toBe(460)
    await expectUntouched(url, 'hello')
    expect((await site.patch(url, 5, 'world', sha1('world'))).status).toBe(204)
    expect(await site.content(url)).toBe('helloworld')
  })

  it('T-072 that is wrong does not complete the upload', async () => {
    const url = await fresh(5)
    expect((await site.patch(url, 0, 'jello', sha1('hello'))).status).toBe(460)
    await expectUntouched(url, '')
    expect((await site.send('GET', url)).status).toBe(400)
  })

  it('T-072 that is wrong declares no length', async () => {
    const url = await site.create({ 'Upload-Defer-Length': '1' })
    expect((await site.patch(url, 0, 'jello', { 'Upload-Length': '5', ...sha1('hello') })).status).toBe(460)
    await expectUntouched(url, '')
    expect((await site.head(url)).header('upload-defer-length')).toBe('1')
  })

  it('T-072 that is wrong drops a chunk of several MiB', async () => {
    const bytes = pattern(2_500_000)
    const url = await fresh(bytes.length)
    expect((await site.patch(url, 0, bytes, sha1('something else'))).status).toBe(460)
    await expectUntouched(url, '')
    expect((await site.patch(url, 0, bytes, sha1(bytes))).status).toBe(204)
    expect((await site.content(url)) === bytes.toString('latin1')).toBe(true)
  })

  it.each(unsupported)('T-073 by %s is refused with 400, and the chunk is dropped', async (algorithm) => {
    const url = await fresh(5)
    const fields = { 'Upload-Checksum': `${algorithm} qvTGHdzF6KLavt4PO0gs2a6pQ00=` }
    expect((await site.patch(url, 0, 'hello', fields)).status).toBe(400)
    await expectUntouched(url, '')
  })

  it.each(malformed)('T-074 that is malformed (%s) is refused with 400', async (_, value) => {
    const url = await fresh(5)
    expect((await site.patch(url, 0, 'hello', { 'Upload-Checksum': value })).status).toBe(400)
    await expectUntouched(url, '')
  })

  it.each(impossible)('T-074 of a length that the algorithm does not have (%s) is refused', async (_, value) => {
    const url = await fresh(5)
    expect([400, 460]).toContain((await site.patch(url, 0, 'hello', { 'Upload-Checksum': value })).status)
    await expectUntouched(url, '')
  })

  it('T-075 covers the bytes of its own request only', async () => {
    const url = await fresh()
    expect((await site.patch(url, 0, 'hello', sha1('hello'))).status).toBe(204)
    expect((await site.patch(url, 5, 'world', sha1('helloworld'))).status).toBe(460)
    expect((await site.patch(url, 5, 'world', { 'Upload-Checksum': checksum('md5', 'world') })).status).toBe(204)
    expect(await site.content(url)).toBe('helloworld')
  })

  it.each([
    ['small, with Content-Length', 5, true],
    ['small, chunked', 5, false],
    ['large, with Content-Length', 300_000, true],
    ['large, chunked', 300_000, false],
  ])('T-076 of a chunk that is cut off cannot be verified, so none of it counts: %s', async (_, size, sized) => {
    const bytes = pattern(size)
    const url = await fresh(5 + 2 * size)
    await site.patch(url, 0, 'hello')
    const fields = { 'Upload-Offset': '5', 'Content-Type': OCTETS, ...sha1(bytes) }
    const running = site.begin('PATCH', url, fields, { first: bytes, ...(sized && { length: 2 * size }) })
    // A small chunk waits in memory for its verdict, where nobody sees it.
    if (size > 5) await site.arrived(url, 5 + size)
    running.cut()
    await expectUntouched(url, 'hello')
    expect((await site.patch(url, 5, bytes, sha1(bytes))).status).toBe(204)
    expect((await site.stored(url)).subarray(5).equals(bytes)).toBe(true)
  })

  it('T-077 that is right is accepted with content in POST', async () => {
    const url = await site.create({ 'Upload-Length': '5', ...sha1('hello') }, 'hello')
    expect(await site.content(url)).toBe('hello')
  })

  it.each([
    ['wrong', checksum('sha1', 'hello'), 460],
    ['malformed', 'sha1', 400],
    ['unsupported', 'blake3 qvTGHdzF6KLavt4PO0gs2a6pQ00=', 400],
  ])('T-077 that is %s stores nothing of the content in POST', async (_, value, status) => {
    const before = new Set(await site.files())
    const fields = { 'Upload-Length': '5', 'Content-Type': OCTETS, 'Upload-Checksum': value }
    const answer = await site.post(fields, 'jello')
    expect(answer.status).toBe(status)
    const ids = (await site.files()).filter((name) => !before.has(name) && !name.endsWith('.info'))
    for (const id of ids) await expectUntouched(site.base + id, '')
    const location = answer.header('location')
    if (location !== null) await expectUntouched(location, '')
  })

  it('T-079 works for every algorithm that is listed', async () => {
    const listed = (await site.send('OPTIONS', site.base)).header('tus-checksum-algorithm') ?? ''
    expect(listed.split(',').toSorted()).toEqual([...ALGORITHMS].toSorted())
  })

  it.each(ALGORITHMS)('T-079 by %s is verified', async (algorithm) => {
    const bytes = pattern(100_000)
    const url = await fresh(2 * bytes.length)
    const right = { 'Upload-Checksum': checksum(algorithm, bytes) }
    expect((await site.patch(url, 0, bytes, right)).status).toBe(204)
    expect((await site.patch(url, bytes.length, pattern(100_000, 1), right)).status).toBe(460)
    expect(await site.offset(url)).toBe(bytes.length)
    expect((await site.patch(url, bytes.length, chunked(bytes), right)).status).toBe(204)
  })
})
