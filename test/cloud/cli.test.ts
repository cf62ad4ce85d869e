import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { create, head, offsetOf, patch, sample, startPatch } from '../cli/client.ts'
import { type Ended, launch, newFolder, type Program, setUp } from '../cli/program.ts'
import { transfer } from '../clients/support/transfer.ts'
import { samplesOf } from '../observe/support/samples.ts'
import { BUCKET, openRoom, type Room } from './support/room.ts'

setUp()

const MiB = 1024 ** 2
const WAIT = { timeout: 60_000, interval: 50 }

let room: Room
beforeEach(() => {
  room = openRoom('ceph')
})
afterEach(() => room.close())

/** Arguments and environment with which `tusker` keeps its uploads in the room. */
function launched(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Program {
  const { endpoint, region, accessKeyId, secretAccessKey } = inject('s3')
  const usual = ['-host', '127.0.0.1', '-port', '0', '-s3-bucket', BUCKET, '-s3-endpoint', endpoint]
  return launch([...usual, '-s3-object-prefix', room.prefix, ...args], [], {
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    ...environment,
  })
}

/** Starts it and waits until it listens. */
async function start(...args: readonly string[]): Promise<Program> {
  const program = launched(args)
  let ended: Ended | null = null
  void program.ended().then((end) => {
    ended = end
  })
  const url = await vi.waitFor(() => {
    if (ended !== null) return ''
    const found = /^listening on (\S+)/m.exec(program.output())?.[1]
    if (found === undefined) throw new Error(`it does not listen: ${program.output()}`)
    return found
  }, WAIT)
  if (ended !== null) throw new Error(`it ended: ${JSON.stringify(ended)}`)
  return { ...program, url }
}

async function stopped(program: Program): Promise<void> {
  program.kill('SIGTERM')
  expect(await program.ended()).toMatchObject({ code: 0, stderr: '' })
}

async function metrics(program: Program): Promise<ReadonlyMap<string, number>> {
  return samplesOf(await (await fetch(new URL('/metrics', program.url))).text())
}

/** An upload's URL at another server. */
function at(program: Program, url: string): string {
  return new URL(new URL(url).pathname, program.url).href
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** The key of the object of an upload, in the room. */
function keyOf(url: string): string {
  return (url.split('/').at(-1) ?? '').split('+')[0] ?? ''
}

const bytes = sample(20 * MiB + 123)

describe('a server on a bucket', () => {
  test('says at the start where it stores, in what pieces, and that it is alone', async () => {
    const { output } = await start()
    const lines = output().split('\n')
    expect(lines).toContain(
      `storing in s3://${BUCKET}/${room.prefix} at ${inject('s3').endpoint} (S3, provider unknown)`,
    )
    expect(lines).toContain('parts of 16 MiB, 10 of an upload at once, 256 MiB of memory for all')
    expect(lines).toContain('locking by memory: no other process may serve this bucket')
    expect(lines).toContain('largest upload: 5 TiB')
  })

  test('makes no folder', async () => {
    const folder = join(newFolder(), 'data')
    const program = await start('-upload-dir', folder)
    await transfer(Buffer.from('hello'), { endpoint: program.url })
    expect(existsSync(folder)).toBe(false)
  })

  test('an upload that SIGTERM cuts goes on after a restart, with the bytes that were there', async () => {
    const first = await start('-s3-part-size', '5MiB')
    const url = await create(first.url, bytes.length, { 'Upload-Metadata': 'filename YS5iaW4=' })
    startPatch(url, bytes.length, bytes.subarray(0, 12 * MiB))
    const taken = async () => (await metrics(first)).get('tusker_received_bytes_total') ?? 0
    await vi.waitFor(async () => expect(await taken()).toBeGreaterThanOrEqual(11 * MiB), WAIT)
    await stopped(first)

    const second = await start('-s3-part-size', '5MiB', '-s3-log-api-calls')
    const offset = await offsetOf(at(second, url))
    expect(offset).toBeGreaterThanOrEqual(11 * MiB)
    const { summary } = await transfer(Buffer.from(bytes), { uploadUrl: at(second, url), endpoint: second.url })
    expect(summary()).toEqual(['HEAD 200', 'PATCH 204'])
    const download = await fetch(at(second, url))
    expect(digest(new Uint8Array(await download.arrayBuffer()))).toBe(digest(bytes))
    expect(download.headers.get('content-disposition')).toBe('attachment; filename=a.bin')
    expect(digest((await room.read(keyOf(url))) ?? Buffer.alloc(0))).toBe(digest(bytes))
    expect(await room.keys()).toEqual([keyOf(url), `${keyOf(url)}.info`])
    expect(await room.multiparts()).toEqual([])
    await stopped(second)
    const calls = second.output().match(/ INFO s3\.call .*/g) ?? []
    expect(calls.join('\n')).toContain(`operation=CompleteMultipartUpload key=${room.prefix}${keyOf(url)} status=200`)
    expect(second.output()).not.toContain(inject('s3').secretAccessKey)
  })

  test('its metrics show the calls', async () => {
    const program = await start()
    await transfer(Buffer.from(bytes), { endpoint: program.url })
    const seen = await metrics(program)
    expect(seen.get('tusker_s3_call_seconds_count{operation="UploadPart"}')).toBe(2)
    expect(seen.get('tusker_s3_sent_bytes_total{operation="UploadPart"}')).toBe(bytes.length)
    expect(seen.get('tusd_s3_request_duration_ms_count{operation="upload_part"}')).toBe(2)
    expect(seen.get('tusd_s3_request_duration_ms_count{operation="create_multipart_upload"}')).toBe(1)
    expect(seen.get('tusker_s3_buffered_bytes')).toBe(0)
    expect(seen.get('tusker_s3_parts_in_flight')).toBe(0)
    expect([...seen.keys()].filter((name) => name.startsWith('tusker_s3_errors_total'))).toEqual([])
  })

  test('it is ready, which leaves nothing behind', async () => {
    const program = await start()
    expect((await fetch(new URL('/readyz', program.url))).status).toBe(200)
    expect(await room.keys()).toEqual([])
  })

  test('-s3-redirect-downloads sends clients on to the object, HEAD stays', async () => {
    const program = await start('-s3-redirect-downloads', '5m')
    const metadata = { filename: 'Zoë.png', filetype: 'image/png' }
    const { done } = await transfer(Buffer.from('pixels'), { endpoint: program.url, metadata })
    const url = await done
    const answer = await fetch(url, { redirect: 'manual' })
    expect(answer.status).toBe(307)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('location')).toMatch(new RegExp(`^${inject('s3').endpoint}/.*[?&]X-Amz-Expires=300&`))
    const followed = await fetch(url, { headers: { Range: 'bytes=1-3' } })
    expect(followed.status).toBe(206)
    expect(await followed.text()).toBe('ixe')
    expect(followed.headers.get('content-type')).toBe('image/png')
    expect(followed.headers.get('content-disposition')).toContain("filename*=UTF-8''Zo%C3%AB.png")
    expect((await head(url)).headers.get('upload-offset')).toBe('6')
  })

  test('records may have a prefix of their own, and sizes may be limited', async () => {
    const program = await start('-s3-metadata-object-prefix', `${room.prefix}meta/`, '-s3-max-object-size', '1MiB')
    expect(program.output()).toContain('\nlargest upload: 1 MiB\n')
    await expect(create(program.url, MiB + 1)).rejects.toThrow('413')
    const url = await create(program.url, 5)
    expect((await patch(url, 0, sample(5))).status).toBe(204)
    expect(await room.keys()).toEqual([keyOf(url), `meta/${keyOf(url)}.info`].sort())
  })
})

test('two servers share a bucket with -locker file: one takes an upload from the other', async () => {
  const locks = newFolder()
  const shared = ['-locker', 'file', '-upload-dir', locks, '-s3-part-size', '5MiB']
  const [one, other] = await Promise.all([start(...shared), start(...shared)])
  expect(one.output()).toContain(`\nlocking by file: other processes may serve this bucket with locks in ${locks}\n`)
  const url = await create(one.url, bytes.length)
  startPatch(url, bytes.length, bytes.subarray(0, 12 * MiB))
  const taken = async () => (await metrics(one)).get('tusker_received_bytes_total') ?? 0
  await vi.waitFor(async () => expect(await taken()).toBeGreaterThanOrEqual(11 * MiB), WAIT)
  const offset = await offsetOf(at(other, url))
  expect(offset).toBeGreaterThanOrEqual(11 * MiB)
  expect((await patch(at(other, url), offset, bytes.subarray(offset))).status).toBe(204)
  expect(digest((await room.read(keyOf(url))) ?? Buffer.alloc(0))).toBe(digest(bytes))
})

describe('a start that fails', () => {
  test('names a bucket that is not there', async () => {
    const { endpoint } = inject('s3')
    expect(await launched(['-s3-bucket', 'no-such-bucket']).ended()).toMatchObject({
      code: 1,
      stdout: '',
      stderr: `tusker: cannot start: there is no bucket no-such-bucket at ${endpoint}; create it, or correct -s3-bucket\n`,
    })
  })

  test.each([
    ['InvalidAccessKeyId', { AWS_ACCESS_KEY_ID: 'nobody' }],
    ['SignatureDoesNotMatch', { AWS_SECRET_ACCESS_KEY: 'wrong' }],
  ])('says that the credentials are wrong: %s', async (code, environment) => {
    const ended = await launched([], environment).ended()
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(/^tusker: cannot start: .* does not accept the credentials \(.*\n$/)
    expect(ended.stderr).toContain(`(${code})`)
  })
})
