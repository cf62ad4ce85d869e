import type { Observer, Span, StoreCall } from '../core/observer.ts'
import type { Batch, Bytes, Store, StoredUpload } from '../core/store.ts'
import type { ByteRange, Upload } from '../core/upload.ts'

/** A store whose calls an observer sees. Only made when there is one, so that the others pay nothing. */
export function observedStore(store: Store, observer: Observer): Store {
  /** What a facade stands for: stores that join uploads by themselves want to see their own. */
  const originals = new WeakMap<StoredUpload, StoredUpload>()

  const timed = async <T>(call: StoreCall, work: () => Promise<T>, idle?: () => number): Promise<T> => {
    const span = observer.begin(`store_${call}`)
    return ended(span, span.run(work), idle)
  }

  const facade = (stored: StoredUpload): StoredUpload => {
    const { appendChecked, concat, link } = stored
    const made: StoredUpload = {
      get upload(): Upload {
        return stored.upload
      },
      append(bytes, saved) {
        const waited = new Waited(bytes)
        return timed('append', () => stored.append(waited, saved), waited.time)
      },
      ...(appendChecked !== undefined && {
        appendChecked(bytes: Bytes, verdict: () => boolean) {
          const waited = new Waited(bytes)
          return timed('append', () => appendChecked.call(stored, waited, verdict), waited.time)
        },
      }),
      ...(concat !== undefined && {
        concat: (parts: readonly StoredUpload[]) =>
          timed('concat', () =>
            concat.call(
              stored,
              parts.map((part) => originals.get(part) ?? part),
            ),
          ),
      }),
      setLength: (length) => timed('set_length', () => stored.setLength(length)),
      finish: (digests) => timed('finish', () => stored.finish(digests)),
      remove: () => timed('remove', () => stored.remove()),
      // Goes on for as long as the client takes, and that is seen as the time of its request.
      read: (range?: ByteRange) => stored.read(range),
      ...(link !== undefined && { link: link.bind(stored) }),
    }
    originals.set(made, stored)
    return made
  }

  return {
    name: store.name,
    ...(store.takesStorage !== undefined && { takesStorage: store.takesStorage }),
    ...(store.lockName !== undefined && { lockName: store.lockName.bind(store) }),
    create: async (upload) => facade(await timed('create', () => store.create(upload))),
    open: async (id) => facade(await timed('open', () => store.open(id))),
    list: () => store.list(),
    ...(store.unfinished !== undefined && { unfinished: store.unfinished.bind(store) }),
    ...(store.notes !== undefined && { notes: store.notes }),
    tidy: (id, before) => store.tidy(id, before),
  }
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
