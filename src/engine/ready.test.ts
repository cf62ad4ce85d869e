import { describe, expect, it } from 'vitest'
import { UploadError } from '../core/errors.ts'
import { createReadiness } from './ready.ts'

const open = new AbortController().signal

describe('readiness', () => {
  it('of a store that has nothing to try is given', async () => {
    expect(await createReadiness({ store: {}, closing: open })()).toEqual({ ready: true, reason: null })
  })

  it('tells the sentence of the failure, and neither its cause nor its hint', async () => {
    const failure = new UploadError('storage_full', { hint: '/srv/secret is full' })
    const ready = createReadiness({ store: { check: () => Promise.reject(failure) }, closing: open })
    expect(await ready()).toEqual({ ready: false, reason: 'the storage is full; what came is kept' })
    const broken = createReadiness({ store: { check: () => Promise.reject(new Error('/srv/secret')) }, closing: open })
    expect(await broken()).toEqual({ ready: false, reason: 'the storage failed' })
  })

  it('tries once for all who ask at the same time, and not again right after', async () => {
    let tries = 0
    const check = async () => {
      tries++
    }
    const ready = createReadiness({ store: { check }, closing: open })
    await Promise.all(Array.from({ length: 50 }, ready))
    for (let asked = 0; asked < 50; asked++) await ready()
    expect(tries).toBe(1)
  })

  it('is denied while a try hangs, without another one, and given again when the store answers', async () => {
    let tries = 0
    let answer: () => void = () => undefined
    const check = () => {
      tries++
      return new Promise<void>((resolve) => {
        answer = resolve
      })
    }
    const ready = createReadiness({ store: { check }, closing: open, patience: 20 })
    const late = { ready: false, reason: 'the storage does not answer' }
    expect(await ready()).toEqual(late)
    expect(await ready()).toEqual(late)
    expect(tries).toBe(1)
    answer()
    await expect.poll(ready, { timeout: 60_000 }).toEqual({ ready: true, reason: null })
    expect(tries).toBe(1)
  })

  it('is denied from the moment in which the server closes, whatever the store says', async () => {
    const closing = new AbortController()
    const ready = createReadiness({ store: {}, closing: closing.signal })
    const asked = ready()
    closing.abort()
    const shut = { ready: false, reason: 'the server is shutting down' }
    expect(await asked).toEqual(shut)
    expect(await ready()).toEqual(shut)
  })
})
