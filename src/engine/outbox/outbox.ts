import { randomUUID } from 'node:crypto'
import { UploadError } from '../../core/errors.ts'
import type { RequestInfo } from '../../core/hooks.ts'
import type { Upload } from '../../core/upload.ts'
import { type Told, tell } from '../consult.ts'
import { type EngineContext, errorFields } from '../context.ts'
import { holdDelivery, holdIfFree, lockName } from '../hold.ts'
import { nameFor } from '../notes.ts'
import { findUpload } from '../open.ts'
import { type EventNote, parseNote, printNote } from './note.ts'

/** Notes of events that wait for delivery, and of those that were given up. */
const WAITING = 'outbox'
const GIVEN_UP = 'dead'

/** Longest pause between two deliveries of an event, in milliseconds. */
const LONGEST_PAUSE = 5 * 60_000

/** Events that are delivered at the same time; of more, the notes wait until it is their turn. */
const AT_ONCE = 64

/** Pause between two looks at the notes, in milliseconds, if nothing hurries: for what other processes left behind. */
const LOOK_AROUND = 30_000

/** Pause before looking again for what somebody else was at, in milliseconds. */
const SOON = 1000

/** An event that was written down and is about to happen. */
export interface Expected {
  /** It has happened. Delivers it, without anybody waiting for that. */
  happened(upload: Upload): void
}

/** Delivers events to hooks at least once, in order for each upload. */
export interface Outbox {
  /**
   * Writes down that an event is about to happen, under the lock of its upload; null if no hook wants to know. If it then does not
   * happen, nobody need say so.
   */
  expect(moment: Told, upload: Upload, request: RequestInfo): Promise<Expected | null>
  /** Begins to look for what earlier processes, or others, left behind. */
  start(): void
  /** Begins no more deliveries. Safe to repeat. */
  close(): void
}

export function createOutbox(context: EngineContext): Outbox {
  const { notes, hooks } = context
  let atOnce = 0
  let timer: NodeJS.Timeout | null = null
  let looking = false
  /** Whether something came up during a look that it may have missed. */
  let again = false
  let closed = false
  /** Whether a note was passed over because of another that must go first. */
  let queued = false

  const write = (note: EventNote) => notes.put(nameOf(context, note), printNote(note))

  /** Finishing comes before terminating: as long as the one waits, so does the other. */
  async function isTurn({ moment, upload }: EventNote): Promise<boolean> {
    if (moment === 'postFinish' || hooks.postFinish === undefined) return true
    return (await notes.get(nameOf(context, { moment: 'postFinish', upload }))) === null
  }

  /**
   * One delivery, by one process at a time. Who comes in vain is told when the one before is through.
   * @param fresh whether it was written down just now, by this process, so that nobody can have delivered it
   */
  async function deliver(note: EventNote, fresh: boolean): Promise<void> {
    const name = nameOf(context, note)
    let delivered = false
    const free = await holdDelivery(context, nameFor(lockName(context, note.upload.id)), async () => {
      if (!fresh && !(await isStill(name, note))) return
      if (!(await isTurn(note))) {
        queued = true
        return
      }
      const attempt = note.attempts + 1
      try {
        await tell(context, note.moment, note.upload, note.request, { id: note.id, at: note.at, attempt })
      } catch (error) {
        await failed({ ...note, happened: true, attempts: attempt }, error)
        return
      }
      await notes.remove(name)
      delivered = true
    })
    if (!free) {
      queued = true
      // Whoever is at it may be another process, or have looked a moment too early.
      lookIn(Math.min(context.hookBackoff, SOON))
    } else if (delivered && queued) {
      queued = false
      lookIn(0)
    }
  }

  /** Somebody may have been faster, with success or not. */
  async function isStill(name: string, { attempts }: EventNote): Promise<boolean> {
    const text = await notes.get(name)
    const current = text === null ? null : parseNote(text)
    return current !== null && current.attempts <= attempts
  }

  async function failed(note: EventNote, error: unknown): Promise<void> {
    const { moment, upload, attempts, id } = note
    const fields = { request: note.request.id, id: upload.id, hook: moment, event: id, attempts }
    const known = error instanceof UploadError ? errorFields(error) : { code: undefined, hint: undefined }
    if (attempts < context.hookAttempts) {
      const pause = pauseAfter(context.hookBackoff, attempts)
      context.log.warn('hook.undelivered', { ...fields, ...known, again: pause })
      const later = { ...note, due: new Date(Date.now() + pause) }
      await write(later)
      hurry(later)
      return
    }
    const hint = `no hook took it: it is kept as ${GIVEN_UP}/ among the notes of the store; move it back to ${WAITING}/ to try again`
    context.log.error('hook.given_up', { ...fields, code: known.code, hint }, error)
    context.observer.gaveUp(moment)
    const name = nameOf(context, note)
    await notes.put(name.replace(WAITING, GIVEN_UP), printNote({ ...note, attempts: 0, due: new Date() }))
    await notes.remove(name)
  }

  /** Looks again when a note is due. */
  function hurry({ due }: Pick<EventNote, 'due'>): void {
    lookIn(Math.max(due.getTime() - Date.now(), 0))
  }

  /** When to look next, and the earliest time for it, by the clock of `performance`. */
  let [next, earliest] = [Number.POSITIVE_INFINITY, 0]
  function lookIn(milliseconds: number): void {
    const now = performance.now()
    const at = Math.max(now + milliseconds, earliest)
    if (closed || at >= next) return
    next = at
    if (timer !== null) clearTimeout(timer)
    // Does not keep a process alive that has nothing else to do: the notes wait.
    timer = setTimeout(look, at - now).unref()
  }

  function look(): void {
    next = Number.POSITIVE_INFINITY
    if (closed) return
    if (looking) {
      again = true
      return
    }
    looking = true
    again = false
    const began = performance.now()
    const looked = lookAround().finally(() => {
      looking = false
      // A look that takes long is not repeated at once, however much there is to do.
      const took = performance.now() - began
      earliest = performance.now() + took
      lookIn(again ? 0 : Math.max(LOOK_AROUND, 10 * took))
    })
    context.background('outbox.failed', looked, NOBODY)
  }

  /** Delivers what is due, with several deliveries at a time. */
  async function lookAround(): Promise<void> {
    const running = new Set<Promise<void>>()
    for await (const name of notes.list(WAITING)) {
      if (closed) break
      const work = handle(name)
        .catch((error: unknown) => context.log.error('outbox.failed', { note: name }, error))
        .finally(() => running.delete(work))
      running.add(work)
      if (running.size >= AT_ONCE) await Promise.race(running)
    }
    await Promise.all(running)
  }

  async function handle(name: string): Promise<void> {
    const text = await notes.get(name)
    if (text === null || closed) return
    const note = parseNote(text)
    if (note === null) {
      context.log.warn('outbox.unreadable', { note: name, hint: 'remove it, or start the version that wrote it' })
      return
    }
    // Nobody to be told: it waits until there is somebody.
    if (hooks[note.moment] === undefined) return
    if (note.due.getTime() > Date.now()) return hurry(note)
    // Before the lock of the delivery is taken, or it would keep out the one whose turn it is.
    if (!(await isTurn(note))) {
      queued = true
      return
    }
    const settled = note.happened ? note : await judge(note)
    if (settled !== null) await deliver(settled, false)
  }

  /**
   * What became of an event whose process died, or may be at work. Null if it is none of ours: it did not happen, or may still.
   * Looked at under the lock of the upload, so that whoever made the note is not at it.
   */
  async function judge(seen: EventNote): Promise<EventNote | null> {
    return holdIfFree(context, seen.upload.id, async () => {
      const text = await notes.get(nameOf(context, seen))
      const note = text === null ? null : parseNote(text)
      if (note === null || note.happened) return note
      const now = await find(context, note.upload)
      const happened = note.moment === 'postFinish' ? now?.complete === true : now === null
      if (happened) {
        const sure = { ...note, happened, ...(now !== null && { upload: now }) }
        await write(sure)
        return sure
      }
      // A termination that did not happen is none; an upload that is gone will never finish. Else it still may.
      if (note.moment === 'postTerminate' || now === null) await notes.remove(nameOf(context, note))
      return null
    })
  }

  return {
    async expect(moment, upload, request) {
      if (moment === 'postTerminate') await keepFinish(context, upload)
      if (hooks[moment] === undefined) return null
      const at = new Date()
      const note: EventNote = { id: randomUUID(), moment, at, happened: false, attempts: 0, due: at, upload, request }
      await write(note)
      return {
        happened(now) {
          if (atOnce >= AT_ONCE || closed) return lookIn(context.hookBackoff)
          atOnce++
          const work = deliver({ ...note, at: new Date(), happened: true, upload: now }, true).finally(() => atOnce--)
          context.background('outbox.failed', work, request)
        },
      }
    },
    start() {
      if (hooks.postFinish !== undefined || hooks.postTerminate !== undefined) lookIn(0)
    },
    close() {
      closed = true
      if (timer !== null) clearTimeout(timer)
    },
  }
}

/** For work that no request asked for. */
const NOBODY: RequestInfo = { method: '', uri: '', remoteAddress: null, header: () => null }

/** An upload that is to be removed cannot tell any more that it was complete: the note of it must. */
async function keepFinish(context: EngineContext, upload: Upload): Promise<void> {
  const { notes, hooks } = context
  if (hooks.postFinish === undefined || !upload.complete) return
  const name = nameOf(context, { moment: 'postFinish', upload })
  const text = await notes.get(name)
  const note = text === null ? null : parseNote(text)
  if (note !== null && !note.happened) await notes.put(name, printNote({ ...note, happened: true, upload }))
}

/** The upload as it is now. Another that has its id since is not it. */
async function find(context: EngineContext, { id, createdAt }: Upload): Promise<Upload | null> {
  const now = await findUpload(context, id)
  return now?.createdAt.getTime() === createdAt.getTime() ? now : null
}

/** One name for each upload and moment. Hooks may use an id again: what waits of the upload before must not be overwritten. */
function nameOf(context: EngineContext, { moment, upload }: Pick<EventNote, 'moment' | 'upload'>): string {
  const { id, createdAt } = upload
  const key = nameFor(`${lockName(context, id)} ${createdAt.toISOString()}`)
  return `${WAITING}/${key}.${moment === 'postFinish' ? 'finish' : 'terminate'}`
}

function pauseAfter(backoff: number, attempts: number): number {
  return Math.min(backoff * 2 ** (attempts - 1), Math.max(LONGEST_PAUSE, backoff))
}
