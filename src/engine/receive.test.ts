import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Body, BodySink } from '../core/body.ts'
import { UploadError } from '../core/errors.ts'
import type { Batch } from '../core/store.ts'
import { Budget } from './budget.ts'
import { Job } from './job.ts'
import { BATCH, type ReceiveOptions, Receiver } from './receive.ts'

/** A body that the test pushes by hand. */
class HandBody implements Body {
  readonly length: number | null
  sink: BodySink | null = null
  paused = false
  stopped = false

  constructor(length: number | null = null) {
    this.length = length
  }

  open(sink: BodySink): void {
    this.sink = sink
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  stop(): void {
    this.stopped = true
  }

  push(bytes: number): void {
    this.sink?.data(new Uint8Array(bytes).fill(7))
  }
}

function receive(body: Body, options: Partial<ReceiveOptions> = {}): Receiver {
  return new Receiver(body, {
    limit: Number.POSITIVE_INFINITY,
    idle: 60_000,
    budget: new Budget(64 * BATCH),
    job: new Job(),
    watch: null,
    ...options,
  })
}

const sizeOf = (batch: Batch): number => batch.reduce((bytes, chunk) => bytes + chunk.length, 0)

async function sizes(receiver: Receiver): Promise<number[]> {
  const all: number[] = []
  for await (const batch of receiver) all.push(sizeOf(batch))
  return all
}

describe('Receiver', () => {
  it('hands on what it has at once when the body has no memory left', async () => {
    const body = Object.assign(new HandBody(), { isFull: false })
    const receiver = receive(body)
    const first = receiver.next()
    body.push(10)
    body.isFull = true
    body.push(20)
    expect(await first).toMatchObject({ done: false, value: [{ length: 10 }, { length: 20 }] })
    // Also what came while the store was at work
    body.push(30)
    expect(await receiver.next()).toMatchObject({ done: false, value: [{ length: 30 }] })
    receiver.close()
  })

  beforeEach(() => {
    vi.useFakeTimers()
  })

  afterEach(() => {
    expect(vi.getTimerCount(), 'timers that nobody ended').toBe(0)
    vi.useRealTimers()
  })

  it('gathers small chunks into one batch and hands it over when the body ends', async () => {
    const body = new HandBody(30)
    const reading = sizes(receive(body))
    for (let i = 0; i < 3; i++) body.push(10)
    body.sink?.end()
    expect(await reading).toEqual([30])
  })

  it('hands over as soon as a whole batch is there', async () => {
    const body = new HandBody()
    const receiver = receive(body)
    const first = receiver.next()
    for (let i = 0; i < 17; i++) body.push(BATCH / 16)
    const { value } = await first
    expect(sizeOf(value)).toBe(BATCH)
    receiver.close()
  })

  it('writes what a slow client sent without waiting for more', async () => {
    const body = new HandBody()
    const receiver = receive(body)
    const first = receiver.next()
    body.push(5)
    await vi.advanceTimersByTimeAsync(50)
    expect(sizeOf((await first).value)).toBe(5)
    receiver.close()
  })

  it('fills the next batch while the store writes, and holds the client back when that is full', async () => {
    const body = new HandBody()
    const receiver = receive(body)
    const first = receiver.next()
    body.push(BATCH)
    await first
    body.push(BATCH - 1)
    expect(body.paused).toBe(false)
    body.push(1)
    expect(body.paused).toBe(true)
    const second = await receiver.next()
    expect(sizeOf(second.value)).toBe(BATCH)
    expect(body.paused).toBe(false)
    receiver.close()
  })

  it('never gives the store more than the limit, and says that there was more', async () => {
    const body = new HandBody()
    const receiver = receive(body, { limit: 12 })
    const reading = sizes(receiver)
    body.push(10)
    body.push(10)
    expect(await reading).toEqual([12])
    expect(receiver.count).toBe(12)
    expect(receiver.problem?.code).toBe('length_exceeded')
    expect(body.stopped).toBe(true)
  })

  it('takes exactly the limit without a problem', async () => {
    const body = new HandBody()
    const receiver = receive(body, { limit: 12 })
    const reading = sizes(receiver)
    body.push(12)
    body.sink?.end()
    expect(await reading).toEqual([12])
    expect(receiver.problem).toBeNull()
  })

  it('gives what came to the store when the client leaves', async () => {
    const body = new HandBody(100)
    const receiver = receive(body)
    const reading = sizes(receiver)
    body.push(40)
    body.sink?.cut(new Error('reset'))
    expect(await reading).toEqual([40])
    expect(receiver.problem?.code).toBe('connection_lost')
  })

  it('takes an end before the stated length for a cut', async () => {
    const body = new HandBody(100)
    const receiver = receive(body)
    const reading = sizes(receiver)
    body.push(40)
    body.sink?.end()
    await reading
    expect(receiver.problem?.code).toBe('connection_lost')
  })

  it('ends after the idle time without a byte, and not while it holds the client back itself', async () => {
    const body = new HandBody()
    const receiver = receive(body, { idle: 1000 })
    const first = receiver.next()
    body.push(BATCH)
    await first
    body.push(BATCH)
    await vi.advanceTimersByTimeAsync(5000)
    expect(receiver.problem).toBeNull()
    expect(sizeOf((await receiver.next()).value)).toBe(BATCH)
    const last = receiver.next()
    await vi.advanceTimersByTimeAsync(1001)
    expect((await last).done).toBe(true)
    expect(receiver.problem?.code).toBe('read_timeout')
  })

  it('the time in which the store writes does not count, as the client may have no room to send', async () => {
    const body = new HandBody()
    const receiver = receive(body, { idle: 1000 })
    const first = receiver.next()
    body.push(BATCH)
    await first
    await vi.advanceTimersByTimeAsync(5500)
    const second = receiver.next()
    await vi.advanceTimersByTimeAsync(900)
    expect(receiver.problem).toBeNull()
    body.push(BATCH)
    expect(sizeOf((await second).value)).toBe(BATCH)
    receiver.close()
  })

  it('waits for ever if there is no idle time', async () => {
    const body = new HandBody()
    const receiver = receive(body, { idle: 0 })
    const first = receiver.next()
    await vi.advanceTimersByTimeAsync(24 * 60 * 60 * 1000)
    body.push(5)
    body.sink?.end()
    expect(sizeOf((await first).value)).toBe(5)
    receiver.close()
  })

  it('ends for whoever wants the upload, and keeps what came', async () => {
    const body = new HandBody()
    const job = new Job()
    const receiver = receive(body, { job })
    const reading = sizes(receiver)
    body.push(3)
    job.stop(new UploadError('upload_interrupted'))
    body.push(4)
    expect(await reading).toEqual([3])
    expect(receiver.problem?.code).toBe('upload_interrupted')
  })

  it('throws when the lock is lost, and gives nothing to the store after that', async () => {
    let held = true
    const job = new Job()
    job.add({ revoked: new AbortController().signal, held: () => held, release: async () => undefined })
    const body = new HandBody()
    const receiver = receive(body, { job })
    const first = receiver.next()
    body.push(BATCH)
    await first
    held = false
    body.push(10)
    body.sink?.end()
    await expect(receiver.next()).rejects.toMatchObject({ code: 'lock_lost' })
  })

  it('gives every byte back to the budget, whatever the end', async () => {
    const budget = new Budget(10 * BATCH)
    const endings: ((body: HandBody, receiver: Receiver) => void)[] = [
      (body) => body.sink?.end(),
      (body) => body.sink?.cut(new Error('reset')),
      (_, receiver) => receiver.close(),
      (_, receiver) => void receiver.return(),
    ]
    for (const ending of endings) {
      const body = new HandBody()
      const receiver = receive(body, { budget })
      const first = receiver.next()
      body.push(BATCH)
      await first
      body.push(1000)
      expect(budget.used).toBe(BATCH + 1000)
      ending(body, receiver)
      receiver.close()
      expect(budget.used).toBe(0)
    }
  })

  it('pauses its client when the whole process holds too much, and wakes it when there is room', async () => {
    const budget = new Budget(1000)
    const greedy = new HandBody()
    const other = new HandBody()
    const first = receive(greedy, { budget })
    const second = receive(other, { budget })
    const taken = first.next()
    greedy.push(1000)
    await taken
    const waits = second.next()
    other.push(10)
    expect(sizeOf((await waits).value)).toBe(10)
    other.push(10)
    expect(other.paused).toBe(true)
    const more = first.next()
    expect(other.paused).toBe(false)
    first.close()
    second.close()
    await more
    expect(budget.used).toBe(0)
  })
})

describe('Budget', () => {
  it('wakes those who wait in order, as many as there is room for', () => {
    const budget = new Budget(128 * 1024)
    budget.take(256 * 1024)
    const woken: number[] = []
    for (let i = 0; i < 10; i++) {
      budget.wait(() => {
        woken.push(i)
        budget.take(64 * 1024)
      })
    }
    budget.give(192 * 1024)
    expect(woken).toEqual([0])
    expect(budget.full).toBe(true)
  })
})
