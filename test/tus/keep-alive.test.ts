import { describe, expect, it, vi } from 'vitest'
import { ERRORS, type ErrorCode } from '../../src/core/errors.ts'
import { memoryLocker } from '../../src/lockers/memory.ts'
import type { Fields, Payload } from './support/answer.ts'
import { expectInOrder } from './support/connection.ts'
import { nodeDoor } from './support/node-door.ts'
import { host, OCTETS, type Site } from './support/site.ts'

/** A request that fails: method, URL, header fields. */
type Ask = readonly [method: string, url: string, fields?: Fields]

const AT_0 = { 'Upload-Offset': '0', 'Content-Type': OCTETS }
const UNKNOWN = '0'.repeat(32)
const PARTIAL = { 'Upload-Concat': 'partial' }

/** What no client can provoke by one request to a server that is well; tested where it comes from. */
const OTHERWISE: readonly ErrorCode[] = [
  'connection_lost',
  'too_many_requests',
  'lock_lost',
  'body_consumed',
  'storage_failed',
  'storage_busy',
  'storage_full',
  'internal',
  'upload_stopped',
  // Those of the IETF draft
  'upload_complete',
  'upload_too_small',
  'append_too_small',
  'append_too_large',
  'digest_mismatch',
]

describe('a connection after an error', () => {
  const locker = memoryLocker()
  const site = host(nodeDoor, {
    maxSize: 10_000,
    locker,
    acquireLockTimeout: 60,
    authorize(operation, { metadata }) {
      if (operation !== 'create') return true
      if (metadata.has('stranger')) return { reject: true, reply: { status: 401 } }
      if (metadata.has('many')) return { owner: 'many', quota: { maxUploads: 1 } }
      return metadata.has('large') ? { owner: 'large', quota: { maxBytes: 9000 } } : !metadata.has('forbidden')
    },
    hooks: {
      preCreate(upload) {
        if (upload.metadata.has('reject')) return { reject: true }
        if (upload.metadata.has('fail')) throw new Error('the hook fails')
        return upload.metadata.has('id') ? { id: 'taken' } : null
      },
      preTerminate: (upload) => (upload.metadata.has('keep') ? { reject: true } : null),
    },
  })
  const hourly = host(nodeDoor, { expireAfter: 3_600_000 })
  const bare = host(nodeDoor, { disableConcatenation: true })
  const closing = host(nodeDoor)
  const patient = host(nodeDoor)
  const impatient = host(nodeDoor, { networkTimeout: 100 })
  const fresh = (at: Site = site) => at.create({ 'Upload-Length': '5000' })

  const creating = (metadata: string): Ask => [
    'POST',
    '/files/',
    { 'Upload-Length': '5000', 'Content-Type': OCTETS, 'Upload-Metadata': metadata },
  ]

  /** For each code a request that provokes it, in a server that answers HEAD on an upload well afterwards. */
  const provoked: Partial<Record<ErrorCode, (at: Site) => Promise<Ask>>> = {
    invalid_length: async () => ['POST', '/files/', { 'Upload-Length': '-1', 'Content-Type': OCTETS }],
    length_mismatch: async () => ['PATCH', await fresh(), { ...AT_0, 'Upload-Length': '4999' }],
    invalid_offset: async () => ['PATCH', await fresh(), { ...AT_0, 'Upload-Offset': '0x0' }],
    invalid_metadata: async () => [
      'POST',
      '/files/',
      { 'Upload-Length': '5000', 'Content-Type': OCTETS, 'Upload-Metadata': 'a,a' },
    ],
    invalid_checksum: async () => ['PATCH', await fresh(), { ...AT_0, 'Upload-Checksum': 'sha1' }],
    unsupported_checksum: async () => ['PATCH', await fresh(), { ...AT_0, 'Upload-Checksum': 'blake3 AAAA' }],
    checksum_mismatch: async () => ['PATCH', await fresh(), { ...AT_0, 'Upload-Checksum': 'crc32 AAAAAA==' }],
    invalid_concat: async () => ['POST', '/files/', { 'Upload-Concat': 'final;', 'Content-Type': OCTETS }],
    upload_incomplete: async () => ['GET', await fresh()],
    upload_rejected: async () => [
      'POST',
      '/files/',
      { 'Upload-Length': '5000', 'Content-Type': OCTETS, 'Upload-Metadata': 'reject' },
    ],
    unauthorized: async () => creating('stranger'),
    forbidden: async () => creating('forbidden'),
    quota_uploads: async () => {
      await site.post({ 'Upload-Length': '5000', 'Upload-Metadata': 'many' })
      return creating('many')
    },
    quota_bytes: async () => {
      await site.post({ 'Upload-Length': '5000', 'Upload-Metadata': 'large' })
      return creating('large')
    },
    termination_rejected: async () => [
      'DELETE',
      await site.create({ 'Upload-Length': '5', 'Upload-Metadata': 'keep' }),
    ],
    final_upload: async () => {
      const part = await site.create({ ...PARTIAL, 'Upload-Length': '5' }, 'hello')
      return ['PATCH', await site.create({ 'Upload-Concat': `final;${part}` }), AT_0]
    },
    upload_not_found: async () => ['PATCH', `/files/${UNKNOWN}`, AT_0],
    not_found: async () => ['POST', '/elsewhere', { 'Upload-Length': '5000', 'Content-Type': OCTETS }],
    method_not_allowed: async () => ['PUT', await fresh(), AT_0],
    origin_not_allowed: async () => [
      'OPTIONS',
      '/files/',
      { Origin: 'no origin', 'Access-Control-Request-Method': 'POST' },
    ],
    offset_mismatch: async () => ['PATCH', await fresh(), { ...AT_0, 'Upload-Offset': '1' }],
    upload_exists: async () => {
      const fields = { 'Upload-Length': '5000', 'Upload-Metadata': 'id' }
      await site.post(fields)
      return ['POST', '/files/', { ...fields, 'Content-Type': OCTETS }]
    },
    unsupported_version: async () => ['PATCH', await fresh(), { ...AT_0, 'Tus-Resumable': '0.2.2' }],
    precondition_failed: async () => [
      'GET',
      await site.create({ 'Upload-Length': '5' }, 'hello'),
      { 'If-Match': '"another"' },
    ],
    max_size_exceeded: async () => ['POST', '/files/', { 'Upload-Length': '10001', 'Content-Type': OCTETS }],
    length_exceeded: async () => ['PATCH', await site.create({ 'Upload-Length': '999' }), AT_0],
    invalid_content_type: async () => ['PATCH', await fresh(), { ...AT_0, 'Content-Type': 'text/plain' }],
    range_not_satisfiable: async () => [
      'GET',
      await site.create({ 'Upload-Length': '5' }, 'hello'),
      { Range: 'bytes=9-' },
    ],
    hook_failed: async () => [
      'POST',
      '/files/',
      { 'Upload-Length': '5000', 'Content-Type': OCTETS, 'Upload-Metadata': 'fail' },
    ],
  }

  async function expectError(at: Site, code: ErrorCode, ask: Ask, body: Payload | undefined, pipelined = false) {
    const well = await at.create({ 'Upload-Length': '0' })
    const [method, url, fields] = ask
    const wire = await at.connect()
    const text = at.text(method, url, fields, body)
    await wire.write(pipelined ? Buffer.concat([text, at.text('HEAD', well)]) : text)
    const answer = await wire.answer(method)
    expect(answer.status, answer.text).toBe(ERRORS[code].status)
    expect(answer.text.startsWith(`${ERRORS[code].wire}: `), answer.text).toBe(true)
    expect(answer.header('content-type')).toMatch(/^text\/plain\b/)
    expect(answer.header('tus-resumable')).toBe('1.0.0')
    if (!pipelined) {
      await expectInOrder(at, wire, answer, well)
      return
    }
    if (/\bclose\b/i.test(answer.header('connection') ?? '')) {
      await wire.closed
      expect(wire.rest()).toBe('')
      return
    }
    const own = await wire.answer('HEAD')
    expect(own.status).toBe(200)
    expect(own.header('upload-offset')).toBe('0')
    expect(wire.rest()).toBe('')
    wire.cut()
  }

  describe.each(Object.entries(provoked))('of code %s', (name, prepare) => {
    const code = Object.keys(ERRORS).find((each): each is ErrorCode => each === name) ?? 'internal'
    const hasBody = (ask: Ask) => ask[0] === 'POST' || ask[0] === 'PATCH' || ask[0] === 'PUT'

    it('T-110 is in order or closed', async () => {
      const ask = await prepare(site)
      await expectError(site, code, ask, hasBody(ask) ? 'x'.repeat(1000) : undefined)
    })

    it('T-110 is in order or closed, the body chunked', async () => {
      const ask = await prepare(site)
      await expectError(site, code, ask, hasBody(ask) ? { chunks: ['x'.repeat(500), 'x'.repeat(500)] } : undefined)
    })

    it('T-110 is in order or closed, the next request sent already', async () => {
      const ask = await prepare(site)
      await expectError(site, code, ask, hasBody(ask) ? 'x'.repeat(1000) : undefined, true)
    })
  })

  it.each([
    'offset_mismatch',
    'invalid_content_type',
    'unsupported_version',
    'upload_not_found',
    'invalid_checksum',
    'invalid_metadata',
    'max_size_exceeded',
    'upload_rejected',
    'method_not_allowed',
  ] as const)('T-110 is in order or closed after %s, the body sent after the answer', async (code) => {
    const well = await site.create({ 'Upload-Length': '0' })
    const [method, url, fields] = (await provoked[code]?.(site)) ?? ['', '']
    const wire = await site.connect()
    await wire.write(site.text(method, url, { ...fields, 'Content-Length': '1000' }))
    const answer = await wire.answer(method)
    expect(answer.status).toBe(ERRORS[code].status)
    await wire.write('x'.repeat(1000))
    await expectInOrder(site, wire, answer, well)
  })

  it('T-110 is in order or closed after an upload has expired', async () => {
    const url = await fresh(hourly)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 7_200_000 })
    await expectError(hourly, 'upload_gone', ['PATCH', url, AT_0], 'x'.repeat(1000))
    vi.useRealTimers()
  })

  it('T-110 is in order or closed after something that is turned off', async () => {
    const ask: Ask = ['POST', '/files/', { ...PARTIAL, 'Upload-Length': '5000', 'Content-Type': OCTETS }]
    await expectError(bare, 'not_implemented', ask, 'x'.repeat(1000))
  })

  it('T-110 is in order or closed after waiting for a lock in vain', async () => {
    const url = await fresh()
    const lock = await locker.acquire(site.lockName(url), new AbortController().signal)
    await expectError(site, 'lock_timeout', ['PATCH', url, AT_0], 'x'.repeat(1000))
    await lock.release()
    expect((await site.patch(url, 0, 'hello')).status).toBe(204)
  })

  it('T-110 is closed after another request took over', async () => {
    const url = await fresh(patient)
    const wire = await patient.connect()
    await wire.write(patient.text('PATCH', url, { ...AT_0, 'Content-Length': '5000' }, 'hello'))
    await patient.arrived(url, 5)
    expect(await patient.offset(url)).toBe(5)
    const answer = await wire.answer('PATCH')
    expect(answer.status).toBe(ERRORS.upload_interrupted.status)
    expect(answer.header('connection')).toMatch(/close/i)
    await wire.write('x'.repeat(4995))
    await wire.closed
    expect(wire.rest()).toBe('')
  })

  it('T-110 is closed after the server was', async () => {
    const url = await fresh(closing)
    const wire = await closing.connect()
    await closing.uploads.close()
    await wire.write(closing.text('PATCH', url, AT_0, 'x'.repeat(1000)))
    const answer = await wire.answer('PATCH')
    expect(answer.status).toBe(503)
    expect(answer.text).toContain('ERR_SERVER_SHUTDOWN')
    wire.cut()
  })

  it('T-110 is closed after its client fell silent', async () => {
    const url = await fresh(impatient)
    const wire = await impatient.connect()
    await wire.write(impatient.text('PATCH', url, { ...AT_0, 'Content-Length': '5000' }, 'hello'))
    const answer = await wire.answer('PATCH')
    expect(answer.status).toBe(ERRORS.read_timeout.status)
    expect(answer.header('connection')).toMatch(/close/i)
  })

  it('T-110 told a client that sends 4 MiB before it reads what was wrong', async () => {
    const wrong = [{ 'Upload-Offset': '1' }, { 'Content-Type': 'text/plain' }, { 'Tus-Resumable': '0.2.2' }, {}]
    const statuses = wrong.map(async (fields) => {
      const url = await fresh()
      const wire = await site.connect()
      const text = site.text('PATCH', url, { ...AT_0, ...fields }, Buffer.alloc(4_194_304))
      await Promise.race([wire.write(text), wire.closed])
      const answer = await wire.answer('PATCH')
      await expectInOrder(site, wire, answer, url)
      expect(await site.offset(url)).toBe(0)
      return answer.status
    })
    expect(await Promise.all(statuses)).toEqual([409, 415, 412, 413])
  })

  it('T-110 told a client that wants the connection closed, and still sends, what was wrong', async () => {
    const url = await fresh()
    const text = site.text('PATCH', url, { ...AT_0, 'Upload-Offset': '1', Connection: 'close' }, Buffer.alloc(200_000))
    const wire = await site.connect()
    await wire.write(text.subarray(0, 1000))
    expect((await wire.answer('PATCH')).status).toBe(409)
    // As long as it sends, a close would be a reset, which takes away answers that are not read yet.
    for (let round = 0; round < 10; round++) expect(await site.offset(url)).toBe(0)
    expect(wire.isClosed()).toBe(false)
    await wire.write(text.subarray(1000))
    await wire.closed
  })

  it('T-110 every error is provoked here, or cannot be', () => {
    const here = ['upload_gone', 'not_implemented', 'lock_timeout', 'upload_interrupted', 'shutdown', 'read_timeout']
    const known = [...Object.keys(provoked), ...OTHERWISE, ...here, 'invalid_request']
    expect(Object.keys(ERRORS).filter((code) => !known.includes(code))).toEqual([])
  })
})
