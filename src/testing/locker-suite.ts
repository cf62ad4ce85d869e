import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import type { Lock } from '../core/locker.ts'
import { parseUploadId, type UploadId } from '../core/upload.ts'
import {
  A,
  B,
  codeOf,
  exchangeMessages,
  type LockerSubject,
  type Pair,
  rejectsWith,
  rejectsWithCode,
  revoked,
  take,
  within,
  withPair,
} from './locker-pair.ts'

import type { SuiteRunner } from './runner.ts'

export type { LockerSubject } from './locker-pair.ts'

type It = (name: string, test: (pair: Pair) => Promise<void>) => unknown

/** Ids that a locker might mix up when it makes file names or keys of them. */
const ALIKE = [
  'a/b',
  'a-b',
  'a.b',
  'a~b',
  'a:b',
  'a/b/c',
  'a/b-c',
  'a-b/c',
  `${'x'.repeat(199)}1`,
  `${'x'.repeat(199)}2`,
]
  .concat([`${'long/'.repeat(190)}1`, `${'long/'.repeat(190)}2`])
  .map(parseUploadId)

/** What every locker has to do, as tests. `make` is called for each of them. */
export function lockerSuite(runner: SuiteRunner, make: () => Promise<LockerSubject>): void {
  const it: It = (name, test) => runner.it(name, () => withPair(make, test))
  runner.describe('acquire', () => acquiring(it))
  runner.describe('waiting for a lock', () => waiting(it))
  runner.describe('giving up on a lock', () => givingUp(it))
  runner.describe('tryAcquire', () => trying(it))
  runner.describe('release', () => releasing(it))
  runner.describe('close', () => closing(it))
}

function acquiring(it: It): void {
  it('a lock that nobody holds is given, and nothing stops its holder', async ({ one }) => {
    const lock = await take(one)
    assert.equal(lock.held(), true)
    assert.equal(lock.revoked.aborted, false)
    await lock.release()
  })

  it('locks of different ids are held at the same time, however alike the ids are', async ({ one, other }) => {
    const locks: Lock[] = []
    for (const [index, id] of ALIKE.entries()) locks.push(await take(index % 2 === 0 ? one : other, id))
    for (const lock of locks) assert.deepEqual([lock.held(), lock.revoked.aborted], [true, false])
    for (const [index, id] of ALIKE.entries()) {
      assert.equal(await (index % 2 === 0 ? other : one).tryAcquire(id), null, `${id} is held`)
    }
    for (const lock of locks) await lock.release()
  })

  it('a lock can be had again and again', async ({ one, other }) => {
    for (let round = 0; round < 20; round++) await (await take(round % 2 === 0 ? one : other)).release()
  })

  it('of many who want the same few locks, no two ever hold one together', async ({ one, other }) => {
    const ids = [A, B, parseUploadId('a/b')]
    const inside = new Set<UploadId>()
    const visit = async (index: number): Promise<void> => {
      const id = ids[index % ids.length] ?? A
      const lock = await take(index % 2 === 0 ? one : other, id)
      assert.equal(inside.has(id), false, 'two hold one lock')
      inside.add(id)
      for (let turn = 0; turn < index % 5; turn++) await new Promise(setImmediate)
      inside.delete(id)
      await lock.release()
    }
    await within('everybody to be served', Promise.all(Array.from({ length: 60 }, (_, index) => visit(index))))
  })
}

function waiting(it: It): void {
  it('the holder is asked to stop, keeps the lock until it releases, and then the other has it', async ({
    one,
    other,
  }) => {
    const holder = await take(one)
    const events: string[] = []
    const next = take(other).then((lock) => {
      events.push('given')
      return lock
    })
    assert.equal(codeOf(await revoked(holder)), 'upload_interrupted')
    assert.equal(holder.held(), true)
    events.push('released')
    await holder.release()
    const lock = await next
    assert.deepEqual(events, ['released', 'given'])
    assert.deepEqual([holder.held(), lock.held(), lock.revoked.aborted], [false, true, false])
    await lock.release()
  })

  it('a holder that looks late sees that it was asked to stop', async ({ one }) => {
    const holder = await take(one)
    const next = take(one)
    assert.equal(holder.revoked.aborted, true)
    assert.equal(codeOf(holder.revoked.reason), 'upload_interrupted')
    await holder.release()
    await (await next).release()
  })

  it('those who wait in one locker are served in order', async ({ one }) => {
    const holder = await take(one)
    const served: number[] = []
    const all = [1, 2, 3, 4, 5].map(async (number) => {
      const lock = await take(one)
      served.push(number)
      await lock.release()
    })
    await holder.release()
    await within('everybody to be served', Promise.all(all))
    assert.deepEqual(served, [1, 2, 3, 4, 5])
  })

  it('whoever gets a lock that others still wait for is asked to stop at once', async ({ one }) => {
    const holder = await take(one)
    const second = take(one)
    const third = take(one)
    await holder.release()
    const lock = await second
    assert.equal(lock.revoked.aborted, true)
    assert.equal(codeOf(lock.revoked.reason), 'upload_interrupted')
    assert.equal(lock.held(), true)
    await lock.release()
    assert.equal((await third).revoked.aborted, false)
    await (await third).release()
  })

  it('a holder in one locker is asked to stop as long as anybody waits in the other', async ({ one, other }) => {
    const holder = await take(one)
    const waiting = [take(other), take(other)]
    await revoked(holder)
    await holder.release()
    const first = await within('the first to be served', Promise.race(waiting))
    await revoked(first)
    await first.release()
    for (const lock of await Promise.all(waiting)) await lock.release()
  })
}

function givingUp(it: It): void {
  it('a signal that has fired before is an answer at once, and disturbs nobody', async ({ one }) => {
    const holder = await take(one)
    await rejectsWith(one.acquire(A, AbortSignal.abort('too late')), 'too late')
    assert.deepEqual([holder.held(), holder.revoked.aborted], [true, false])
    await holder.release()
    await rejectsWith(one.acquire(A, AbortSignal.abort('too late')), 'too late')
    await (await take(one)).release()
  })

  it('a signal that fires while waiting ends the wait with its reason, and nobody waits for that one', async ({
    one,
    other,
  }) => {
    const holder = await take(one)
    const patience = new AbortController()
    const waiting = other.acquire(A, patience.signal)
    await revoked(holder)
    patience.abort('impatient')
    await rejectsWith(waiting, 'impatient')
    assert.equal(holder.held(), true)
    await holder.release()
    await (await take(other)).release()
    await (await take(one)).release()
  })

  it('who gives up leaves nothing behind that stops a later holder', async ({ one, other }) => {
    for (let round = 0; round < 3; round++) {
      const holder = await take(one)
      const patience = new AbortController()
      const waiting = other.acquire(A, patience.signal)
      patience.abort('impatient')
      await rejectsWith(waiting, 'impatient')
      await holder.release()
      const innocent = await take(one)
      await exchangeMessages(one, other)
      assert.deepEqual([innocent.held(), innocent.revoked.aborted], [true, false])
      await innocent.release()
    }
  })

  it('the others in the line move up when one gives up', async ({ one }) => {
    const holder = await take(one)
    const patience = new AbortController()
    const leaving = one.acquire(A, patience.signal)
    const staying = take(one)
    patience.abort('impatient')
    await rejectsWith(leaving, 'impatient')
    await holder.release()
    const lock = await staying
    assert.equal(lock.revoked.aborted, false)
    await lock.release()
  })

  it('a signal is listened to only while waiting, and does nothing to a lock that is held', async ({ one, other }) => {
    const patience = new AbortController()
    const holder = await other.acquire(A, patience.signal)
    const second = one.acquire(A, patience.signal)
    const third = one.acquire(A, patience.signal)
    await revoked(holder)
    await holder.release()
    await (await second).release()
    const lock = await third
    assert.equal(getEventListeners(patience.signal, 'abort').length, 0)
    patience.abort('too late')
    assert.deepEqual([lock.held(), lock.revoked.aborted], [true, false])
    await lock.release()
  })
}

function trying(it: It): void {
  it('gives a lock that nobody holds', async ({ one, other }) => {
    const lock = await one.tryAcquire(A)
    assert.equal(lock?.held(), true)
    await lock.release()
    const next = await other.tryAcquire(A)
    assert.equal(next?.held(), true)
    await next.release()
  })

  it('gives null when somebody holds the lock, and disturbs nobody', async ({ one, other }) => {
    const holder = await take(one)
    assert.equal(await other.tryAcquire(A), null)
    assert.equal(await one.tryAcquire(A), null)
    await exchangeMessages(one, other)
    assert.deepEqual([holder.held(), holder.revoked.aborted], [true, false])
    await holder.release()
  })

  it('gives null when somebody waits for the lock, who gets it', async ({ one, other }) => {
    const holder = await take(one)
    const waiting = take(one)
    assert.equal(await one.tryAcquire(A), null)
    assert.equal(await other.tryAcquire(A), null)
    await holder.release()
    assert.equal(await one.tryAcquire(A), null)
    await (await waiting).release()
  })

  it('what it gave is a lock like any other: another who wants it asks its holder to stop', async ({ one, other }) => {
    const holder = await one.tryAcquire(A)
    assert.ok(holder)
    const next = take(other)
    assert.equal(codeOf(await revoked(holder)), 'upload_interrupted')
    await holder.release()
    await (await next).release()
  })
}

function releasing(it: It): void {
  it('ends the holding', async ({ one }) => {
    const lock = await take(one)
    await lock.release()
    assert.equal(lock.held(), false)
  })

  it('may be repeated, and does not take the lock from the next holder', async ({ one, other }) => {
    const first = await take(one)
    const waiting = take(other)
    await revoked(first)
    await Promise.all([first.release(), first.release()])
    const second = await waiting
    await first.release()
    assert.equal(second.held(), true)
    assert.equal(await one.tryAcquire(A), null)
    await second.release()
  })
}

function closing(it: It): void {
  it('sends away everybody who waits', async ({ one }) => {
    const holder = await take(one)
    const waiting = [take(one), take(one)].map((lock) => rejectsWithCode(lock, 'shutdown'))
    await one.close?.()
    await Promise.all(waiting)
    await holder.release()
  })

  it('releases what is held: its holder may write nothing more', async ({ one, other }) => {
    const holder = await take(one)
    const before = holder.revoked
    await one.close?.()
    assert.equal(holder.held(), false)
    assert.equal(codeOf(before.reason), 'lock_lost')
    if (other !== one) await (await take(other)).release()
    await holder.release()
  })

  it('is the end: nothing is given any more', async ({ one }) => {
    await one.close?.()
    await rejectsWithCode(take(one), 'shutdown')
    await rejectsWithCode(one.tryAcquire(A), 'shutdown')
  })
}
