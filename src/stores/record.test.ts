import { describe, expect, it } from 'vitest'
import { UploadError } from '../core/errors.ts'
import { type NewUpload, parseUploadId } from '../core/upload.ts'
import { newRecord, parseRecord, printRecord, uploadOf } from './record.ts'

const id = parseUploadId('folder/abc')
const someDay = new Date('2026-01-02T03:04:05.678Z')

/** As tusd 2.10 writes it. */
const TUSD = {
  ID: 'folder/abc',
  Size: 10,
  SizeIsDeferred: false,
  Offset: 0,
  MetaData: { filename: 'a.txt', empty: '' },
  IsPartial: false,
  IsFinal: false,
  PartialUploads: null,
  Storage: { InfoPath: 'data/folder/abc.info', Path: 'data/folder/abc', Type: 'filestore' },
}

const OURS = { complete: false, completion: 'at_length', createdAt: someDay.toISOString(), expiresAt: null, echo: {} }

function upload(changes: Partial<NewUpload> = {}): NewUpload {
  return {
    id,
    length: 10,
    metadata: new Map(),
    concat: null,
    completion: 'at_length',
    echo: {},
    createdAt: someDay,
    expiresAt: null,
    ...changes,
  }
}

function parse(value: unknown) {
  return parseRecord(typeof value === 'string' ? value : JSON.stringify(value), id, someDay)
}

function codeOf(read: () => unknown): unknown {
  try {
    read()
  } catch (error) {
    return error instanceof UploadError ? error.code : error
  }
  return 'nothing was thrown'
}

describe('a record that we write', () => {
  it('is read as it was', () => {
    const record = {
      ...newRecord(upload(), { Type: 'filestore', Path: 'data/folder/abc' }),
      length: null,
      metadata: new Map([
        ['9', 'nine'],
        ['1', null],
        ['__proto__', ''],
        ['hasOwnProperty', null],
      ]),
      echo: { 'upload-concat': 'final;/a /b' },
      completion: 'declared' as const,
      concat: { role: 'final' as const, parts: [parseUploadId('a'), parseUploadId('b')] },
      expiresAt: new Date('2027-01-01T00:00:00Z'),
      complete: true,
      offset: 7,
      trusted: 3,
    }
    const read = parse(printRecord(record))
    expect(read).toEqual(record)
    expect([...read.metadata]).toEqual([...record.metadata])
  })

  it('has the members of tusd with the types of tusd, and one more', () => {
    const printed: unknown = JSON.parse(
      printRecord(newRecord(upload({ metadata: new Map([['bare', null]]) }), TUSD.Storage)),
    )
    expect(printed).toEqual({ ...TUSD, MetaData: { bare: '' }, Tusker: { ...OURS, bare: ['bare'] } })
  })

  it('gives a deferred length as tusd does', () => {
    const printed: unknown = JSON.parse(printRecord(newRecord(upload({ length: null }), {})))
    expect(printed).toMatchObject({ Size: 0, SizeIsDeferred: true })
  })

  it.each([
    [{ role: 'partial' }, { IsPartial: true, IsFinal: false, PartialUploads: null }],
    [
      { role: 'final', parts: [parseUploadId('b'), parseUploadId('a')] },
      { IsPartial: false, IsFinal: true, PartialUploads: ['b', 'a'] },
    ],
  ] as const)('tells a concatenation as tusd does: %j', (concat, members) => {
    expect(JSON.parse(printRecord(newRecord(upload({ concat }), {})))).toMatchObject(members)
  })

  it('may have its metadata edited by hand: keys that were added or removed are respected', () => {
    const metadata = new Map([
      ['10', 'ten'],
      ['2', null],
      ['gone', 'x'],
    ])
    const printed = JSON.parse(printRecord(newRecord(upload({ metadata }), {})))
    printed.MetaData = { '2': 'now with a value', added: 'y', '10': 'ten' }
    expect([...parse(printed).metadata]).toEqual([
      ['10', 'ten'],
      ['2', 'now with a value'],
      ['added', 'y'],
    ])
  })
})

describe('a record of tusd', () => {
  it('is understood', () => {
    expect(parse(TUSD)).toEqual({
      ...upload({ metadata: new Map(Object.entries(TUSD.MetaData)) }),
      complete: null,
      digests: null,
      parts: null,
      path: null,
      offset: 0,
      trusted: null,
      storage: TUSD.Storage,
    })
  })

  it.each([
    ['all bytes are there', TUSD, 10, true],
    ['some are missing', TUSD, 9, false],
    ['there are none to come', { ...TUSD, Size: 0 }, 0, true],
    ['the length is not known', { ...TUSD, Size: 0, SizeIsDeferred: true }, 0, false],
  ])('is of a complete upload as the bytes say: %s', (_, record, offset, complete) => {
    expect(uploadOf(parse(record), { offset, modifiedAt: someDay, storage: {} }).complete).toBe(complete)
  })

  it('may lack what tusd left out in older versions, and have what newer ones add', () => {
    const record = parse({ ID: '', Size: 5, MetaData: null, Storage: null, Future: { any: ['thing'] } })
    expect(record).toMatchObject({ id, length: 5, concat: null, storage: {} })
    expect(record.metadata.size).toBe(0)
  })

  it('of a deferred upload needs no size', () => {
    expect(parse({ ID: 'folder/abc', SizeIsDeferred: true }).length).toBeNull()
  })
})

describe('a record that cannot be used', () => {
  const broken: readonly (readonly [string, unknown])[] = [
    ['empty', ''],
    ['cut off', JSON.stringify(TUSD).slice(0, 100)],
    ['zeros', '\0'.repeat(300)],
    ['not JSON', '<html>'],
    ['null', null],
    ['a list', [TUSD]],
    ['a number', 12],
    ['an empty object', {}],
    ['a size in text', { ...TUSD, Size: '10' }],
    ['a negative size', { ...TUSD, Size: -1 }],
    ['a size with a fraction', { ...TUSD, Size: 1.5 }],
    ['a size beyond what is exact', { ...TUSD, Size: 2 ** 53 }],
    ['no size', { ...TUSD, Size: undefined }],
    ['a negative offset', { ...TUSD, Offset: -5 }],
    ['an offset in text', { ...TUSD, Offset: '5' }],
    ['a flag in text', { ...TUSD, SizeIsDeferred: 'false' }],
    ['metadata in a list', { ...TUSD, MetaData: ['a'] }],
    ['a number in metadata', { ...TUSD, MetaData: { a: 1 } }],
    ['null in metadata', { ...TUSD, MetaData: { a: null } }],
    ['both roles', { ...TUSD, IsPartial: true, IsFinal: true, PartialUploads: ['a'] }],
    ['a final upload of nothing', { ...TUSD, IsFinal: true }],
    ['a part that is a path', { ...TUSD, IsFinal: true, PartialUploads: ['../../etc/passwd'] }],
    ['a part that is no text', { ...TUSD, IsFinal: true, PartialUploads: [1] }],
    ['storage in text', { ...TUSD, Storage: 'here' }],
    ['a number in storage', { ...TUSD, Storage: { Path: 5 } }],
    ['an id that is no text', { ...TUSD, ID: 5 }],
    ['our member in text', { ...TUSD, Tusker: 'yes' }],
    ['an unknown completion', { ...TUSD, Tusker: { ...OURS, completion: 'sometimes' } }],
    ['a date that is none', { ...TUSD, Tusker: { ...OURS, createdAt: 'yesterday' } }],
    ['a date in a number', { ...TUSD, Tusker: { ...OURS, expiresAt: 5 } }],
    ['complete in text', { ...TUSD, Tusker: { ...OURS, complete: 'true' } }],
    ['trusted below zero', { ...TUSD, Tusker: { ...OURS, trusted: -1 } }],
    ['an order that is none', { ...TUSD, Tusker: { ...OURS, order: { a: 1 } } }],
  ]

  it.each(broken)('is refused: %s', (_, value) => {
    expect(codeOf(() => parse(value))).toBe('storage_failed')
  })

  it('is named to the operator, with what is wrong', () => {
    try {
      parse({ ...TUSD, Tusker: { ...OURS, trusted: 'x' } })
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ details: { hint: expect.stringContaining('folder/abc') } })
      expect(error).toMatchObject({ details: { hint: expect.stringContaining('Tusker.trusted') } })
    }
  })

  it('because it is of another upload is as none', () => {
    expect(codeOf(() => parse({ ...TUSD, ID: 'folder/ABC' }))).toBe('upload_not_found')
  })
})
