import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { MiB, sha256OfFile } from '../support/bytes.ts'
import { startSite } from '../support/site.ts'
import { bytesOnDisk, startTusker } from '../support/tusker.ts'
import { launchChromium, openUploadPage } from '../support/upload-page.ts'
import { ARRANGEMENTS, type Arrangement, startCaddy } from './support/proxy.ts'
import { expectLocation, expectTransferByCurl, expectTransferByTusJs } from './support/through.ts'

const flags = ['-behind-proxy']

describe.each(ARRANGEMENTS)('Caddy that sends $fields, prefix $prefix, buffers requests: $buffered', (arrangement) => {
  it('lets tus-js-client upload, resume and download over HTTP/1.1', async () => {
    const server = await startTusker({ flags })
    await expectTransferByTusJs(server, await startCaddy(server, arrangement, 'h1'), arrangement)
  })

  it('lets curl upload, resume and download over HTTP/2', async () => {
    const server = await startTusker({ flags })
    await expectTransferByCurl(server, await startCaddy(server, arrangement, 'h2'), arrangement, '2')
  })
})

// A browser takes its time: each two of the three choices meet, not all three
const some = ARRANGEMENTS.filter(
  ({ fields, prefix, buffered }) => buffered === ((fields === 'Forwarded') !== (prefix !== '')),
)

describe.each(some)('Caddy that sends $fields, prefix $prefix, buffers requests: $buffered', (arrangement) => {
  it('lets Chromium upload, resume and download over HTTP/3', async () => {
    await expectTransferByChromium(arrangement)
  })
})

async function expectTransferByChromium(arrangement: Arrangement): Promise<void> {
  const server = await startTusker({ flags })
  const proxy = await startCaddy(server, arrangement, 'h3')
  const site = await startSite()
  onTestFinished(() => site.close())
  const browser = await launchChromium([
    '--enable-quic',
    // Where there is IPv6, too, it would try only that
    '--host-resolver-rules=MAP localhost 127.0.0.1',
    `--origin-to-force-quic-on=${new URL(proxy.origin).host}`,
    `--ignore-certificate-errors-spki-list=${proxy.fingerprint}`,
  ])
  onTestFinished(() => browser.close())
  const size = 40 * MiB
  const endpoint = `${proxy.origin}${arrangement.prefix}/files/`
  const options = arrangement.buffered ? { endpoint, chunkSize: 4 * MiB } : { endpoint }
  const page = await openUploadPage(browser, site.origin, { options, size })
  await page.click('generate')
  await page.reaches('chosen')
  await page.click('start')
  const before = await bytesOnDisk(server, 4 * MiB)
  await page.click('pause')
  await page.reaches('paused')
  await page.click('resume')
  await page.reaches('done')
  const requests = await page.requests()
  expect(requests.filter((request) => request.startsWith('POST'))).toHaveLength(1)
  const resumed = requests[requests.indexOf('HEAD -') + 1] ?? ''
  expect(Number(resumed.replace('PATCH ', ''))).toBeGreaterThanOrEqual(before)
  const id = expectLocation(await page.text('url'), proxy.origin, arrangement)
  await page.click('verify')
  await page.reaches('verified')
  const own = await page.text('sha256')
  expect(await page.text('downloaded')).toBe(own)
  expect(await sha256OfFile(join(server.directory, id))).toBe(own)
  const spoken = [...proxy.output().matchAll(/"proto":"([^"]+)"/g)].map(([, version]) => version)
  expect(new Set(spoken)).toEqual(new Set(['HTTP/3.0']))
}
