import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { KiB, MiB, seededBytes, sha256, temporaryFile, temporaryFolder } from './support/bytes.ts'
import { run, start } from './support/processes.ts'
import { tool } from './support/tools.ts'
import { bytesOnDisk, expectStored, startTusker } from './support/tusker.ts'
import { createWire } from './support/wire.ts'

const bytes = seededBytes(5, 10 * MiB + 321)
const hash = sha256(bytes)

interface Wish {
  readonly endpoint: string
  readonly file: string
  /** Arguments of tuspy's uploader. */
  readonly options?: Readonly<Record<string, unknown>>
  readonly stop_at?: number
  /** Path of tuspy's storage of URLs. */
  readonly url_storage?: string
  /** By aiohttp instead of requests. */
  readonly asynchronous?: boolean
}

const SCRIPT = fileURLToPath(new URL('./support/tuspy.py', import.meta.url))

interface Outcome {
  readonly url: string
  /** Where the server said that the upload stands before anything was sent. */
  readonly started_at: number
  readonly offset: number
}

/** Runs tuspy to its end, which is to be a good one. */
async function tuspy(wish: Wish): Promise<Outcome> {
  const { code, stdout, stderr } = await run(tool('tuspy'), [SCRIPT, JSON.stringify(wish)])
  if (code !== 0) throw new Error(`tuspy failed:\n${stderr}`)
  const [url = '', started = '', offset = ''] = stdout.toString().trim().split(' ')
  return { url, started_at: Number(started), offset: Number(offset) }
}

const complete = { url: expect.any(String), started_at: 0, offset: bytes.length }

describe('uploads by tuspy', () => {
  it.each([
    ['in one PATCH', {}],
    ['in chunks', { chunk_size: MiB }],
    ['in chunks with their checksums', { chunk_size: MiB, upload_checksum: true }],
    ['in one PATCH with its checksum', { upload_checksum: true }],
  ])('a file arrives %s', async (_, options) => {
    const server = await startTusker()
    const file = await temporaryFile('file.bin', bytes)
    const result = await tuspy({ endpoint: server.url, file, options })
    expect(result).toEqual(complete)
    await expectStored(server, result.url, hash, bytes.length)
  })

  it('a file arrives by its asynchronous uploader', async () => {
    const server = await startTusker()
    const file = await temporaryFile('file.bin', bytes)
    const options = { chunk_size: 3 * MiB, upload_checksum: true }
    const result = await tuspy({ endpoint: server.url, file, asynchronous: true, options })
    expect(result).toEqual(complete)
    await expectStored(server, result.url, hash, bytes.length)
  })

  it('metadata in any script comes back as it was written', async () => {
    const server = await startTusker()
    const file = await temporaryFile('file.bin', bytes)
    const metadata = { filename: 'résumé – 履歴書 🚀.txt', filetype: 'text/plain' }
    const result = await tuspy({ endpoint: server.url, file, options: { metadata } })
    const head = await fetch(result.url, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } })
    const pairs = Object.entries(metadata).map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    expect(head.headers.get('Upload-Metadata')).toBe(pairs.join(','))
  })

  it('a new uploader goes on from the URL of an old one', async () => {
    const server = await startTusker()
    const file = await temporaryFile('file.bin', bytes)
    const options = { chunk_size: MiB }
    const first = await tuspy({ endpoint: server.url, file, options, stop_at: 4 * MiB })
    expect(first).toMatchObject({ started_at: 0, offset: 4 * MiB })
    const second = await tuspy({ endpoint: server.url, file, options: { ...options, url: first.url } })
    expect(second).toEqual({ url: first.url, started_at: 4 * MiB, offset: bytes.length })
    await expectStored(server, first.url, hash, bytes.length)
  })

  it('a process that is killed in the middle of a chunk is followed by one that finds the URL in its storage', async () => {
    const server = await startTusker()
    const wire = await createWire(server.url)
    const file = await temporaryFile('file.bin', bytes)
    const wish = { endpoint: wire.url, file, url_storage: join(await temporaryFolder(), 'urls.json') }
    const held = wire.holdAfter(5 * MiB)
    const first = await start(tool('tuspy'), [SCRIPT, JSON.stringify(wish)])
    await held
    const before = await bytesOnDisk(server, 4 * MiB)
    first.kill('SIGKILL')
    await first.ended
    await wire.drop()
    const second = await tuspy(wish)
    expect(second.started_at).toBeGreaterThanOrEqual(before)
    expect(second.offset).toBe(bytes.length)
    await expectStored(server, second.url, hash, bytes.length)
  })

  it('a lost connection in the middle of a chunk is made good by a retry', async () => {
    const server = await startTusker()
    const wire = await createWire(server.url, [
      { after: 2 * MiB + 5000, manner: 'reset' },
      { after: 2 * MiB, manner: 'vanish' },
      { after: 2 * MiB, manner: 'answer' },
    ])
    const file = await temporaryFile('file.bin', bytes)
    const options = { chunk_size: 512 * KiB, retries: 5, retry_delay: 0 }
    const result = await tuspy({ endpoint: wire.url, file, options })
    expect(wire.losses()).toBe(3)
    expect(result).toMatchObject({ offset: bytes.length })
    await expectStored(server, result.url, hash, bytes.length)
  })

  it('an upload beyond the limit is refused with a text that it can show', async () => {
    const server = await startTusker({ flags: ['-max-size', String(MiB)] })
    const wish = { endpoint: server.url, file: await temporaryFile('file.bin', bytes) }
    const ended = await run(tool('tuspy'), [SCRIPT, JSON.stringify(wish)])
    expect(ended.code).toBe(1)
    expect(ended.stderr).toMatch(/^413 ERR_MAX_SIZE_EXCEEDED/)
  })

  it('a server that crashes (kill -9) between chunks has kept what it acknowledged', async () => {
    const server = await startTusker()
    const file = await temporaryFile('file.bin', bytes)
    const options = { chunk_size: MiB, upload_checksum: true }
    const first = await tuspy({ endpoint: server.url, file, options, stop_at: 7 * MiB })
    await bytesOnDisk(server, 7 * MiB)
    await server.kill()
    const back = await startTusker({ directory: server.directory, port: server.port })
    const second = await tuspy({ endpoint: back.url, file, options: { ...options, url: first.url } })
    expect(second).toEqual({ url: first.url, started_at: 7 * MiB, offset: bytes.length })
    await expectStored(back, first.url, hash, bytes.length)
  })
})
