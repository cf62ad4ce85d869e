import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { FileUrlStorage } from 'tus-js-client'
import { afterAll, describe, expect, it } from 'vitest'
import { KiB, MiB, seededBytes, sha256, temporaryFile, temporaryFolder } from './support/bytes.ts'
import { curl, fields } from './support/curl.ts'
import { type Site, startSite } from './support/site.ts'
import { prepare, transfer } from './support/transfer.ts'
import { bytesOnDisk, filesIn, startTusker, type Tusker } from './support/tusker.ts'
import { launchChromium, openUploadPage } from './support/upload-page.ts'
import { createWire, seededLosses } from './support/wire.ts'

const bytes = seededBytes(11, 10 * MiB + 123)
const hash = sha256(bytes)

/** Asserts that an upload of the draft is complete and holds exactly these bytes. */
async function expectComplete(server: Pick<Tusker, 'url'>, uploadUrl: string): Promise<void> {
  const url = new URL(new URL(uploadUrl).pathname, server.url)
  const head = await fetch(url, { method: 'HEAD', headers: { 'Upload-Draft-Interop-Version': '8' } })
  expect(head.status).toBe(204)
  expect(head.headers.get('Upload-Complete')).toBe('?1')
  expect(head.headers.get('Upload-Offset')).toBe(String(bytes.length))
  expect(sha256(Buffer.from(await (await fetch(url)).arrayBuffer()))).toBe(hash)
}

const EIGHT = { 'Upload-Draft-Interop-Version': '8' }
const PARTIAL = { 'Content-Type': 'application/partial-upload' }

describe('the draft, spoken by curl', () => {
  it('104 comes before the answer over HTTP/1.1, and the upload is complete', async () => {
    const server = await startTusker()
    const file = await temporaryFile('file.bin', bytes)
    const sent = await curl(['--data-binary', `@${file}`, ...fields({ ...EIGHT, 'Upload-Complete': '?1' }), server.url])
    expect(sent.trace).toMatch(/^< HTTP\/1\.1 104 Upload Resumption Supported\r?\n/m)
    expect(sent.trace).toMatch(/^< Upload-Limit: min-size=0\r?\n/im)
    expect(sent).toMatchObject({ exitCode: 0, status: 201, sent: bytes.length })
    await expectComplete(server, sent.header('Location') ?? '')
  })

  it('104 comes over cleartext HTTP/2', async () => {
    const server = await startTusker({ flags: ['-enable-h2c'] })
    const file = await temporaryFile('file.bin', bytes)
    const wanted = fields({ ...EIGHT, 'Upload-Complete': '?1' })
    const sent = await curl(['--http2-prior-knowledge', '--data-binary', `@${file}`, ...wanted, server.url])
    expect(sent.trace).toMatch(/^< HTTP\/2 104/m)
    expect(sent.trace).toMatch(/^< upload-draft-interop-version: 8\r?\n/m)
    expect(sent).toMatchObject({ exitCode: 0, status: 201, sent: bytes.length })
  })

  it('a client that names no version gets no 104', async () => {
    const server = await startTusker()
    const sent = await curl(['-d', 'hello', ...fields({ 'Upload-Complete': '?1' }), server.url])
    expect(sent.trace).not.toMatch(/^< HTTP\/1\.1 104/m)
    expect(sent).toMatchObject({ exitCode: 0, status: 201 })
  })

  it('a file goes on where HEAD says', async () => {
    const server = await startTusker()
    const half = await temporaryFile('half.bin', bytes.subarray(0, 4 * MiB))
    const begun = await curl([
      '--data-binary',
      `@${half}`,
      ...fields({ ...EIGHT, 'Upload-Complete': '?0' }),
      server.url,
    ])
    expect(begun).toMatchObject({ exitCode: 0, status: 201 })
    const url = begun.header('Location') ?? ''
    const head = await curl(['-I', ...fields(EIGHT), url])
    expect(head.header('Upload-Offset')).toBe(String(4 * MiB))
    expect(head.header('Upload-Complete')).toBe('?0')
    const file = await temporaryFile('file.bin', bytes)
    const wanted = { ...EIGHT, ...PARTIAL, 'Upload-Offset': 4 * MiB, 'Upload-Complete': '?1' }
    const rest = await curl(['-X', 'PATCH', '-C', String(4 * MiB), '-T', file, ...fields(wanted), url])
    expect(rest).toMatchObject({ exitCode: 0, status: 201 })
    await expectComplete(server, url)
  })

  it('a conventional upload is stored where that was asked for', async () => {
    const server = await startTusker({ flags: ['-accept-plain-uploads'] })
    const file = await temporaryFile('file.bin', bytes)
    const sent = await curl([
      '-X',
      'PUT',
      '--data-binary',
      `@${file}`,
      ...fields({ 'Content-Type': 'image/png' }),
      server.url,
    ])
    expect(sent).toMatchObject({ exitCode: 0, status: 201 })
    await expectComplete(server, sent.header('Location') ?? '')
  })
})

describe.each(['ietf-draft-03', 'ietf-draft-05'])('tus-js-client as %s from Node', (protocol) => {
  it.each([
    ['in one request', {}, ['POST 201', 'PATCH 201']],
    ['in chunks', { chunkSize: 4 * MiB }, ['POST 201', 'PATCH 201', 'PATCH 201', 'PATCH 201']],
    ['with the creation', { uploadDataDuringCreation: true }, ['POST 201']],
    [
      'in chunks, one with the creation',
      { uploadDataDuringCreation: true, chunkSize: 6 * MiB },
      ['POST 201', 'PATCH 201'],
    ],
  ])('a Buffer arrives %s', async (_, options, summary) => {
    const server = await startTusker({ flags: ['-enable-experimental-protocol'] })
    const sent = await transfer(bytes, { endpoint: server.url, protocol, ...options })
    expect(sent.summary()).toEqual(summary)
    await expectComplete(server, sent.url)
  })

  it('a pause in the middle keeps what came, and the same client goes on from there', async () => {
    const server = await startTusker()
    const wire = await createWire(server.url)
    const sent = prepare(bytes, { endpoint: wire.url, protocol })
    const held = wire.holdAfter(5 * MiB)
    sent.upload.start()
    await held
    const before = await bytesOnDisk(server, 4 * MiB)
    await sent.upload.abort()
    await wire.drop()
    sent.upload.start()
    await expectComplete(server, await sent.done)
    expect(sent.summary()).toEqual(['POST 201', 'PATCH null', 'HEAD 204', 'PATCH 201'])
    expect(Number(sent.exchanges[3]?.offset)).toBeGreaterThanOrEqual(before)
  })

  it('another process finds a paused upload and goes on', async () => {
    const server = await startTusker()
    const wire = await createWire(server.url)
    const storage = join(await temporaryFolder(), 'urls.json')
    const options = () => ({ endpoint: wire.url, protocol, urlStorage: new FileUrlStorage(storage) })
    const first = prepare(bytes, options())
    const held = wire.holdAfter(5 * MiB)
    first.upload.start()
    await held
    await first.upload.abort()
    await wire.drop()
    const second = prepare(bytes, options())
    const [previous] = await second.upload.findPreviousUploads()
    if (previous !== undefined) second.upload.resumeFromPreviousUpload(previous)
    second.upload.start()
    await expectComplete(server, await second.done)
    expect(second.summary()).toEqual(['HEAD 204', 'PATCH 201'])
  })

  it('an upload survives 40 losses of its connection', async () => {
    const server = await startTusker()
    const wire = await createWire(server.url, seededLosses(7, 40, 300 * KiB))
    const retryDelays = Array.from({ length: 60 }, () => 5)
    const { url } = await transfer(bytes, { endpoint: wire.url, retryDelays, protocol })
    expect(wire.losses()).toBe(40)
    await expectComplete(server, url)
  })

  it('abort(true) removes the upload', async () => {
    const server = await startTusker()
    const wire = await createWire(server.url)
    const sent = prepare(bytes, { endpoint: wire.url, protocol })
    const held = wire.holdAfter(5 * MiB)
    sent.upload.start()
    await held
    wire.release()
    await sent.upload.abort(true)
    expect(sent.exchanges.at(-1)).toMatchObject({ method: 'DELETE', status: 204 })
    expect(await filesIn(server)).toEqual([])
  })
})

describe.each(['ietf-draft-03', 'ietf-draft-05'])(
  'tus-js-client as %s from Chromium, on a page of another origin',
  (protocol) => {
    let site: Promise<Site> | null = null
    let browser: Promise<Browser> | null = null
    afterAll(async () => {
      const started = await Promise.allSettled([browser, site])
      for (const result of started) if (result.status === 'fulfilled') await result.value?.close()
    })

    it('a file arrives after a pause in the middle', async () => {
      const server = await startTusker()
      const wire = await createWire(server.url)
      browser ??= launchChromium()
      site ??= startSite()
      const page = await openUploadPage(await browser, (await site).origin, {
        options: { endpoint: wire.url, protocol },
      })
      await page.choose(await temporaryFile('file.bin', bytes))
      const held = wire.holdAfter(5 * MiB)
      await page.click('start')
      await held
      await page.click('pause')
      await page.reaches('paused')
      await wire.drop()
      await page.click('resume')
      await page.reaches('done')
      await expectComplete(server, await page.text('url'))
      const [post, first, head, second] = await page.requests()
      expect([post, first, head]).toEqual(['POST -', 'PATCH 0', 'HEAD -'])
      expect(second).toMatch(/^PATCH [1-9]/)
    })
  },
)
