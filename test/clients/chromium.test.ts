import type { Browser } from 'playwright-core'
import { afterAll, describe, expect, it } from 'vitest'
import { KiB, MiB, seededBytes, sha256, temporaryFile } from './support/bytes.ts'
import { type Site, startSite } from './support/site.ts'
import { bytesOnDisk, expectStored, filesIn, startTusker } from './support/tusker.ts'
import { launchChromium, openUploadPage, type UploadPage, type UploadPageOptions } from './support/upload-page.ts'
import { createWire, seededLosses } from './support/wire.ts'

const bytes = seededBytes(2, 20 * MiB + 77)
const hash = sha256(bytes)

// Started by the first test that wants them, so that a missing Chromium fails every test with its reason.
let site: Promise<Site> | null = null
let browser: Promise<Browser> | null = null
afterAll(async () => {
  // What did not start has told the tests why.
  const started = await Promise.allSettled([browser, site])
  for (const result of started) if (result.status === 'fulfilled') await result.value?.close()
})

async function open(options: UploadPageOptions): Promise<UploadPage> {
  browser ??= launchChromium()
  site ??= startSite()
  return await openUploadPage(await browser, (await site).origin, options)
}

describe('uploads from Chromium to another origin', () => {
  it('50 MiB arrive whole, and the page can download them', async () => {
    const server = await startTusker()
    const size = 50 * MiB
    const page = await open({ options: { endpoint: server.url }, size })
    await page.click('generate')
    await page.reaches('chosen')
    await page.click('start')
    await page.reaches('done')
    await page.click('verify')
    await page.reaches('verified')
    const own = await page.text('sha256')
    expect(await page.text('downloaded')).toBe(own)
    expect(await page.requests()).toEqual(['POST -', 'PATCH 0'])
    await expectStored(server, await page.text('url'), own, size)
  })

  it('four parallel parts become one upload', async () => {
    const server = await startTusker()
    const page = await open({ options: { endpoint: server.url, parallelUploads: 4 } })
    await page.choose(await temporaryFile('file.bin', bytes))
    await page.click('start')
    await page.reaches('done')
    expect((await page.requests()).toSorted()).toEqual([
      ...Array.from({ length: 4 }, () => 'PATCH 0'),
      ...Array.from({ length: 5 }, () => 'POST -'),
    ])
    await expectStored(server, await page.text('url'), hash, bytes.length)
  })

  it('a stream of unknown length arrives', async () => {
    const server = await startTusker()
    const options = { endpoint: server.url, uploadLengthDeferred: true, chunkSize: 5 * MiB }
    const page = await open({ options, stream: true })
    await page.choose(await temporaryFile('file.bin', bytes))
    await page.click('start')
    await page.reaches('done')
    await expectStored(server, await page.text('url'), hash, bytes.length)
  })

  it('every header that tus-js-client can send is allowed', async () => {
    const server = await startTusker()
    const options = {
      endpoint: server.url,
      overridePatchMethod: true,
      addRequestId: true,
      uploadDataDuringCreation: true,
      chunkSize: 15 * MiB,
      headers: { Authorization: 'Bearer token', 'X-Requested-With': 'XMLHttpRequest' },
    }
    const page = await open({ options })
    await page.choose(await temporaryFile('file.bin', bytes))
    await page.click('start')
    await page.reaches('done')
    expect(await page.requests()).toEqual(['POST -', `POST ${15 * MiB}`])
    await expectStored(server, await page.text('url'), hash, bytes.length)
  })

  it('the page can remove what it uploaded', async () => {
    const server = await startTusker()
    const page = await open({ options: { endpoint: server.url } })
    await page.choose(await temporaryFile('file.bin', bytes))
    await page.click('start')
    await page.reaches('done')
    await page.click('terminate')
    await page.reaches('terminated')
    expect(await filesIn(server)).toEqual([])
  })

  it.each([
    ['announced', {}],
    ['sent with its creation', { uploadDataDuringCreation: true }],
  ])('the page can read why an upload beyond the limit that is %s was refused', async (_, options) => {
    const server = await startTusker({ flags: ['-max-size', String(MiB)] })
    const page = await open({ options: { endpoint: server.url, retryDelays: null, ...options } })
    await page.choose(await temporaryFile('file.bin', bytes))
    await page.click('start')
    await page.reaches('failed')
    expect(await page.text('error-status')).toBe('413')
    expect(await page.text('error-text')).toContain('ERR_MAX_SIZE_EXCEEDED')
  })
})

describe('interrupted uploads from Chromium', () => {
  it('a pause in the middle keeps what came, and the page goes on from there', async () => {
    const server = await startTusker()
    const wire = await createWire(server.url)
    const page = await open({ options: { endpoint: wire.url } })
    await page.choose(await temporaryFile('file.bin', bytes))
    const held = wire.holdAfter(10 * MiB)
    await page.click('start')
    await held
    const before = await bytesOnDisk(server, 8 * MiB)
    await page.click('pause')
    await page.reaches('paused')
    await wire.drop()
    await page.click('resume')
    await page.reaches('done')
    const requests = await page.requests()
    expect(requests).toEqual(['POST -', 'PATCH 0', 'HEAD -', expect.stringMatching(/^PATCH \d+$/)])
    expect(offsetOf(requests.at(-1))).toBeGreaterThanOrEqual(before)
    await expectStored(server, await page.text('url'), hash, bytes.length)
  })

  it('a page that is reloaded in the middle finds its upload in local storage and goes on', async () => {
    const server = await startTusker()
    const wire = await createWire(server.url)
    const path = await temporaryFile('file.bin', bytes)
    const page = await open({ options: { endpoint: wire.url } })
    await page.choose(path)
    const held = wire.holdAfter(10 * MiB)
    await page.click('start')
    await held
    const before = await bytesOnDisk(server, 8 * MiB)
    await page.reload()
    await wire.drop()
    await page.choose(path)
    await page.click('resume')
    await page.reaches('done')
    const requests = await page.requests()
    expect(requests).toEqual(['HEAD -', expect.stringMatching(/^PATCH \d+$/)])
    expect(offsetOf(requests.at(-1))).toBeGreaterThanOrEqual(before)
    await expectStored(server, await page.text('url'), hash, bytes.length)
  })

  it('a page that is reloaded in the middle of four parallel parts goes on with each of them', async () => {
    const server = await startTusker()
    const wire = await createWire(server.url)
    const path = await temporaryFile('file.bin', bytes)
    const page = await open({ options: { endpoint: wire.url, parallelUploads: 4 } })
    await page.choose(path)
    // More than three parts: whatever their order, all four have begun.
    const held = wire.holdAfter(17 * MiB)
    await page.click('start')
    await held
    await bytesOnDisk(server, 16 * MiB)
    await page.reload()
    await wire.drop()
    await page.choose(path)
    await page.click('resume')
    await page.reaches('done')
    const requests = await page.requests()
    expect(requests.filter((request) => request === 'HEAD -')).toHaveLength(4)
    expect(requests.filter((request) => request === 'POST -')).toHaveLength(1)
    expect(requests).not.toContain('PATCH 0')
    await expectStored(server, await page.text('url'), hash, bytes.length)
  })

  it('a page that goes offline in the middle goes on when it is online again', async () => {
    const server = await startTusker()
    const wire = await createWire(server.url)
    const page = await open({ options: { endpoint: wire.url } })
    await page.choose(await temporaryFile('file.bin', bytes))
    const held = wire.holdAfter(10 * MiB)
    await page.click('start')
    await held
    const before = await bytesOnDisk(server, 8 * MiB)
    await page.setOffline(true)
    await page.reaches('offline')
    await wire.drop()
    await page.setOffline(false)
    await page.reaches('done')
    const requests = await page.requests()
    expect(requests.filter((request) => request === 'POST -')).toHaveLength(1)
    expect(offsetOf(requests.at(-1))).toBeGreaterThanOrEqual(before)
    await expectStored(server, await page.text('url'), hash, bytes.length)
  })

  it.each([
    ['a single upload', { size: 50 * MiB, most: 1500 * KiB, options: {} }],
    ['an upload in chunks', { size: 20 * MiB, most: 600 * KiB, options: { chunkSize: MiB } }],
    ['four parallel parts', { size: 20 * MiB, most: 600 * KiB, options: { parallelUploads: 4 } }],
  ])('%s survives 40 losses of the network in a row, as on a train', async (_, { size, most, options }) => {
    const server = await startTusker()
    const wire = await createWire(server.url, seededLosses(3, 40, most))
    const retryDelays = Array.from({ length: 60 }, () => 5)
    const page = await open({ options: { endpoint: wire.url, retryDelays, ...options }, size })
    await page.click('generate')
    await page.reaches('chosen')
    await page.click('start')
    await page.reaches('done')
    expect(wire.losses()).toBe(40)
    await expectStored(server, await page.text('url'), await page.text('sha256'), size)
  })

  it.each([
    ['crashes (kill -9)', 'kill'],
    ['is shut down (SIGTERM)', 'stop'],
  ] as const)('a server that %s in the middle and comes back gets the rest', async (_, how) => {
    const server = await startTusker()
    const wire = await createWire(server.url)
    const retryDelays = Array.from({ length: 200 }, () => 50)
    const page = await open({ options: { endpoint: wire.url, retryDelays } })
    await page.choose(await temporaryFile('file.bin', bytes))
    const held = wire.holdAfter(10 * MiB)
    await page.click('start')
    await held
    const before = await bytesOnDisk(server, 8 * MiB)
    const ended = await server[how]()
    if (ended !== undefined) expect(ended.code).toBe(0)
    const back = await startTusker({ directory: server.directory, port: server.port })
    wire.release()
    await page.reaches('done')
    const requests = await page.requests()
    expect(requests.filter((request) => request === 'POST -')).toHaveLength(1)
    expect(offsetOf(requests.at(-1))).toBeGreaterThanOrEqual(before)
    await expectStored(back, await page.text('url'), hash, bytes.length)
  })
})

/** The Upload-Offset in a line of the page's list of requests; 0 if it has none. */
function offsetOf(request: string | undefined): number {
  const offset = Number(request?.split(' ')[1])
  return Number.isNaN(offset) ? 0 : offset
}
