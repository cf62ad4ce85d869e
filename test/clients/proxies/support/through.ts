import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DefaultHttpStack } from 'tus-js-client'
import { expect } from 'vitest'
import { MiB, seededBytes, sha256, sha256OfFile, temporaryFile } from '../../support/bytes.ts'
import { curl, fields, patch, post, startCurl, TUS } from '../../support/curl.ts'
import { prepare } from '../../support/transfer.ts'
import { bytesOnDisk, type Tusker } from '../../support/tusker.ts'
import { createWire } from '../../support/wire.ts'
import type { Arrangement, RunningProxy } from './proxy.ts'

const bytes = seededBytes(11, 6 * MiB + 321)

/** The version of HTTP that curl is to speak, and what it says then. */
const VERSIONS = { '1.1': ['--http1.1', /^< HTTP\/1\.1 /m], '2': ['--http2', /^< HTTP\/2 /m] } as const

/** Asserts that `location` is the URL of an upload as a client at `origin` sees it; gives the id. */
export function expectLocation(location: string | null, origin: string, { prefix }: Arrangement): string {
  const { href } = new URL(`${prefix}/files/`, origin)
  expect(location?.slice(0, href.length)).toBe(href)
  const id = location?.slice(href.length) ?? ''
  expect(id).toMatch(/^[0-9a-f]{32}$/)
  return id
}

/**
 * tus-js-client of Node uploads over HTTP/1.1, is cut off in the middle, resumes; curl downloads. Asserts that the Location
 * leads there, that what had come was kept unless the proxy held it back, and that all bytes arrived.
 */
export async function expectTransferByTusJs(
  server: Tusker,
  proxy: RunningProxy,
  arrangement: Arrangement,
): Promise<void> {
  const wire = await createWire(`${proxy.origin}${arrangement.prefix}/files/`)
  const httpStack = new DefaultHttpStack({ ca: await readFile(proxy.certificate) })
  const chunks = arrangement.buffered ? { chunkSize: MiB } : {}
  // What a proxy passes on late makes the next PATCH a 409: then the client asks again
  const sent = prepare(bytes, { endpoint: wire.url, httpStack, retryDelays: [50, 200, 500], ...chunks })
  const held = wire.holdAfter(4 * MiB)
  sent.upload.start()
  // Who gives up before says why.
  await Promise.race([held, sent.done])
  const before = await bytesOnDisk(server, 3 * MiB)
  await sent.upload.abort()
  await wire.drop()
  sent.upload.start()
  const url = await sent.done
  const id = expectLocation(url, new URL(wire.url).origin, arrangement)
  const resumed = sent.exchanges[sent.exchanges.findIndex(({ method }) => method === 'HEAD') + 1]
  expectKept(Number(resumed?.offset), before, 3 * MiB, arrangement, proxy)
  expect(sent.exchanges.filter(({ method }) => method === 'POST')).toHaveLength(1)
  await expectArrived(server, id, url, proxy, '1.1')
}

/** As {@link expectTransferByTusJs}, by curl alone; it is killed in the middle. */
export async function expectTransferByCurl(
  server: Tusker,
  proxy: RunningProxy,
  arrangement: Arrangement,
  version: keyof typeof VERSIONS,
): Promise<void> {
  const wire = await createWire(`${proxy.origin}${arrangement.prefix}/files/`)
  const [flag, spoken] = VERSIONS[version]
  const through = [flag, '--cacert', proxy.certificate]
  const created = await curl([...through, ...post(wire.url, { 'Upload-Length': bytes.length })])
  expect(created).toMatchObject({ exitCode: 0, status: 201 })
  expect(created.trace).toMatch(spoken)
  const url = created.header('Location') ?? ''
  const id = expectLocation(url, new URL(wire.url).origin, arrangement)

  const first = await temporaryFile('first.bin', bytes.subarray(0, MiB))
  expect(await curl([...through, ...patch(url, 0, first)])).toMatchObject({ exitCode: 0, status: 204 })
  const file = await temporaryFile('file.bin', bytes)
  const held = wire.holdAfter(4 * MiB)
  const cut = await startCurl([...through, '-C', String(MiB), ...patch(url, MiB, file)])
  await Promise.race([held, cut.ended.then(({ stderr }) => Promise.reject(new Error(stderr)))])
  const before = await bytesOnDisk(server, arrangement.buffered ? MiB : 3 * MiB)
  cut.kill('SIGKILL')
  await cut.ended
  await wire.drop()

  const offset = await offsetOf(url, through)
  expectKept(offset, before, MiB, arrangement, proxy)
  const resumed = () => resume(url, file, through)
  expect((await resumed()) ?? (await resumed()) ?? (await resumed())).toBe(204)
  await expectArrived(server, id, url, proxy, version)
}

async function offsetOf(url: string, through: readonly string[]): Promise<number> {
  const head = await curl([...through, '-I', ...fields(TUS), url])
  expect(head).toMatchObject({ exitCode: 0, status: 200 })
  return Number(head.header('Upload-Offset'))
}

/** Sends the rest. Null if the proxy passed something on between HEAD and PATCH, so that the offset is another. */
async function resume(url: string, file: string, through: readonly string[]): Promise<number | null> {
  const offset = await offsetOf(url, through)
  const { status } = await curl([...through, '-C', String(offset), ...patch(url, offset, file)])
  return status === 409 ? null : status
}

/** Of a request that was cut off: `before` bytes were there when it was, `whole` of them by requests before it. */
function expectKept(
  offset: number,
  before: number,
  whole: number,
  { buffered }: Arrangement,
  { dropsWhatIsCut }: RunningProxy,
): void {
  if (buffered && dropsWhatIsCut) expect(offset).toBe(whole)
  else expect(offset).toBeGreaterThanOrEqual(before)
}

/** On disk, and as a download through the proxy. */
async function expectArrived(
  server: Tusker,
  id: string,
  url: string,
  proxy: RunningProxy,
  version: keyof typeof VERSIONS,
): Promise<void> {
  expect(await sha256OfFile(join(server.directory, id))).toBe(sha256(bytes))
  const [flag, spoken] = VERSIONS[version]
  const download = await curl([flag, '--cacert', proxy.certificate, url])
  expect(download).toMatchObject({ exitCode: 0, status: 200 })
  expect(download.trace).toMatch(spoken)
  expect(sha256(download.body())).toBe(sha256(bytes))
}
