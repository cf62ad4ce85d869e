import { UploadError } from '../../core/errors.ts'
import type { Batch } from '../../core/store.ts'
import type { RecordedParts } from '../record.ts'
import type { Content, Part } from './api.ts'
import { inMemory, joined, nothing } from './content.ts'
import { failure } from './failure.ts'
import { type Claimant, SLAB } from './memory.ts'
import { capacity, sizeOfPart } from './plan.ts'
import type { Service } from './service.ts'
import { endOfParts, liveTail, type Standing } from './standing.ts'
import { putTail, type Tail, tailContent } from './tail.ts'

/** Bytes at the beginning of a part that are stored in the tail already, or about to be. */
interface Stored {
  readonly size: number
  readonly tail: Promise<Tail>
}

/** Bytes of a part that are in memory. */
interface Gathered {
  readonly slabs: readonly Buffer[]
  readonly size: number
}

/**
 * Cuts bytes into parts and sends them while more come. The parts lie where the plan says, whatever requests bring their
 * bytes. What is in memory stays there until the service has it.
 */
export class Writer implements Claimant {
  readonly #service: Service
  readonly #standing: Standing
  readonly #plan: RecordedParts
  readonly #saved: ((offset: number) => void) | undefined
  /** Where the upload ends at the latest. */
  readonly #limit: number
  /** Ends what is done for the tail, which lies behind all parts. */
  readonly #cut = new AbortController()
  /** Ends the sending of a part, by its number. */
  readonly #cuts = new Map<number, AbortController>()
  /** Parts that are being sent, or wait for their turn. */
  readonly #flights = new Set<Promise<void>>()
  /** Parts that arrived before those in front of them. */
  readonly #landed = new Map<number, Part>()
  #hasFlown = false
  #failure: UploadError | null = null
  /** The part that is being filled, and where in the upload it begins. */
  #number: number
  #start: number
  #stored: Stored | null = null
  #slabs: Buffer[] = []
  #size = 0
  /** All that was ever asked of the tail object, in order; never rejects. */
  #tailWork: Promise<void> = Promise.resolve()
  #fedAt = performance.now()

  constructor(service: Service, standing: Standing, plan: RecordedParts, saved?: (offset: number) => void) {
    this.#service = service
    this.#standing = standing
    this.#plan = plan
    this.#saved = saved
    const { maxParts, maxObjectSize } = service.settings
    this.#limit = standing.record.length ?? Math.min(capacity(plan, maxParts), maxObjectSize)
    this.#number = standing.parts.length + 1
    this.#start = endOfParts(standing)
    const tail = liveTail(standing)
    if (tail !== null) this.#stored = { size: tail.size, tail: Promise.resolve(tail) }
    service.memory.enter(this)
  }

  get gathered(): number {
    return this.#slabs.length * SLAB
  }

  get fedAt(): number {
    return this.#fedAt
  }

  /** Throws why it cannot go on. */
  async write(batch: Batch): Promise<void> {
    this.#fedAt = performance.now()
    for (const chunk of batch) {
      for (let done = 0; done < chunk.length; ) {
        if (this.#failure !== null) throw this.#failure
        const slab = this.#room() ?? (await this.#more())
        // Memory may have been put away meanwhile.
        if (slab === null) continue
        done += this.#fill(slab, chunk.subarray(done))
        if (this.#missing() === 0) await this.#launch()
      }
    }
  }

  /** Sends what is still here: the end of the upload as a part, anything else as the tail. Throws what was lost. */
  async end(): Promise<void> {
    await this.#settled()
    if (this.#failure !== null) throw this.#failure
    const closed = this.#closesGap()
    if (this.#size > 0 && !closed) this.#putAway()
    // A part cannot be added to an upload that was removed meanwhile, but a tail can.
    const [isThere] = await Promise.all([this.#hasFlown || this.#isThere(), this.#tailWork])
    if (this.#failure !== null) throw this.#failure
    if (isThere) return
    await this.#service.api.remove(this.#standing.tailPlace)
    throw new UploadError('upload_not_found')
  }

  /** Stops at once: nothing more is begun, and what is on its way is cut off. Not if it failed by itself. */
  abandon(): void {
    if (this.#failure === null) this.#fail(new UploadError('lock_lost'), 'go on', 0)
  }

  /** Waits until nothing of it is under way any more, and gives all memory back. To be called in the end, whatever happened. */
  async close(): Promise<void> {
    await this.#settled()
    await this.#tailWork
    this.#service.memory.give(this.#slabs)
    this.#slabs = []
    this.#size = 0
    this.#service.memory.leave(this)
  }

  /** Called by the memory when others need it. */
  spill(): void {
    if (this.#size > 0 && this.#failure === null) this.#putAway()
  }

  /** Bytes that the part lacks. */
  #missing(): number {
    const whole = Math.min(sizeOfPart(this.#plan, this.#number), this.#limit - this.#start)
    return whole - (this.#stored?.size ?? 0) - this.#size
  }

  /** The slab that is not full; null if there is none. */
  #room(): Buffer | null {
    return this.#size < this.#slabs.length * SLAB ? (this.#slabs.at(-1) ?? null) : null
  }

  /** Gets another slab. Null if it waited for it: things may be different now. */
  async #more(): Promise<Buffer | null> {
    // Beyond its length the engine hands nothing over; without one the service may end it.
    if (this.#missing() <= 0) {
      throw new UploadError(this.#standing.record.length === null ? 'max_size_exceeded' : 'length_exceeded')
    }
    const taken = this.#service.memory.take(this)
    if (!(taken instanceof Promise)) {
      this.#slabs.push(taken)
      return taken
    }
    this.#slabs.push(await taken)
    // While it waited its client was held back, which does not make it idle.
    this.#fedAt = performance.now()
    return null
  }

  #fill(slab: Buffer, bytes: Uint8Array): number {
    const at = this.#size % SLAB
    const count = Math.min(bytes.length, SLAB - at, this.#missing())
    slab.set(count === bytes.length ? bytes : bytes.subarray(0, count), at)
    this.#size += count
    return count
  }

  #take(): Gathered {
    const gathered = { slabs: this.#slabs, size: this.#size }
    this.#slabs = []
    this.#size = 0
    this.#service.memory.sending(gathered.slabs.length * SLAB)
    return gathered
  }

  #release({ slabs }: Gathered): void {
    this.#service.memory.give(slabs)
    this.#service.memory.sending(-slabs.length * SLAB)
  }

  /** The part is full: it is sent as soon as there are not too many on their way. */
  async #launch(): Promise<void> {
    const [number, start, stored, gathered] = [this.#number, this.#start, this.#stored, this.#take()]
    this.#hasFlown = true
    this.#number++
    this.#start += (stored?.size ?? 0) + gathered.size
    this.#stored = null
    const cut = new AbortController()
    this.#cuts.set(number, cut)
    const flight = this.#send(number, start, stored, gathered, cut.signal)
      .catch((error: unknown) => this.#fail(error, `send part ${number}`, number))
      .finally(() => {
        this.#release(gathered)
        this.#cuts.delete(number)
        this.#flights.delete(flight)
      })
    this.#flights.add(flight)
    // What comes next for the tail object must not take away what this part begins with.
    if (stored !== null) this.#tailWork = this.#tailWork.then(() => flight)
    while (this.#flights.size >= this.#service.settings.concurrentPartUploads) await Promise.race(this.#flights)
  }

  async #send(
    number: number,
    start: number,
    stored: Stored | null,
    gathered: Gathered,
    signal: AbortSignal,
  ): Promise<void> {
    const { api } = this.#service
    const inHand = inMemory(gathered.slabs, gathered.size)
    const content = stored === null ? inHand : joined([await this.#contentOf(stored), inHand])
    if (signal.aborted) throw signal.reason
    this.#service.flying++
    try {
      const receipt = await api.uploadPart(this.#standing, number, content, signal)
      this.#land({ number, size: content.size, ...receipt, modifiedAt: new Date() })
    } finally {
      this.#service.flying--
    }
    if (stored !== null) await this.#emptyTail(start + content.size, signal)
  }

  async #contentOf({ tail }: Stored): Promise<Content> {
    return tailContent(this.#service, this.#standing.tailPlace, await tail)
  }

  /** Parts count in their order. */
  #land(part: Part): void {
    const { parts } = this.#standing
    this.#landed.set(part.number, part)
    const before = parts.length
    for (let next = this.#landed.get(parts.length + 1); next !== undefined; next = this.#landed.get(parts.length + 1)) {
      this.#landed.delete(next.number)
      parts.push(next)
    }
    if (parts.length > before) this.#saved?.(endOfParts(this.#standing))
  }

  /** Its bytes are in a part now. tusd would count them twice. */
  async #emptyTail(end: number, signal: AbortSignal): Promise<void> {
    const { tail, tailPlace } = this.#standing
    if (tail !== null) this.#standing.tail = await putTail(this.#service, tailPlace, end, nothing, tail, false, signal)
  }

  /** Stores what is in memory behind what the tail has, after all that was asked of the tail before. */
  #putAway(): void {
    const [start, before, gathered] = [this.#start, this.#stored, this.#take()]
    const { signal } = this.#cut
    const put = async (): Promise<Tail> => {
      if (before !== null) await before.tail
      if (signal.aborted) throw signal.reason
      const content = inMemory(gathered.slabs, gathered.size)
      const { tail, tailPlace } = this.#standing
      const made = await putTail(this.#service, tailPlace, start, content, tail, before !== null, signal)
      this.#standing.tail = made
      return made
    }
    const tail = this.#tailWork.then(put)
    this.#tailWork = tail
      .then(() => undefined)
      .catch((error: unknown) => this.#fail(error, 'keep the last bytes', Number.POSITIVE_INFINITY))
      .finally(() => this.#release(gathered))
    this.#stored = { size: (before?.size ?? 0) + gathered.size, tail }
  }

  /** What lies behind what is lost does not count, so it is not sent; what lies in front of it is. */
  #fail(error: unknown, doing: string, lost: number): void {
    this.#failure ??= failure(error, doing, this.#standing.place)
    for (const [number, cut] of this.#cuts) if (number > lost) cut.abort(this.#failure)
    this.#cut.abort(this.#failure)
  }

  /** Whether the next part is there already, from behind a gap that is closed now: with it all that is here, and perhaps more. */
  #closesGap(): boolean {
    const { parts, strays } = this.#standing
    const before = parts.length
    for (const stray of strays) if (stray.number === parts.length + 1) parts.push(stray)
    return parts.length > before
  }

  async #isThere(): Promise<boolean> {
    const { place, multipart } = this.#standing
    return this.#service.api.hasUpload(place, multipart).catch((error: unknown) => {
      throw failure(error, 'look for the multipart upload', place)
    })
  }

  async #settled(): Promise<void> {
    while (this.#flights.size > 0) await Promise.all(this.#flights)
  }
}
