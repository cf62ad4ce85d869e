import { describe, expect, it } from 'vitest'
import { memoryStore } from './stores/memory.ts'
import { createUploads, type UploadsOptions } from './uploads.ts'

describe('createUploads', () => {
  it.each<[string, Partial<UploadsOptions>]>([
    ['maxSize', { maxSize: -1 }],
    ['maxSize', { maxSize: 1.5 }],
    ['expireAfter', { expireAfter: Number.NaN }],
    ['networkTimeout', { networkTimeout: 2 ** 31 }],
    ['acquireLockTimeout', { acquireLockTimeout: Number.POSITIVE_INFINITY }],
    ['maxBufferedBytes', { maxBufferedBytes: 0 }],
    ['basePath', { basePath: '/a/../b/' }],
  ])('names the option that is wrong: %s', async (name, wrong) => {
    await expect(createUploads({ store: memoryStore(), ...wrong })).rejects.toThrow(new RegExp(`^${name} `))
  })

  it('closes more than once, and refuses what comes after', async () => {
    const uploads = await createUploads({ store: memoryStore(), expireAfter: 1000 })
    await Promise.all([uploads.close(), uploads.close()])
    const answer = await uploads.fetch(
      new Request('http://localhost/files/x', { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } }),
    )
    expect(answer.status).toBe(503)
  })
})
