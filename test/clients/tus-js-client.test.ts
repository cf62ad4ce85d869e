import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { FileUrlStorage, Upload } from 'tus-js-client'
import { describe, expect, it } from 'vitest'
import { KiB, MiB, seededBytes, sha256, temporaryFile, temporaryFolder } from './support/bytes.ts'
import { prepare, transfer } from './support/transfer.ts'
import { bytesOnDisk, expectStored, filesIn, startTusker } from './support/tusker.ts'
import { createWire, seededLosses } from './support/wire.ts'

const bytes = seededBytes(1, 10 * MiB + 123)
const hash = sha256(bytes)

describe('whole uploads from Node', () => {
  it('a Buffer arrives in one PATCH', async () => {
    const server = await startTusker()
    const sent = await transfer(bytes, { endpoint: server.url })
    expect(sent.summary()).toEqual(['POST 201', 'PATCH 204'])
    await expectStored(server, sent.url, hash, bytes.length)
  })

  it('a file arrives in chunks of 1 MiB', async () => {
    const server = await startTusker()
    const file = createReadStream(await temporaryFile('file.bin', bytes))
    const sent = await transfer(file, { endpoint: server.url, chunkSize: MiB })
    expect(sent.summary()).toEqual(['POST 201', ...Array.from({ length: 11 }, () => 'PATCH 204')])
    await expectStored(server, sent.url, hash, bytes.length)
  })

  it('an empty Buffer is complete once it is created', async () => {
    const server = await startTusker()
    const empty = Buffer.alloc(0)
    const sent = await transfer(empty, { endpoint: server.url })
    expect(sent.summary()).toEqual(['POST 201'])
    await expectStored(server, sent.url, sha256(empty), 0)
  })

  it.each([
    ['ends in the middle of a chunk', 2 * MiB + 5],
    ['ends with a chunk', 2 * MiB],
  ])('a stream of unknown length that %s arrives', async (_, length) => {
    const server = await startTusker()
    const content = bytes.subarray(0, length)
    const options = { endpoint: server.url, chunkSize: MiB, uploadLengthDeferred: true }
    const sent = await transfer(Readable.from(pieces(content)), options)
    expect(sent.exchanges[0]?.header('Upload-Defer-Length')).toBe('1')
    expect(sent.exchanges.at(-1)?.header('Upload-Length')).toBe(String(length))
    await expectStored(server, sent.url, sha256(content), length)
  })

  it('the bytes come with the creation if the client wants it so', async () => {
    const server = await startTusker()
    const sent = await transfer(bytes, { endpoint: server.url, uploadDataDuringCreation: true })
    expect(sent.summary()).toEqual(['POST 201'])
    await expectStored(server, sent.url, hash, bytes.length)
  })

  it('the first chunk comes with the creation, the others follow', async () => {
    const server = await startTusker()
    const options = { endpoint: server.url, uploadDataDuringCreation: true, chunkSize: 4 * MiB }
    const sent = await transfer(bytes, options)
    expect(sent.summary()).toEqual(['POST 201', 'PATCH 204', 'PATCH 204'])
    await expectStored(server, sent.url, hash, bytes.length)
  })

  it('POST with a method override stands in for PATCH', async () => {
    const server = await startTusker()
    const sent = await transfer(bytes, { endpoint: server.url, overridePatchMethod: true, chunkSize: 6 * MiB })
    expect(sent.summary()).toEqual(['POST 201', 'POST 204', 'POST 204'])
    await expectStored(server, sent.url, hash, bytes.length)
  })

  it('request ids do no harm', async () => {
    const server = await startTusker()
    const sent = await transfer(bytes, { endpoint: server.url, addRequestId: true })
    expect(sent.exchanges.map((exchange) => exchange.header('X-Request-ID'))).toEqual([
      expect.stringMatching(/^[0-9a-f-]{36}$/),
      expect.stringMatching(/^[0-9a-f-]{36}$/),
    ])
    await expectStored(server, sent.url, hash, bytes.length)
  })

  it('metadata in any script comes back as it was written, and names the download', async () => {
    const server = await startTusker()
    const metadata = { filename: 'résumé – 履歴書 🚀.txt', empty: '', filetype: 'text/plain' }
    const sent = await transfer(bytes, { endpoint: server.url, metadata })
    const head = await fetch(sent.url, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } })
    expect(head.headers.get('Upload-Metadata')).toBe(sent.exchanges[0]?.header('Upload-Metadata'))
    const download = await fetch(sent.url)
    await download.body?.cancel()
    expect(download.headers.get('Content-Disposition')).toContain(encodeURIComponent(metadata.filename))
  })
})

describe('parallel uploads from Node', () => {
  it('four parts become one upload with the metadata of the whole', async () => {
    const server = await startTusker()
    const metadata = { filename: 'whole.bin' }
    const sent = await transfer(bytes, { endpoint: server.url, parallelUploads: 4, metadata })
    expect(sent.summary().toSorted()).toEqual([
      ...Array.from({ length: 4 }, () => 'PATCH 204'),
      ...Array.from({ length: 5 }, () => 'POST 201'),
    ])
    await expectStored(server, sent.url, hash, bytes.length)
    const head = await fetch(sent.url, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } })
    expect(head.headers.get('Upload-Metadata')).toBe(`filename ${btoa(metadata.filename)}`)
  })

  it('four parts of a file are paused in the middle and resumed by another client', async () => {
    const server = await startTusker()
    const wire = await createWire(server.url)
    const path = await temporaryFile('file.bin', bytes)
    const urlStorage = new FileUrlStorage(join(await temporaryFolder(), 'urls.json'))
    const options = { endpoint: wire.url, parallelUploads: 4, urlStorage }

    const first = prepare(createReadStream(path), options)
    // More than three parts: whatever their order, all four have begun.
    const held = wire.holdAfter(9 * MiB)
    first.upload.start()
    await held
    await bytesOnDisk(server, 8 * MiB)
    await first.upload.abort()
    await wire.drop()

    const second = prepare(createReadStream(path), options)
    const [previous] = await second.upload.findPreviousUploads()
    expect(previous?.parallelUploadUrls).toHaveLength(4)
    if (previous !== undefined) second.upload.resumeFromPreviousUpload(previous)
    second.upload.start()
    await expectStored(server, await second.done, hash, bytes.length)
    expect(second.exchanges.filter(({ method }) => method === 'HEAD')).toHaveLength(4)
    expect(second.exchanges.filter(({ method }) => method === 'POST')).toHaveLength(1)
    expect(second.exchanges.some(({ offset }) => offset === '0')).toBe(false)
  })
})

describe('interrupted uploads from Node', () => {
  it('a pause in the middle of a PATCH keeps what came, and the same client goes on from there', async () => {
    const server = await startTusker()
    const wire = await createWire(server.url)
    const sent = prepare(bytes, { endpoint: wire.url })
    const held = wire.holdAfter(5 * MiB)
    sent.upload.start()
    await held
    const before = await bytesOnDisk(server, 4 * MiB)
    await sent.upload.abort()
    await wire.drop()
    sent.upload.start()
    await expectStored(server, await sent.done, hash, bytes.length)
    // One HEAD was enough: neither did the stalled PATCH run into its time-out first, nor the wait for the lock into its own
    expect(sent.summary()).toEqual(['POST 201', 'PATCH null', 'HEAD 200', 'PATCH 204'])
    expect(Number(sent.exchanges[3]?.offset)).toBeGreaterThanOrEqual(before)
  })

  it('another process finds a paused upload in its url storage and goes on', async () => {
    const server = await startTusker()
    const wire = await createWire(server.url)
    const path = await temporaryFile('file.bin', bytes)
    const storage = join(await temporaryFolder(), 'urls.json')
    const options = () => ({ endpoint: wire.url, urlStorage: new FileUrlStorage(storage) })

    const first = prepare(createReadStream(path), options())
    const held = wire.holdAfter(5 * MiB)
    first.upload.start()
    await held
    const before = await bytesOnDisk(server, 4 * MiB)
    await first.upload.abort()
    await wire.drop()

    const second = prepare(createReadStream(path), options())
    const [previous] = await second.upload.findPreviousUploads()
    expect(previous?.uploadUrl).toBe(first.upload.url)
    if (previous !== undefined) second.upload.resumeFromPreviousUpload(previous)
    second.upload.start()
    await expectStored(server, await second.done, hash, bytes.length)
    expect(second.summary()).toEqual(['HEAD 200', 'PATCH 204'])
    expect(Number(second.exchanges[1]?.offset)).toBeGreaterThanOrEqual(before)
  })

  it('an upload that is complete already is not sent again', async () => {
    const server = await startTusker()
    const { url } = await transfer(bytes, { endpoint: server.url })
    const again = await transfer(bytes, { endpoint: server.url, uploadUrl: url })
    expect(again.summary()).toEqual(['HEAD 200'])
    expect(again.url).toBe(url)
  })

  it('an upload that is gone is begun anew', async () => {
    const server = await startTusker()
    const { url } = await transfer(bytes, { endpoint: server.url })
    await Upload.terminate(url)
    const again = await transfer(bytes, { endpoint: server.url, uploadUrl: url })
    expect(again.summary()).toEqual([expect.stringMatching(/^HEAD (404|410)$/), 'POST 201', 'PATCH 204'])
    expect(again.url).not.toBe(url)
    await expectStored(server, again.url, hash, bytes.length)
  })

  it('a client whose network changed takes over from its own stalled PATCH at once', async () => {
    const server = await startTusker()
    const wire = await createWire(server.url, [{ after: 5 * MiB, manner: 'vanish' }])
    const sent = prepare(bytes, { endpoint: wire.url, retryDelays: [0] })
    sent.upload.start()
    await expectStored(server, await sent.done, hash, bytes.length)
    // One HEAD was enough: neither did the stalled PATCH run into its time-out first, nor the wait for the lock into its own
    expect(sent.summary()).toEqual(['POST 201', 'PATCH null', 'HEAD 200', 'PATCH 204'])
    expect(Number(sent.exchanges[3]?.offset)).toBeGreaterThan(0)
  })

  it.each([
    ['a single upload', {}],
    ['an upload in chunks', { chunkSize: MiB }],
    ['an upload whose bytes come with its creation', { uploadDataDuringCreation: true, chunkSize: 4 * MiB }],
    ['four parallel parts', { parallelUploads: 4 }],
  ])('%s survives 40 losses of its connection', async (_, options) => {
    const server = await startTusker()
    const wire = await createWire(server.url, seededLosses(7, 40, 300 * KiB))
    const retryDelays = Array.from({ length: 60 }, () => 5)
    const { url } = await transfer(bytes, { endpoint: wire.url, retryDelays, ...options })
    expect(wire.losses()).toBe(40)
    await expectStored(server, url, hash, bytes.length)
  })

  it.each([
    ['crashes (kill -9)', 'kill'],
    ['is shut down (SIGTERM)', 'stop'],
  ] as const)('a server that %s in the middle and comes back gets the rest', async (_, how) => {
    const server = await startTusker()
    const wire = await createWire(server.url)
    const sent = prepare(bytes, { endpoint: wire.url, retryDelays: Array.from({ length: 200 }, () => 50) })
    const held = wire.holdAfter(5 * MiB)
    sent.upload.start()
    await held
    const before = await bytesOnDisk(server, 4 * MiB)
    const ended = await server[how]()
    if (ended !== undefined) expect(ended.code).toBe(0)
    const back = await startTusker({ directory: server.directory, port: server.port })
    wire.release()
    await expectStored(back, await sent.done, hash, bytes.length)
    const resumed = sent.exchanges.findLast(({ method }) => method === 'PATCH')
    expect(Number(resumed?.offset)).toBeGreaterThanOrEqual(before)
    expect(sent.exchanges.filter(({ method }) => method === 'POST')).toHaveLength(1)
  })
})

describe('uploads that Node gives up', () => {
  it('abort(true) in the middle removes the upload', async () => {
    const server = await startTusker()
    const wire = await createWire(server.url)
    const sent = prepare(bytes, { endpoint: wire.url })
    const held = wire.holdAfter(5 * MiB)
    sent.upload.start()
    await held
    wire.release()
    await sent.upload.abort(true)
    expect(sent.exchanges.at(-1)).toMatchObject({ method: 'DELETE', status: 204 })
    expect(await filesIn(server)).toEqual([])
  })

  it('terminate removes a finished upload', async () => {
    const server = await startTusker()
    const { url } = await transfer(bytes, { endpoint: server.url })
    await Upload.terminate(url)
    const after = await fetch(url, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } })
    expect([404, 410]).toContain(after.status)
    expect(await filesIn(server)).toEqual([])
  })

  it.each([
    ['announced', {}],
    ['sent with its creation', { uploadDataDuringCreation: true }],
  ])('an upload beyond the limit that is %s is refused with 413, which the client can read', async (_, options) => {
    const server = await startTusker({ flags: ['-max-size', String(MiB)] })
    await expect(transfer(bytes, { endpoint: server.url, ...options })).rejects.toMatchObject({
      status: 413,
      body: expect.stringContaining('ERR_MAX_SIZE_EXCEEDED'),
    })
    expect(await filesIn(server)).toEqual([])
  })
})

function* pieces(content: Buffer): Generator<Buffer> {
  for (let at = 0; at < content.length; at += 100_000) yield content.subarray(at, at + 100_000)
}
