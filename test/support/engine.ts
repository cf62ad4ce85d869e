import type { Body, BodySink } from '../../src/core/body.ts'
import type { Bytes, Store, StoredUpload } from '../../src/core/store.ts'
import type { UploadId } from '../../src/core/upload.ts'
import type { AppendCommand, Caller, CreateCommand } from '../../src/engine/commands.ts'

export const caller: Caller = {
  request: { method: 'TEST', uri: '/', remoteAddress: null, header: () => null },
  signal: new AbortController().signal,
}

export const creation: CreateCommand = {
  length: 10,
  metadata: new Map(),
  concat: null,
  completion: 'at_length',
  echo: {},
  content: null,
}

/** A body that the test pushes by hand; whole at once if `text` is given. */
export class HandBody implements Body {
  readonly length: number | null = null
  readonly #text: string | null
  sink: BodySink | null = null

  constructor(text: string | null = null) {
    this.#text = text
  }

  open(sink: BodySink): void {
    this.sink = sink
    if (this.#text === null) return
    sink.data(Buffer.from(this.#text))
    sink.end()
  }

  pause(): void {}

  resume(): void {}

  stop(): void {
    this.sink = null
  }
}

export const appending = (id: UploadId, offset: number, body: Body): AppendCommand => ({
  id,
  offset,
  length: null,
  content: { body, checksum: null },
})

/** A store whose uploads are changed by `change` as they are handed out. */
export function altered(store: Store, change: (stored: StoredUpload) => Partial<StoredUpload>): Store {
  const alter = (stored: StoredUpload): StoredUpload => {
    const facade: StoredUpload = {
      get upload() {
        return stored.upload
      },
      append: (bytes) => stored.append(bytes),
      setLength: (length) => stored.setLength(length),
      finish: (digests) => stored.finish(digests),
      remove: () => stored.remove(),
      read: (range) => stored.read(range),
      ...(stored.appendChecked !== undefined && {
        appendChecked: (bytes: Bytes, verdict: () => boolean) =>
          stored.appendChecked?.(bytes, verdict) ?? Promise.reject(new Error('gone')),
      }),
    }
    return Object.defineProperties(facade, Object.getOwnPropertyDescriptors(change(stored)))
  }
  return {
    name: store.name,
    create: async (upload) => alter(await store.create(upload)),
    open: async (id) => alter(await store.open(id)),
    list: () => store.list(),
    tidy: (id, before) => store.tidy(id, before),
  }
}

/** Promise.withResolvers, which Node 20 does not have. */
export function withResolvers(): { promise: Promise<unknown>; resolve: (value: unknown) => void } {
  let resolve: (value: unknown) => void = () => undefined
  const promise = new Promise<unknown>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
