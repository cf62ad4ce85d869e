import type { EventType, LifecycleEvent, UploadEvents } from '../core/events.ts'
import type { Log } from '../core/log.ts'
import type { Upload } from '../core/upload.ts'

/** Events that wait in a queue if nobody says otherwise. */
const LIMIT = 1000

/** Where the engine tells what happens. */
export interface EventSource {
  readonly events: UploadEvents
  /** Whether anybody listens to events of this type. */
  wanted(type: EventType): boolean
  /** Costs nothing if nobody listens. */
  emit(type: EventType, upload: Upload): void
  /** Ends all iterations. */
  close(): void
}

/** Hands events to listeners at once and to iterations by bounded queues, so that none of them can slow an upload. */
export function createEventSource(log: Log): EventSource {
  const listeners = new Map<EventType, Set<(event: LifecycleEvent) => void>>()
  const queues = new Set<Queue>()
  let closed = false

  const iterate: UploadEvents['iterate'] = ({ limit = LIMIT, dropped } = {}) => {
    if (!Number.isInteger(limit) || limit < 1)
      throw new TypeError(`limit must be a whole number from 1, but is ${limit}`)
    const queue = new Queue(limit, dropped, () => queues.delete(queue))
    if (closed) queue.close()
    else queues.add(queue)
    return queue
  }

  return {
    events: {
      on(type, listener) {
        const set = listeners.get(type) ?? new Set()
        listeners.set(type, set)
        // Another function each time, so that one that is added twice is called twice and taken away once.
        const own = (event: LifecycleEvent) => listener(event)
        set.add(own)
        return () => {
          set.delete(own)
        }
      },
      iterate,
      [Symbol.asyncIterator]: () => iterate(),
    },
    wanted: (type) => queues.size > 0 || (listeners.get(type)?.size ?? 0) > 0,
    emit(type, upload) {
      const set = listeners.get(type)
      if (queues.size === 0 && (set === undefined || set.size === 0)) return
      const event: LifecycleEvent = { type, upload, at: new Date() }
      for (const listener of set ?? []) {
        try {
          listener(event)
        } catch (error) {
          log.error('events.listener_failed', { event: type, id: upload.id }, error)
        }
      }
      for (const queue of queues) queue.push(event)
    },
    close() {
      closed = true
      for (const queue of queues) queue.close()
    },
  }
}

/** Events that wait for one iteration. */
class Queue implements AsyncIterableIterator<LifecycleEvent> {
  readonly #limit: number
  readonly #tell: ((count: number) => void) | undefined
  readonly #left: () => void
  #events: LifecycleEvent[] = []
  #waiting: ((result: IteratorResult<LifecycleEvent>) => void)[] = []
  #dropped = 0
  #closed = false

  constructor(limit: number, tell: ((count: number) => void) | undefined, left: () => void) {
    this.#limit = limit
    this.#tell = tell
    this.#left = left
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  push(event: LifecycleEvent): void {
    const taker = this.#waiting.shift()
    if (taker !== undefined) {
      taker({ done: false, value: event })
      return
    }
    this.#events.push(event)
    if (this.#events.length <= this.#limit) return
    this.#events.shift()
    this.#dropped++
    this.#tell?.(this.#dropped)
  }

  /** What waits can still be taken. */
  close(): void {
    this.#closed = true
    this.#left()
    for (const taker of this.#waiting) taker({ done: true, value: undefined })
    this.#waiting = []
  }

  next(): Promise<IteratorResult<LifecycleEvent>> {
    const event = this.#events.shift()
    if (event !== undefined) return Promise.resolve({ done: false, value: event })
    if (this.#closed) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  return(): Promise<IteratorResult<LifecycleEvent>> {
    this.#events = []
    this.close()
    return Promise.resolve({ done: true, value: undefined })
  }
}
