import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { MiB, seededBytes, sha256, temporaryFile, temporaryFolder } from './support/bytes.ts'
import { curl, curlInTurn, fields, OCTETS, patch, post, startCurl, TUS } from './support/curl.ts'
import { bytesOnDisk, expectStored, filesIn, startTusker, type Tusker } from './support/tusker.ts'
import { createWire } from './support/wire.ts'

const bytes = seededBytes(4, 10 * MiB + 9)
const hash = sha256(bytes)

async function create(url: string, wanted: Readonly<Record<string, string | number>>): Promise<string> {
  const created = await curl(post(url, wanted))
  expect(created).toMatchObject({ exitCode: 0, status: 201 })
  return created.header('Location') ?? ''
}

/** A server with a finished upload. */
async function finished(metadata = ''): Promise<{ server: Tusker; url: string }> {
  const server = await startTusker()
  const wanted = { 'Upload-Length': bytes.length, ...(metadata !== '' && { 'Upload-Metadata': metadata }) }
  const url = await create(server.url, wanted)
  const sent = await curl(patch(url, 0, await temporaryFile('file.bin', bytes)))
  expect(sent).toMatchObject({ exitCode: 0, status: 204 })
  return { server, url }
}

describe('uploads by curl', () => {
  it('a file arrives by -T', async () => {
    const { server, url } = await finished()
    await expectStored(server, url, hash, bytes.length)
  })

  it('a file arrives with its creation by --data-binary', async () => {
    const server = await startTusker()
    const file = await temporaryFile('file.bin', bytes)
    const args = post(server.url, { 'Upload-Length': bytes.length, ...OCTETS })
    const sent = await curl([...args, '--data-binary', `@${file}`])
    expect(sent).toMatchObject({ exitCode: 0, status: 201, sent: bytes.length })
    expect(sent.header('Upload-Offset')).toBe(String(bytes.length))
    await expectStored(server, sent.header('Location') ?? '', hash, bytes.length)
  })

  it('standard input of unknown length arrives chunked, and the length is told at the end', async () => {
    const server = await startTusker()
    const url = await create(server.url, { 'Upload-Defer-Length': 1 })
    const sent = await curl(patch(url, 0, '-'), { input: bytes })
    expect(sent.trace).toMatch(/^> Transfer-Encoding: chunked/m)
    expect(sent).toMatchObject({ exitCode: 0, status: 204 })
    const told = await curl([...patch(url, bytes.length, '/dev/null'), ...fields({ 'Upload-Length': bytes.length })])
    expect(told).toMatchObject({ exitCode: 0, status: 204 })
    await expectStored(server, url, hash, bytes.length)
  })

  it('HTTP/1.0 does as well', async () => {
    const server = await startTusker()
    const url = await create(server.url, { 'Upload-Length': bytes.length })
    const sent = await curl(['-0', ...patch(url, 0, await temporaryFile('file.bin', bytes))])
    expect(sent).toMatchObject({ exitCode: 0, status: 204 })
    await expectStored(server, url, hash, bytes.length)
  })

  it('HEAD tells where an upload stands', async () => {
    const server = await startTusker()
    const url = await create(server.url, { 'Upload-Length': bytes.length })
    await curl(patch(url, 0, await temporaryFile('half.bin', bytes.subarray(0, MiB))))
    const head = await curl(['-I', ...fields(TUS), url])
    expect(head).toMatchObject({ exitCode: 0, status: 200 })
    expect(head.header('Upload-Offset')).toBe(String(MiB))
    expect(head.header('Upload-Length')).toBe(String(bytes.length))
    expect(head.header('Cache-Control')).toBe('no-store')
  })

  it('curl that is killed in the middle goes on with -C where HEAD says', async () => {
    const server = await startTusker()
    const wire = await createWire(server.url)
    const file = await temporaryFile('file.bin', bytes)
    const url = await create(wire.url, { 'Upload-Length': bytes.length })
    const held = wire.holdAfter(5 * MiB)
    const first = await startCurl(patch(url, 0, file))
    await held
    await bytesOnDisk(server, 4 * MiB)
    first.kill('SIGKILL')
    await first.ended
    await wire.drop()
    const offset = Number((await curl(['-I', ...fields(TUS), url])).header('Upload-Offset'))
    expect(offset).toBeGreaterThanOrEqual(4 * MiB)
    const rest = await curl(['-C', String(offset), ...patch(url, offset, file)])
    expect(rest).toMatchObject({ exitCode: 0, status: 204, sent: bytes.length - offset })
    await expectStored(server, url, hash, bytes.length)
  })

  it('DELETE removes an upload', async () => {
    const { server, url } = await finished()
    expect(await curl(['-X', 'DELETE', ...fields(TUS), url])).toMatchObject({ exitCode: 0, status: 204 })
    expect(await filesIn(server)).toEqual([])
  })
})

describe('what curl is told before it sends', () => {
  it('100 Continue comes before the body', async () => {
    const server = await startTusker()
    const url = await create(server.url, { 'Upload-Length': bytes.length })
    const sent = await curl(patch(url, 0, await temporaryFile('file.bin', bytes)))
    expect(sent.trace).toMatch(/^> Expect: 100-continue/m)
    expect(sent.trace).toMatch(/^< HTTP\/1\.1 100 Continue\r?\n[\s\S]*^< HTTP\/1\.1 204/m)
    expect(sent).toMatchObject({ exitCode: 0, status: 204, sent: bytes.length })
  })

  it('a refusal comes instead of 100 Continue, and no byte is sent', async () => {
    const server = await startTusker({ flags: ['-max-size', String(MiB)] })
    const file = await temporaryFile('file.bin', bytes)
    const args = post(server.url, { 'Upload-Length': bytes.length, ...OCTETS })
    const refused = await curl([...args, '--data-binary', `@${file}`])
    expect(refused.trace).toMatch(/^> Expect: 100-continue/m)
    expect(refused.trace).not.toMatch(/^< HTTP\/1\.1 100/m)
    expect(refused).toMatchObject({ exitCode: 0, status: 413, sent: 0 })
    expect(refused.body().toString()).toContain('ERR_MAX_SIZE_EXCEEDED')
  })

  // 64 MiB do not fit into the buffers on the way: whoever is refused is still sending then.
  it.each([
    ['creation beyond the limit', 413, 'ERR_MAX_SIZE_EXCEEDED'],
    ['PATCH to an unknown upload', 404, 'ERR_UPLOAD_NOT_FOUND'],
    ['PATCH at a wrong offset', 409, 'ERR_MISMATCHED_OFFSET'],
    ['PATCH of another media type', 415, 'ERR_INVALID_CONTENT_TYPE'],
    ['PATCH that is longer than its upload', 413, 'ERR_UPLOAD_SIZE_EXCEEDED'],
  ])('a %s shows its %i while 64 MiB are on their way, not a reset', async (what, status, code) => {
    const server = await startTusker({ flags: ['-max-size', String(32 * MiB)] })
    const file = await temporaryFile('big.bin', Buffer.alloc(64 * MiB))
    const url = await create(server.url, { 'Upload-Length': MiB })
    const creation = post(server.url, { 'Upload-Length': 64 * MiB, ...OCTETS })
    const refused = {
      'creation beyond the limit': [...creation, '--data-binary', `@${file}`],
      'PATCH to an unknown upload': patch(`${server.url}unknown`, 0, file),
      'PATCH at a wrong offset': patch(url, 5, file),
      'PATCH of another media type': patch(url, 0, file, 'text/plain'),
      'PATCH that is longer than its upload': patch(url, 0, file),
    }[what]
    // The Expect that curl adds by itself is taken out, so that it sends at once.
    const args = ['-H', 'Expect:', ...(refused ?? [])]
    for (let round = 0; round < 5; round++) {
      const answer = await curl(args)
      expect(answer).toMatchObject({ exitCode: 0, status })
      expect(answer.body().toString()).toContain(code)
    }
  })

  it('a connection is used again after every refusal', async () => {
    const server = await startTusker({ flags: ['-max-size', String(MiB)] })
    const url = await create(server.url, { 'Upload-Length': MiB })
    const small = (target: string, offset: number) => [
      ...['-X', 'PATCH', '--data-binary', 'a few bytes'],
      ...fields({ ...TUS, ...OCTETS, 'Upload-Offset': offset }),
      target,
    ]
    const answers = await curlInTurn([
      ['-I', ...fields(TUS), url],
      small(url, 7),
      ['-I', ...fields(TUS), `${server.url}unknown`],
      small(`${server.url}unknown`, 0),
      post(server.url, { 'Upload-Length': 2 * MiB }),
      post(server.url, { 'Upload-Length': 'x' }),
      ['-X', 'POST', ...fields({ 'Upload-Length': 5 }), server.url],
      small(url, 0),
    ])
    expect(answers.map(({ status }) => status)).toEqual([200, 409, 404, 404, 413, 400, 412, 204])
    expect(answers.map(({ connects }) => connects)).toEqual([1, 0, 0, 0, 0, 0, 0, 0])
  })
})

describe('downloads by curl', () => {
  it('--range gets a piece, from the start, the middle or the end', async () => {
    const { url } = await finished()
    const pieces = [
      ['0-99', bytes.subarray(0, 100)],
      [`${5 * MiB}-${6 * MiB - 1}`, bytes.subarray(5 * MiB, 6 * MiB)],
      ['-50', bytes.subarray(-50)],
    ] as const
    for (const [range, expected] of pieces) {
      const piece = await curl(['-r', range, url])
      expect(piece).toMatchObject({ exitCode: 0, status: 206 })
      expect(sha256(piece.body())).toBe(sha256(expected))
    }
    expect((await curl(['-r', `${bytes.length}-`, url])).status).toBe(416)
  })

  it('-C - goes on with a download that broke off', async () => {
    const { url } = await finished()
    const target = join(await temporaryFolder(), 'download.bin')
    await writeFile(target, bytes.subarray(0, 3 * MiB))
    const rest = await curl(['-C', '-', '-o', target, url])
    expect(rest).toMatchObject({ exitCode: 0, status: 206 })
    expect(sha256(await readFile(target))).toBe(hash)
  })

  it('--etag-compare does not get again what it has', async () => {
    const { url } = await finished()
    const folder = await temporaryFolder()
    await curl(['--etag-save', join(folder, 'etag'), '-o', join(folder, 'file'), url])
    const again = await curl(['--etag-compare', join(folder, 'etag'), url])
    expect(again).toMatchObject({ exitCode: 0, status: 304 })
    expect(again.body()).toHaveLength(0)
  })

  it('-OJ saves a download under the name that its metadata gives, and inside the current folder', async () => {
    const name = Buffer.from('../../../report.pdf').toString('base64')
    const { url } = await finished(`filename ${name}`)
    const parent = await temporaryFolder()
    const folder = await temporaryFolder()
    const saved = await curl(['-OJ', url], { cwd: folder })
    expect(saved).toMatchObject({ exitCode: 0, status: 200 })
    const [file = ''] = await readdir(folder)
    expect(file).toContain('report.pdf')
    expect(sha256(await readFile(join(folder, file)))).toBe(hash)
    expect(await readdir(parent)).toEqual([])
  })
})
