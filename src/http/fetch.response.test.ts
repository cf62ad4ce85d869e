import { describe, expect, it, vi } from 'vitest'
import { silent } from '../core/log.ts'
import type { Bytes } from '../core/store.ts'
import { createFetchDoor } from './fetch.ts'

const URL_ = 'http://example.com/files/'

/** Lets everything that is ready to happen happen: as many turns of the event loop as the deepest chain here needs. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Batches in memory that is used again, as stores give them. `state` tells what became of the iteration. */
function batches(count: number, size = 1000) {
  const state = { given: 0, ended: false }
  async function* give(): AsyncGenerator<readonly Uint8Array[]> {
    const memory = Buffer.alloc(size)
    try {
      while (state.given < count) {
        state.given += 1
        memory.fill(state.given)
        yield state.given % 2 === 0 ? [memory] : [memory.subarray(0, 10), memory.subarray(10)]
      }
    } finally {
      state.ended = true
    }
  }
  return { state, bytes: give() }
}

function replying(status: number, body: string | Bytes | null, headers: Record<string, string> = {}, log = silent) {
  return createFetchDoor(async () => ({ status, headers, body }), log)
}

describe('a response', () => {
  it('has the status, fields and text of the reply', async () => {
    const response = await replying(409, 'ERR: nö', { 'X-A': 'b', 'Content-Type': 'text/plain' })(new Request(URL_))
    expect(response.status).toBe(409)
    expect(response.headers.get('x-a')).toBe('b')
    expect(response.headers.get('content-type')).toBe('text/plain')
    expect(await response.text()).toBe('ERR: nö')
  })

  it.each([204, 205, 304])('of status %d has no body, whatever the reply has', async (status) => {
    const { bytes, state } = batches(1)
    for (const body of ['text', '', null, bytes]) {
      const response = await replying(status, body)(new Request(URL_))
      expect(response.status).toBe(status)
      expect(response.body).toBeNull()
    }
    expect(state.given).toBe(0)
  })

  it('to HEAD has no body, but the length that GET would have', async () => {
    const { bytes, state } = batches(1)
    const response = await replying(200, bytes, { 'Content-Length': '1000' })(new Request(URL_, { method: 'HEAD' }))
    expect(response.body).toBeNull()
    expect(response.headers.get('content-length')).toBe('1000')
    expect(state.given).toBe(0)
  })

  it('copies bytes, as their memory is used again', async () => {
    const { bytes, state } = batches(5)
    const response = await replying(200, bytes)(new Request(URL_))
    const chunks = []
    for await (const chunk of response.body ?? []) chunks.push(chunk)
    expect(chunks.map((chunk) => [chunk.length, chunk[0], chunk[999]])).toEqual(
      [1, 2, 3, 4, 5].map((n) => [1000, n, n]),
    )
    expect(state.ended).toBe(true)
  })

  it('reads nothing that is not asked for', async () => {
    const { bytes, state } = batches(5)
    const response = await replying(200, bytes)(new Request(URL_))
    await settled()
    expect(state.given).toBe(0)
    const reader = response.body?.getReader()
    await reader?.read()
    await settled()
    expect(state.given).toBe(1)
    await reader?.cancel()
  })

  it('that is cancelled ends the iteration, also while bytes are fetched', async () => {
    for (const read of [false, true]) {
      const { bytes, state } = batches(5)
      const reader = (await replying(200, bytes)(new Request(URL_))).body?.getReader()
      await reader?.read()
      const pending = read ? reader?.read() : null
      await reader?.cancel()
      await pending
      expect(state).toMatchObject({ ended: true })
      expect(state.given).toBeLessThanOrEqual(2)
    }
  })

  it('whose bytes fail breaks off, and is logged', async () => {
    const broken = new Error('disk')
    async function* failing(): AsyncGenerator<readonly Uint8Array[]> {
      yield [Buffer.from('first')]
      throw broken
    }
    const error = vi.fn()
    const response = await replying(200, failing(), {}, { ...silent, error })(new Request(URL_))
    await expect(response.text()).rejects.toBe(broken)
    expect(error.mock.calls).toEqual([['response.failed', {}, broken]])
  })

  it('that cannot be made is a 500, and is logged', async () => {
    for (const [status, headers] of [
      [999, {}],
      [200, { 'X-Bad': 'line\r\nbreak' }],
      [200, { 'X Bad': '1' }],
    ] as const) {
      const error = vi.fn()
      const response = await replying(status, 'text', headers, { ...silent, error })(new Request(URL_))
      expect(response.status).toBe(500)
      expect(await response.text()).toBe('ERR_INTERNAL_SERVER_ERROR: internal server error\n')
      expect(error).toHaveBeenCalledOnce()
    }
  })

  it('whose bytes cannot be let go of is logged, and harms nobody', async () => {
    const broken = new Error('close')
    const bytes: Bytes = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: [Buffer.from('x')] }),
        return: () => Promise.reject(broken),
      }),
    }
    const error = vi.fn()
    const response = await replying(200, bytes, {}, { ...silent, error })(new Request(URL_))
    await response.body?.cancel()
    expect(error.mock.calls).toEqual([['response.failed', {}, broken]])
  })
})
