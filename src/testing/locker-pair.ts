import assert from 'node:assert/strict'
import { UploadError } from '../core/errors.ts'
import type { Lock, Locker } from '../core/locker.ts'
import { parseUploadId, type UploadId } from '../core/upload.ts'

/** A locker to be tested, on a resource (a folder, a database) of its own. Not started yet. */
export interface LockerSubject {
  readonly locker: Locker
  /** Makes a second locker on the same resource, as another process would have it. Absent if there is no such thing. */
  readonly another?: () => Locker
  /** Removes the resource. The lockers are closed by then. */
  close(): Promise<void>
}

/** `other` is a second locker on the same resource if there can be one, and otherwise `one` itself. */
export interface Pair {
  readonly one: Locker
  readonly other: Locker
}

export const A = parseUploadId('a')
export const B = parseUploadId('b')

/** Milliseconds within which everything has to happen that a test waits for: generous, as machines stall. */
const PATIENCE = 60_000

/** Makes and starts lockers, runs a test with them, and removes them. */
export async function withPair(make: () => Promise<LockerSubject>, test: (pair: Pair) => Promise<void>): Promise<void> {
  const subject = await make()
  const one = subject.locker
  const other = subject.another?.() ?? one
  try {
    await one.start?.()
    if (other !== one) await other.start?.()
    await test({ one, other })
  } finally {
    await one.close?.()
    if (other !== one) await other.close?.()
    await subject.close()
  }
}

/** The lock, in good time. */
export function take(locker: Locker, id: UploadId = A): Promise<Lock> {
  return within(`the lock of ${id.slice(0, 20)}`, locker.acquire(id, new AbortController().signal))
}

/** Why the holder was told to stop, in good time. */
export async function revoked({ revoked: signal }: Lock): Promise<unknown> {
  const fired = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  if (!signal.aborted) await within('the holder to be asked to stop', fired)
  return signal.reason
}

/** Has the lockers ask each other for something, so that whatever they asked for before has arrived too. */
export async function exchangeMessages(one: Locker, other: Locker): Promise<void> {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    const holder = await take(to, B)
    const next = take(from, B)
    await revoked(holder)
    await holder.release()
    await (await next).release()
  }
}

/** What a promise gives, in good time. */
export async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: `waited in vain for ${what}` })), PATIENCE)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Asserts that a promise rejects with exactly this. */
export async function rejectsWith(promise: Promise<unknown>, reason: unknown): Promise<void> {
  const thrown = await within('a refusal', refusal(promise))
  assert.equal(thrown, reason)
}

/** Asserts that a promise rejects with an `UploadError` of this code. */
export async function rejectsWithCode(promise: Promise<unknown>, code: string): Promise<void> {
  const thrown = await within('a refusal', refusal(promise))
  assert.equal(codeOf(thrown), code)
}

function refusal(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => assert.fail('was not refused'),
    (error: unknown) => error,
  )
}

/** The code of an `UploadError`; asserts that it is one. */
export function codeOf(error: unknown): string {
  assert.ok(error instanceof UploadError, `not an UploadError: ${String(error)}`)
  return error.code
}
