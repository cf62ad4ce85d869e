import { once } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import type { Body } from '../core/body.ts'
import { UploadError } from '../core/errors.ts'
import type { Reply } from '../protocols/exchange.ts'
import type { Arrival } from './arrival.ts'
import { createFetchDoor } from './fetch.ts'

const URL_ = 'http://example.com/files/'
const done: Reply = { status: 204, headers: {}, body: null }

/** What came out of a body. */
interface Received {
  readonly chunks: Uint8Array[]
  outcome: 'open' | 'end' | 'cut'
  reason: unknown
}

/** Opens a body and resolves at its end. */
function receive(body: Body, onData: (received: Received) => void = () => undefined): Promise<Received> {
  const received: Received = { chunks: [], outcome: 'open', reason: null }
  return new Promise((resolve) => {
    const settle = (outcome: 'end' | 'cut', reason: unknown) => {
      expect(received.outcome).toBe('open')
      Object.assign(received, { outcome, reason })
      resolve(received)
    }
    body.open({
      data(chunk) {
        expect(received.outcome).toBe('open')
        received.chunks.push(chunk)
        onData(received)
      },
      end: () => settle('end', null),
      cut: (reason) => settle('cut', reason),
    })
  })
}

/** Opens a body, does something with its first chunk, and resolves. */
function firstChunk(body: Body, act: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const data = () => {
      act()
      resolve()
    }
    body.open({ data, end: () => reject(new Error('no chunk')), cut: reject })
  })
}

/** A source that counts what is asked of it, and gives `count` chunks. */
function source(count: number, size = 1000) {
  const seen = { pulls: 0, cancelled: false }
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        seen.pulls += 1
        if (seen.pulls > count) controller.close()
        else controller.enqueue(new Uint8Array(size).fill(seen.pulls))
      },
      cancel() {
        seen.cancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  return { seen, stream }
}

const BYTES = { 'Content-Type': 'application/offset+octet-stream' }

function post(body: ReadableStream | string | null, headers: Record<string, string> = BYTES): Request {
  return new Request(URL_, { method: 'POST', body, headers, duplex: 'half' })
}

/** Lets everything that is ready to happen happen: as many turns of the event loop as the deepest chain here needs. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Runs `look` on the arrival of a request. */
async function arriving<T>(request: Request, look: (arrival: Arrival) => T | Promise<T>) {
  let seen: T | undefined
  const response = await createFetchDoor(async (arrival) => {
    seen = await look(arrival)
    return done
  })(request)
  if (seen === undefined) throw new Error('the request did not arrive')
  return { seen, response }
}

describe('a request', () => {
  it('arrives with its method, path, query, scheme and fields', async () => {
    const request = new Request('https://example.com:8443/files/a%2Fb?x=/y#part', {
      method: 'PATCH',
      headers: { 'Upload-Offset': '5', 'X-Two': 'a' },
    })
    request.headers.append('x-two', 'b')
    const { seen } = await arriving(request, (arrival) => arrival)
    expect(seen).toMatchObject({ method: 'PATCH', uri: '/files/a%2Fb?x=/y', secure: true, remoteAddress: null })
    expect(seen.header('upload-offset')).toBe('5')
    expect(seen.header('x-two')).toBe('a, b')
    expect(seen.header('x-three')).toBeNull()
    expect(seen.header('host')).toBe('example.com:8443')
    expect(seen.signal.aborted).toBe(false)
    expect(seen.interim).toBeUndefined()
    expect(seen.body.trailer).toBeUndefined()
  })

  it('has the host of its Host field rather than that of its URL', async () => {
    const request = new Request('http://127.0.0.1:3000/', { headers: { Host: 'public.example' } })
    const { seen } = await arriving(request, (arrival) => arrival)
    expect(seen).toMatchObject({ uri: '/', secure: false })
    expect(seen.header('host')).toBe('public.example')
  })

  it('knows the client if the context does', async () => {
    const addresses: unknown[] = []
    const door = createFetchDoor(async ({ remoteAddress }) => {
      addresses.push(remoteAddress)
      return done
    })
    await door(new Request(URL_), { remoteAddress: '192.0.2.1' })
    await door(new Request(URL_), {})
    expect(addresses).toEqual(['192.0.2.1', null])
  })

  it('passes on that the client has gone', async () => {
    const client = new AbortController()
    const request = new Request(URL_, { signal: client.signal })
    const { seen } = await arriving(request, async ({ signal }) => {
      const gone = once(signal, 'abort')
      client.abort()
      await gone
      return signal
    })
    expect(seen.aborted).toBe(true)
  })
})

describe('the length of a body', () => {
  it.each([
    ['12', 12],
    ['0', 0],
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', null],
    ['-1', null],
    ['+5', null],
    ['5, 5', null],
    ['0x5', null],
    ['1e3', null],
    ['5.0', null],
  ])('stated as %j is %j', async (text, length) => {
    const { seen } = await arriving(post('x', { 'Content-Length': text }), ({ body }) => ({ length: body.length }))
    expect(seen).toEqual({ length })
  })

  it('is null when nothing states it, and 0 without a body', async () => {
    expect((await arriving(post('x'), ({ body }) => ({ length: body.length }))).seen).toEqual({ length: null })
    expect((await arriving(post(null), ({ body }) => ({ length: body.length }))).seen).toEqual({ length: 0 })
  })
})

describe('a body', () => {
  it('arrives whole, in order, and ends once', async () => {
    const { stream } = source(50)
    const { seen, response } = await arriving(post(stream), ({ body }) => receive(body))
    expect(seen.outcome).toBe('end')
    expect(seen.chunks.map((chunk) => chunk[0])).toEqual(Array.from({ length: 50 }, (_, index) => index + 1))
    expect(response.headers.get('connection')).toBeNull()
  })

  it('ends at once if there is none', async () => {
    const { seen } = await arriving(post(null), ({ body }) => receive(body))
    expect(seen).toEqual({ chunks: [], outcome: 'end', reason: null })
  })

  it('that nothing announces is none if it turns out to be empty, and the connection stays', async () => {
    const { stream } = source(0)
    const { seen, response } = await arriving(post(stream, {}), ({ body }) => body.length)
    expect(seen).toBe(0)
    expect(response.headers.get('Connection')).toBeNull()
  })

  it('that nothing announces arrives whole, in order, if there is one', async () => {
    const { stream } = source(3)
    const { seen } = await arriving(post(stream, {}), async ({ body }) => ({
      length: body.length,
      ...(await receive(body)),
    }))
    expect(seen).toMatchObject({ length: null, outcome: 'end' })
    expect(seen.chunks.map((chunk) => chunk[0])).toEqual([1, 2, 3])
  })

  it('that nothing announces, and that breaks off before its first byte, is cut', async () => {
    const stream = new ReadableStream({ pull: () => Promise.reject(new Error('gone')) }, { highWaterMark: 0 })
    const { seen } = await arriving(post(stream, {}), ({ body }) => receive(body))
    expect(seen).toMatchObject({ chunks: [], outcome: 'cut', reason: new Error('gone') })
  })

  it('is not read before it is opened', async () => {
    const { stream, seen: asked } = source(5)
    await arriving(post(stream), async ({ body }) => {
      await settled()
      expect(asked.pulls).toBe(0)
      return receive(body)
    })
    expect(asked.pulls).toBe(6)
  })

  it('is not read while paused, and nothing is pushed', async () => {
    const { stream, seen: asked } = source(20)
    const { seen } = await arriving(post(stream), ({ body }) => {
      const whole = receive(body, ({ chunks }) => {
        if (chunks.length % 5 !== 0) return
        body.pause()
        const { pulls } = asked
        const { length } = chunks
        settled().then(
          () => {
            expect({ pulls: asked.pulls, length: chunks.length }).toEqual({ pulls, length })
            body.resume()
          },
          () => undefined,
        )
      })
      return whole
    })
    expect(seen).toMatchObject({ outcome: 'end' })
    expect(seen.chunks.length).toBe(20)
  })

  it('paused from outside holds back the chunk that was on its way', async () => {
    const { readable: stream, writable } = new TransformStream<Uint8Array, Uint8Array>()
    const writer = writable.getWriter()
    await arriving(post(stream), async ({ body }) => {
      const chunks: Uint8Array[] = []
      const whole = receive(body, (received) => void chunks.push(...received.chunks))
      await settled()
      body.pause()
      const written = Promise.all([writer.write(new Uint8Array(3)), writer.close()])
      await settled()
      expect(chunks).toEqual([])
      body.resume()
      expect(await whole).toMatchObject({ outcome: 'end', chunks: [new Uint8Array(3)] })
      await written
      return chunks
    })
  })

  it('stopped pushes nothing more; the rest is left alone, and the connection ends', async () => {
    const { stream, seen: asked } = source(1000)
    const { seen, response } = await arriving(post(stream), async ({ body }) => {
      let chunks = 0
      receive(body, () => {
        chunks += 1
        if (chunks === 3) body.stop()
      }).then(
        () => expect.unreachable('a stopped body said that it ended'),
        () => undefined,
      )
      await settled()
      body.stop()
      return chunks
    })
    expect(seen).toBe(3)
    expect(response.headers.get('connection')).toBe('close')
    await settled()
    expect(asked).toEqual({ pulls: 3, cancelled: false })
    expect(stream.locked).toBe(false)
  })

  it('stopped while paused lets go of its reader', async () => {
    const { stream, seen: asked } = source(1000)
    await arriving(post(stream), async ({ body }) => {
      await firstChunk(body, () => body.pause())
      body.stop()
      body.resume()
      await settled()
      return asked.pulls
    })
    await settled()
    expect(asked).toEqual({ pulls: 1, cancelled: false })
    expect(stream.locked).toBe(false)
  })

  it('stopped before it is opened stays silent', async () => {
    await arriving(post('content'), async ({ body }) => {
      body.stop()
      const fail = () => expect.unreachable('a stopped body spoke')
      body.open({ data: fail, end: fail, cut: fail })
      await settled()
      return true
    })
  })

  it('stopped stays silent when its connection breaks, or its reader is given back', async () => {
    for (const breaks of [true, false]) {
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
      const fail = vi.fn()
      await arriving(post(readable), async ({ body }) => {
        body.open({ data: fail, end: fail, cut: fail })
        await settled()
        body.stop()
        if (breaks) await writable.abort(new Error('gone'))
        await settled()
        return true
      })
      await settled()
      expect(fail).not.toHaveBeenCalled()
    }
  })

  it('refused and small is read to its end, so that the connection can be used again', async () => {
    const { stream, seen: asked } = source(10)
    const { response } = await arriving(post(stream, { 'Content-Length': '10000' }), () => true)
    expect(response.headers.get('connection')).toBeNull()
    await vi.waitFor(() => expect(asked).toEqual({ pulls: 11, cancelled: false }), 60_000)
  })

  it('refused and large is not read', async () => {
    const { stream, seen: asked } = source(1000, 1000)
    const { response } = await arriving(post(stream, { 'Content-Length': '1000000' }), () => true)
    expect(response.headers.get('connection')).toBe('close')
    await settled()
    expect(asked).toEqual({ pulls: 0, cancelled: false })
  })

  it('stopped near its end is read to its end', async () => {
    const { stream, seen: asked } = source(1000)
    const { response } = await arriving(post(stream, { 'Content-Length': '1000000' }), async ({ body }) => {
      const last = new Promise<void>((resolve) => {
        let chunks = 0
        const data = () => {
          chunks += 1
          if (chunks !== 900) return
          body.stop()
          resolve()
        }
        body.open({ data, end: resolve, cut: () => resolve() })
      })
      await last
      return asked.pulls
    })
    expect(response.headers.get('connection')).toBeNull()
    await vi.waitFor(() => expect(asked.pulls).toBe(1001), 60_000)
  })

  it('that breaks off is cut, with the reason', async () => {
    const broken = new Error('gone')
    const stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => controller.enqueue(new Uint8Array(4)),
        pull: (controller) => controller.error(broken),
      },
      { highWaterMark: 1 },
    )
    const { seen, response } = await arriving(post(stream), ({ body }) => receive(body))
    expect(seen).toMatchObject({ outcome: 'cut', reason: broken })
    expect(response.status).toBe(204)
  })

  it('that breaks off after it was refused harms nobody', async () => {
    for (const headers of [{}, { 'Content-Length': '100' }]) {
      const stream = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error('gone')) })
      expect((await arriving(post(stream, headers), () => true)).response.status).toBe(204)
      await settled()
    }
  })

  it('of something else than bytes is cut', async () => {
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue('text')
        controller.close()
      },
    })
    const { seen } = await arriving(post(stream), ({ body }) => receive(body))
    expect(seen).toMatchObject({ outcome: 'cut', chunks: [] })
    expect(seen.reason).toBeInstanceOf(TypeError)
  })

  it('that somebody read before is cut as consumed', async () => {
    const request = post('content', { 'Content-Length': '7' })
    await request.text()
    const { seen } = await arriving(request, async ({ body }) => ({ length: body.length, got: await receive(body) }))
    expect(seen).toMatchObject({ length: 7, got: { outcome: 'cut', chunks: [] } })
    expect(seen.got.reason).toBeInstanceOf(UploadError)
    expect(seen.got.reason).toMatchObject({ code: 'body_consumed', details: { hint: expect.stringMatching(/clone/) } })
  })

  it('that somebody is reading is cut as consumed', async () => {
    const request = post('content')
    request.body?.getReader()
    const { seen } = await arriving(request, ({ body }) => receive(body))
    expect(seen.reason).toMatchObject({ code: 'body_consumed' })
  })
})
