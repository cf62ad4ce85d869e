import type { Observer, Span, StoreCall } from '../core/observer.ts'
import type { Batch, Bytes, Store, StoredUpload } from '../core/store.ts'
import type { ByteRange, Digests, Upload } from '../core/upload.ts'

/** A store whose calls an observer sees. Only made when there is one, so that the others pay nothing. */
export function observedStore(store: Store, observer: Observer): Store {
  return {
    name: store.name,
    ...(store.takesStorage !== undefined && { takesStorage: store.takesStorage }),
    ...(store.lockName !== undefined && { lockName: store.lockName.bind(store) }),
    create: async (upload) => observed(await timed(observer, 'create', () => store.create(upload)), observer),
    open: async (id) => observed(await timed(observer, 'open', () => store.open(id)), observer),
    list: () => store.list(),
    ...(store.unfinished !== undefined && { unfinished: store.unfinished.bind(store) }),
    ...(store.notes !== undefined && { notes: store.notes }),
    tidy: (id, before) => store.tidy(id, before),
  }
}

/** What its store cannot do, it cannot do either. */
function observed(stored: StoredUpload, observer: Observer): StoredUpload {
  const { appendChecked, concat, link } = stored
  const made: StoredUpload = new ObservedUpload(stored, observer)
  if (appendChecked !== undefined) {
    made.appendChecked = (bytes, verdict) => {
      const waited = new Waited(bytes)
      return timed(observer, 'append', () => appendChecked.call(stored, waited, verdict), waited.time)
    }
  }
  if (concat !== undefined) {
    made.concat = (parts) => timed(observer, 'concat', () => concat.call(stored, parts.map(originalOf)))
  }
  if (link !== undefined) made.link = link.bind(stored)
  return made
}

/** Stores that join uploads by themselves want to see their own. */
function originalOf(stored: StoredUpload): StoredUpload {
  return stored instanceof ObservedUpload ? stored.original : stored
}

/** A class, as V8 makes an object from a literal with a getter ten times as slowly. */
class ObservedUpload implements StoredUpload {
  readonly original: StoredUpload
  readonly #observer: Observer

  constructor(original: StoredUpload, observer: Observer) {
    this.original = original
    this.#observer = observer
  }

  get upload(): Upload {
    return this.original.upload
  }

  append(bytes: Bytes, saved?: (offset: number) => void): Promise<Upload> {
    const waited = new Waited(bytes)
    return timed(this.#observer, 'append', () => this.original.append(waited, saved), waited.time)
  }

  setLength(length: number): Promise<Upload> {
    return timed(this.#observer, 'set_length', () => this.original.setLength(length))
  }

  finish(digests?: Digests): Promise<Upload> {
    return timed(this.#observer, 'finish', () => this.original.finish(digests))
  }

  remove(): Promise<void> {
    return timed(this.#observer, 'remove', () => this.original.remove())
  }

  /** Goes on for as long as the client takes, and that is seen as the time of its request. */
  read(range?: ByteRange): Bytes {
    return this.original.read(range)
  }
}

function timed<T>(observer: Observer, call: StoreCall, work: () => Promise<T>, idle?: () => number): Promise<T> {
  const span = observer.begin(`store_${call}`)
  return ended(span, span.run(work), idle)
}

async function ended<T>(span: Span, work: Promise<T>, idle: (() => number) | undefined): Promise<T> {
  try {
    const result = await work
    span.end(null, idle?.())
    return result
  } catch (error) {
    span.end(error, idle?.())
    throw error
  }
}

/** Bytes as they are, with a clock that runs while the store waits for them. */
class Waited implements Bytes, AsyncIterator<Batch> {
  readonly #source: AsyncIterator<Batch>
  #time = 0

  /** Milliseconds that went by between asking for bytes and getting them. */
  readonly time = (): number => this.#time

  constructor(bytes: Bytes) {
    this.#source = bytes[Symbol.asyncIterator]()
  }

  [Symbol.asyncIterator](): AsyncIterator<Batch> {
    return this
  }

  async next(): Promise<IteratorResult<Batch>> {
    const asked = performance.now()
    try {
      return await this.#source.next()
    } finally {
      this.#time += performance.now() - asked
    }
  }

  async return(): Promise<IteratorResult<Batch>> {
    return (await this.#source.return?.()) ?? { done: true, value: undefined }
  }
}
