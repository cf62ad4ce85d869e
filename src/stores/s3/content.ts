import type { Content } from './api.ts'

/** No bytes. */
export const nothing: Content = { size: 0, open: () => chunks([]) }

/** Bytes in memory: the first `size` of `slabs`, which must stay as they are for as long as it may be opened. */
export function inMemory(slabs: readonly Uint8Array[], size: number): Content {
  return { size, open: () => chunks(slabs, size) }
}

/** Contents one behind the other. */
export function joined(contents: readonly Content[]): Content {
  return {
    size: contents.reduce((size, content) => size + content.size, 0),
    async *open(signal) {
      for (const content of contents) yield* content.open(signal)
    },
  }
}

async function* chunks(slabs: readonly Uint8Array[], size = 0): AsyncGenerator<Uint8Array> {
  let left = size
  for (const slab of slabs) {
    if (left === 0) return
    const chunk = slab.length > left ? slab.subarray(0, left) : slab
    left -= chunk.length
    yield chunk
  }
}
