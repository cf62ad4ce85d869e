import { MessageChannel, type MessagePort } from 'node:worker_threads'

/** What V8 frees at once: the memory of one read (HTTP/2), or of one chunk (HTTP/1.1). */
interface Block {
  readonly memory: ArrayBufferLike
  /** Whether all that may stand in it is bytes of this body, and nobody else has seen them. */
  ours: boolean
  /** Where the last chunk of this body in it ends. */
  end: number
  /** Bytes of this body in it. */
  size: number
}

/**
 * The chunks of a body that are lent to its sink, oldest first. Their memory is given back when the sink has freed it, and not
 * when V8 gets round to it: V8 lets 32 MiB of dead chunks come together, which the caches of a CPU do not hold, and searches the
 * whole heap again and again meanwhile. For one large upload that is a fifth of all CPU time and 25 MiB.
 *
 * Freed is only what nobody else can have: a block with room for bytes of another stream is left to V8, and so is the newest one,
 * which its parser may still be reading.
 */
export class LentChunks {
  readonly #framing: number
  #blocks: Block[] = []
  /** Bytes that the sink has freed since the oldest block began; negative while they stand before it. */
  #freed: number

  /**
   * @param framing bytes that may stand before, between and behind chunks without being anybody's: the header of a frame
   * @param before bytes that were lent, and not through this
   */
  constructor(framing: number, before: number) {
    this.#framing = framing
    this.#freed = -before
  }

  /** `alone`: nobody but the sink gets this chunk. */
  add(chunk: Uint8Array, alone: boolean): void {
    const { buffer: memory, byteOffset, byteLength } = chunk
    let block = this.#blocks.at(-1)
    if (block?.memory !== memory) {
      if (block !== undefined) this.#bound(block, block.memory.byteLength)
      block = { memory, ours: true, end: 0, size: 0 }
      this.#blocks.push(block)
    }
    this.#bound(block, byteOffset)
    block.ours &&= alone
    block.end = byteOffset + byteLength
    block.size += byteLength
  }

  /** The sink has finished with the oldest `bytes`. */
  free(bytes: number): void {
    this.#freed += bytes
    const dead: ArrayBuffer[] = []
    let count = 0
    for (const { memory, ours, size } of this.#blocks.slice(0, -1)) {
      if (size > this.#freed) break
      this.#freed -= size
      count += 1
      if (ours && memory instanceof ArrayBuffer) dead.push(memory)
    }
    if (count === 0) return
    this.#blocks = this.#blocks.slice(count)
    release(dead)
  }

  /** Something of this body, or the end, comes next in the block. What stands before it may be no more than framing. */
  #bound(block: Block, next: number): void {
    block.ours &&= next - block.end <= this.#framing
  }
}

let nowhere: MessagePort | null = null

/** What is transferred to a port that is closed is gone: Node frees it at once. */
function release(memory: ArrayBuffer[]): void {
  if (memory.length === 0) return
  if (nowhere === null) {
    nowhere = new MessageChannel().port1
    nowhere.close()
  }
  try {
    nowhere.postMessage(null, memory)
  } catch {
    // It cannot be transferred (somebody has marked it so), and is left to V8. No upload may fail for that.
  }
}
