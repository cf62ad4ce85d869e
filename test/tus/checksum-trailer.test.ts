import { describe, expect, it } from 'vitest'
import { expectInOrder } from './support/connection.ts'
import { ALGORITHMS, checksum, impossible, malformed, unsupported } from './support/digest.ts'
import { fetchDoor } from './support/fetch-door.ts'
import { nodeDoor } from './support/node-door.ts'
import { host, idOf, OCTETS, pattern } from './support/site.ts'

describe('Upload-Checksum as a trailer through the node door', () => {
  const finished: string[] = []
  const site = host(nodeDoor, { hooks: { preFinish: (upload) => void finished.push(upload.id) } })
  const fresh = (length = 10) => site.create({ 'Upload-Length': String(length) })
  const send = (url: string, offset: number, body: string | Uint8Array, value: string) =>
    site.patch(url, offset, { chunks: [body], trailers: { 'Upload-Checksum': value } })

  async function expectUntouched(url: string, stored: string): Promise<void> {
    expect(await site.offset(url)).toBe(stored.length)
    expect((await site.stored(url)).toString()).toBe(stored)
    expect(finished).not.toContain(idOf(url))
  }

  it('T-078 is listed', async () => {
    expect((await site.send('OPTIONS', site.base)).header('tus-extension')).toContain('checksum-trailer')
  })

  it.each(ALGORITHMS)('T-078 that is right by %s is accepted', async (algorithm) => {
    const url = await fresh()
    expect((await send(url, 0, 'hello', checksum(algorithm, 'hello'))).status).toBe(204)
    expect((await send(url, 5, 'world', checksum(algorithm, 'world'))).status).toBe(204)
    expect(await site.content(url)).toBe('helloworld')
  })

  it.each(ALGORITHMS)('T-078 that is wrong by %s is answered with 460, and the chunk is dropped', async (algorithm) => {
    const url = await fresh()
    await site.patch(url, 0, 'hello')
    expect((await send(url, 5, 'world', checksum(algorithm, 'hello'))).status).toBe(460)
    await expectUntouched(url, 'hello')
  })

  it.each(unsupported)('T-078 by %s is answered with 400, and the chunk is dropped', async (algorithm) => {
    const url = await fresh(5)
    expect((await send(url, 0, 'hello', `${algorithm} qvTGHdzF6KLavt4PO0gs2a6pQ00=`)).status).toBe(400)
    await expectUntouched(url, '')
  })

  it.each(malformed)('T-078 that is malformed (%s) is answered with 400', async (_, value) => {
    const url = await fresh(5)
    expect((await send(url, 0, 'hello', value)).status).toBe(400)
    await expectUntouched(url, '')
  })

  it.each(impossible)('T-078 of a length that the algorithm does not have (%s) is refused', async (_, value) => {
    const url = await fresh(5)
    expect([400, 460]).toContain((await send(url, 0, 'hello', value)).status)
    await expectUntouched(url, '')
  })

  it('T-078 that was announced but does not come is answered with 400', async () => {
    const url = await fresh(5)
    const answer = await site.patch(url, 0, { chunks: ['hello'] }, { Trailer: 'Upload-Checksum' })
    expect(answer.status).toBe(400)
    await expectUntouched(url, '')
  })

  it.each(['upload-checksum', 'X-Other, Upload-Checksum'])(
    'T-078 is announced by "Trailer: %s", too',
    async (trailer) => {
      const url = await fresh(5)
      const body = { chunks: ['jello'], trailers: { 'upload-checksum': checksum('sha1', 'hello') } }
      expect((await site.patch(url, 0, body, { Trailer: trailer })).status).toBe(460)
      await expectUntouched(url, '')
    },
  )

  it('T-078 covers a chunk of several MiB', async () => {
    const bytes = pattern(2_500_000)
    const url = await fresh(bytes.length)
    expect((await send(url, 0, bytes, checksum('sha256', 'something else'))).status).toBe(460)
    await expectUntouched(url, '')
    expect((await send(url, 0, bytes, checksum('sha256', bytes))).status).toBe(204)
    expect((await site.content(url)) === bytes.toString('latin1')).toBe(true)
  })

  it('T-078 of a chunk that is cut off cannot be verified, so none of it counts', async () => {
    const bytes = pattern(300_000)
    const url = await fresh(bytes.length)
    const fields = { 'Upload-Offset': '0', 'Content-Type': OCTETS, Trailer: 'Upload-Checksum' }
    const running = site.begin('PATCH', url, fields, { first: bytes })
    await site.arrived(url, bytes.length)
    running.cut()
    await expectUntouched(url, '')
  })

  it('T-078 works with content in POST', async () => {
    const trailers = { 'Upload-Checksum': checksum('sha1', 'hello') }
    const url = await site.create({ 'Upload-Length': '5' }, { chunks: ['hello'], trailers })
    expect(await site.content(url)).toBe('hello')
    const fields = { 'Upload-Length': '5', 'Content-Type': OCTETS }
    expect((await site.post(fields, { chunks: ['jello'], trailers })).status).toBe(460)
  })

  it('T-078 leaves the connection in order', async () => {
    const url = await fresh()
    const wire = await site.connect()
    const fields = { 'Upload-Offset': '0', 'Content-Type': OCTETS }
    const trailers = { 'Upload-Checksum': checksum('sha1', 'jello') }
    await wire.write(site.text('PATCH', url, fields, { chunks: ['hello'], trailers }))
    const answer = await wire.answer('PATCH')
    expect(answer.status).toBe(460)
    await expectInOrder(site, wire, answer, url)
  })
})

describe('Upload-Checksum as a trailer through the fetch door', () => {
  const site = host(fetchDoor)

  it('T-078 is not listed, as there are no trailers', async () => {
    const extensions = (await site.send('OPTIONS', site.base)).header('tus-extension')?.split(',')
    expect(extensions).toContain('checksum')
    expect(extensions).not.toContain('checksum-trailer')
  })

  it.each(['Upload-Checksum', 'upload-checksum', 'X-Other, Upload-Checksum'])(
    'T-078 announced by "Trailer: %s" is refused with 400, and nothing is stored',
    async (trailer) => {
      const url = await site.create({ 'Upload-Length': '5' })
      expect((await site.patch(url, 0, { chunks: ['hello'] }, { Trailer: trailer })).status).toBe(400)
      expect(await site.offset(url)).toBe(0)
      expect((await site.stored(url)).toString()).toBe('')
      const fields = { 'Upload-Length': '5', 'Content-Type': OCTETS, Trailer: trailer }
      expect((await site.post(fields, { chunks: ['hello'] })).status).toBe(400)
    },
  )
})
