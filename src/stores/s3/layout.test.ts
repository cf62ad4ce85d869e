import { S3Client } from '@aws-sdk/client-s3'
import { describe, expect, it } from 'vitest'
import { UploadError } from '../../core/errors.ts'
import { parseUploadId } from '../../core/upload.ts'
import { newUpload } from '../../testing/store-suite/testbed.ts'
import { objectHeaders } from './headers.ts'
import { chosenPlace, isId, joinId, ownerOf, recordPlace, splitId, tailPlace, usualPlace } from './layout.ts'
import { type S3StoreOptions, s3Settings } from './options.ts'

const client = new S3Client({ region: 'us-east-1' })
const settingsWith = (options: Partial<S3StoreOptions> = {}) => s3Settings({ client, bucket: 'b', ...options })
const id = parseUploadId

describe('ids and keys', () => {
  it('an id is the object id and that of the multipart upload, cut at the last +', () => {
    expect(splitId(id('abc+2~x.y'))).toEqual({ objectId: 'abc', multipart: '2~x.y' })
    expect(splitId(id('a+b+c'))).toEqual({ objectId: 'a+b', multipart: 'c' })
    expect(splitId(id('folder/a+m'))).toEqual({ objectId: 'folder/a', multipart: 'm' })
    expect(splitId(id('abc'))).toEqual({ objectId: 'abc', multipart: null })
    expect(splitId(id('+abc'))).toEqual({ objectId: '+abc', multipart: null })
  })

  it('a multipart id that an id cannot carry is left out of it', () => {
    expect(joinId(id('abc'), 'VXBsb2Fk.ID_-~')).toBe('abc+VXBsb2Fk.ID_-~')
    expect(joinId(id('abc'), 'a'.repeat(340))).toBe(`abc+${'a'.repeat(340)}`)
    for (const multipart of ['a+b', 'a/b', 'a%2f', 'a b', '', 'x.info', 'm'.repeat(2000)]) {
      expect(joinId(id('abc'), multipart)).toBe('abc')
    }
  })

  it('the short form of an id and its long form are one upload, and no other', () => {
    expect(isId('abc+m', id('abc'))).toBe(true)
    expect(isId('abc+m', id('abc+m'))).toBe(true)
    expect(isId('abc+m', id('abc+n'))).toBe(false)
    expect(isId('abcd+m', id('abc'))).toBe(false)
  })

  it('records and tails may lie under a prefix of their own', () => {
    const settings = settingsWith({ objectPrefix: 'up/', metadataObjectPrefix: 'meta/' })
    expect(usualPlace(settings, id('x'))).toEqual({ bucket: 'b', key: 'up/x' })
    expect(recordPlace(settings, id('x'))).toEqual({ bucket: 'b', key: 'meta/x.info' })
    expect(tailPlace(settings, id('x'))).toEqual({ bucket: 'b', key: 'meta/x.part' })
    expect(ownerOf(settings, 'meta/x.info')).toEqual({ objectId: 'x', kind: 'record' })
    expect(ownerOf(settings, 'meta/y/x.part')).toEqual({ objectId: 'y/x', kind: 'tail' })
    for (const key of ['meta/x', 'meta/.info', 'meta/a//b.info', 'meta/x.tmp'])
      expect(ownerOf(settings, key)).toBeNull()
  })

  it('a hook may choose bucket and key, but not those of records and tails', () => {
    const settings = settingsWith({ objectPrefix: 'up/' })
    const place = (storage: Record<string, string>) => chosenPlace(settings, newUpload({ id: id('x'), storage }))
    expect(place({})).toEqual({ bucket: 'b', key: 'up/x' })
    expect(place({ Key: 'videos/one.mp4' })).toEqual({ bucket: 'b', key: 'videos/one.mp4' })
    expect(place({ Bucket: 'other', Key: 'k' })).toEqual({ bucket: 'other', key: 'k' })
    const wrong = [
      { Key: 'up/y.info' },
      { Key: 'up/y.part' },
      { Path: '/etc' },
      { Type: 'filestore' },
      { Key: 'ä'.repeat(600) },
    ]
    for (const storage of wrong as Record<string, string>[]) {
      expect(() => place(storage), JSON.stringify(storage)).toThrow(expect.objectContaining({ code: 'hook_failed' }))
    }
  })
})

describe('what an object says of itself', () => {
  const settings = settingsWith()
  const headersOf = (metadata: Record<string, string | null>, place = usualPlace(settings, id('x'))) =>
    objectHeaders(settings, place, { id: id('x'), metadata: new Map(Object.entries(metadata)) })

  it('type and name come from the metadata, which is there as a whole, in ASCII', () => {
    expect(headersOf({ filetype: 'video/mp4', filename: 'Füße.mp4', Owner: 'Zoë \u{1f600}', bare: null })).toEqual({
      ContentType: 'video/mp4',
      ContentDisposition: expect.stringContaining("filename*=UTF-8''F%C3%BC%C3%9Fe.mp4"),
      Metadata: { filetype: 'video/mp4', filename: 'F??e.mp4', owner: 'Zo? ?', bare: '' },
    })
  })

  it('what cannot be a header is left out', () => {
    const headers = headersOf({
      filetype: 'a\r\nb: c',
      'two words': 'x',
      ümlaut: 'x',
      long: 'x'.repeat(3000),
      ok: 'a\nb',
    })
    expect(headers).toEqual({ Metadata: { filetype: 'a??b: c', ok: 'a?b' } })
  })

  it('user metadata stays below what S3 takes', () => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`key-${index}`, 'v'.repeat(20)]))
    const bytes = Object.entries(headersOf(many).Metadata ?? {}).reduce(
      (sum, [key, value]) => sum + key.length + value.length,
      0,
    )
    expect(bytes).toBeGreaterThan(1500)
    expect(bytes).toBeLessThan(2048)
  })

  it('an object that is not where its id says carries the id', () => {
    expect(headersOf({}, { bucket: 'b', key: 'elsewhere' }).Metadata).toEqual({ 'tusker-upload': 'x' })
    expect(headersOf({ 'tusker-upload': 'forged' }).Metadata).toEqual({})
  })
})

describe('options', () => {
  it.each([
    [{ bucket: '' }, 'bucket'],
    [{ partSize: 1 }, 'partSize'],
    [{ partSize: 6 * 1024 ** 3 }, 'partSize'],
    [{ maxParts: 0 }, 'maxParts'],
    [{ maxParts: 10 }, 'maxObjectSize'],
    [{ maxBufferedBytes: 1024 }, 'maxBufferedBytes'],
    [{ timeout: Number.NaN }, 'timeout'],
  ])('%j is refused, and the hint names the option', (options, name) => {
    try {
      settingsWith(options)
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(UploadError)
      expect(error instanceof UploadError && error.details.hint).toContain(name)
    }
  })
})
