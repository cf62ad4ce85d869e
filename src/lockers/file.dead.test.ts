import { existsSync, readdirSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  claim,
  everything,
  identity,
  leave,
  lockFiles,
  ownerOf,
  ownIdentity,
  site,
  take,
} from '../../test/lockers/folders.ts'
import { afterStalls } from '../../test/support/calm.ts'
import type { Lock } from '../core/locker.ts'
import { parseUploadId } from '../core/upload.ts'

const A = parseUploadId('a')

describe('the lock of a dead process', () => {
  it.each([
    ['whose number no process has', { pid: 2 ** 22 + 1 }],
    ['whose number another process has by now', { start: '1' }],
    ['that is itself gone, with all its signs of life', { boot: 'another', gone: true }],
  ])('%s is free at once', async (_, how) => {
    const { directory, open } = site()
    const locker = await open()
    leave(directory, 'a', how)
    const lock = await locker.tryAcquire(A)
    expect(lock?.held()).toBe(true)
    await lock?.release()
    expect(lockFiles(directory)).toEqual([])
  })

  it.each([
    ['on another machine', { boot: 'another' }],
    ['in another container', { namespace: 'pid:[1]' }],
    ['on a system without /proc', { boot: null, start: null, namespace: null }],
  ])('%s is free once it has been silent for the time to live', { retry: afterStalls }, async (_, how) => {
    const { directory, open } = site()
    const locker = await open({ ttl: 300 })
    leave(directory, 'a', { pid: 1, ...how })
    expect(await locker.tryAcquire(A)).toBe(null)
    const begun = performance.now()
    const lock = await take(locker, 'a')
    expect(performance.now() - begun).toBeGreaterThan(290)
    expect(lock.held()).toBe(true)
  })

  it('is waited for as long as it gives signs of life', { retry: afterStalls }, async () => {
    const { directory, open } = site()
    const locker = await open({ ttl: 400 })
    const { folder } = leave(directory, 'a', { boot: 'another' })
    let beats = 0
    const heart = setInterval(() => renameSync(`${folder}/${beats}`, `${folder}/${++beats}`), 50)
    onTestFinished(() => clearInterval(heart))
    let served = false
    const waiting = take(locker, 'a').then((lock) => {
      served = true
      return lock
    })
    await vi.waitFor(() => expect(beats).toBeGreaterThan(25), { timeout: 60_000 })
    expect(served).toBe(false)
    clearInterval(heart)
    await (await waiting).release()
  })

  it('is not taken for dead because it was idle: the first lock after a while begins with a sign of life', {
    retry: afterStalls,
  }, async () => {
    const { directory, open } = site()
    const locker = await open({ ttl: 400 })
    await (await take(locker, 'a')).release()
    const [folder = ''] = readdirSync(join(directory, '.locks', 'owners'))
    const beat = () => readdirSync(join(directory, '.locks', 'owners', folder))
    const [before, released] = [beat(), performance.now()]
    await vi.waitFor(() => expect(performance.now() - released).toBeGreaterThan(500), 60_000)
    expect(beat()).toEqual(before)
    const lock = await take(locker, 'a')
    expect(beat()).not.toEqual(before)
    await lock.release()
  })

  it('counts the silence over several waits that are each too short', { retry: afterStalls }, async () => {
    const { directory, open } = site()
    const locker = await open({ ttl: 400 })
    leave(directory, 'a', { boot: 'another' })
    let waits = 0
    for (let lock: Lock | null = null; lock === null; waits++) {
      lock = await locker.acquire(A, AbortSignal.timeout(150)).catch(() => null)
    }
    expect(waits).toBeGreaterThan(1)
    expect(waits).toBeLessThan(10)
  })

  it.each([
    ['empty', ''],
    ['torn', '{"token":"0123456789abcdef","host":"a.test","pid":12'],
    ['foreign', '12345\n'],
    ['hostile', JSON.stringify({ ...identity('../../../../x'), boot: 'x' })],
    ['binary', '\u0000\u0000\u0000'],
  ])('is free after the time to live if its file is %s', { retry: afterStalls }, async (_, content) => {
    const { directory, open } = site()
    const locker = await open({ ttl: 200 })
    writeFileSync(join(directory, '.locks', 'a.lock'), content)
    expect(await locker.tryAcquire(A)).toBe(null)
    const lock = await take(locker, 'a')
    expect(lock.held()).toBe(true)
    await lock.release()
    expect(readdirSync(join(directory, '.locks'))).toEqual(['owners'])
  })

  it.each([
    ['known to be dead', {}],
    ['found silent', { boot: 'another' }],
  ])(
    'is free although others died while they took it over, one after the other, each %s',
    { retry: afterStalls },
    async (_, how) => {
      const { directory, open } = site()
      const locker = await open({ ttl: 200 })
      const first = leave(directory, 'a', how)
      const second = leave(directory, null, how)
      const third = leave(directory, null, how)
      claim(directory, 'a', first.token, second.text)
      claim(directory, 'a', second.token, third.text)
      const lock = await take(locker, 'a')
      expect(lock.held()).toBe(true)
      await lock.release()
      expect(everything(directory).filter((file) => /lock$|claim$/.test(file))).toEqual([])
    },
  )

  it('is left to a living process that is about to take it over', async () => {
    const { directory, open } = site()
    const locker = await open()
    const dead = leave(directory, 'a')
    // Alive: this process, and the right time.
    const rival = leave(directory, null, {}, await ownIdentity(locker, directory))
    claim(directory, 'a', dead.token, rival.text)
    expect(await locker.tryAcquire(A)).toBe(null)
    unlinkSync(join(directory, '.locks', `a.${dead.token}.claim`))
    expect(await locker.tryAcquire(A)).not.toBe(null)
  })

  it('is not taken by a claim about it that comes too late', async () => {
    const { directory, open } = site()
    const [one, other] = [await open(), await open()]
    const dead = leave(directory, 'a')
    const lock = await take(one, 'a')
    // As if `other` had looked before, and claims only now.
    claim(directory, 'a', dead.token, leave(directory, null).text)
    expect(await other.tryAcquire(A)).toBe(null)
    expect(lock.held()).toBe(true)
  })
})

describe('a lock that is lost', { retry: afterStalls }, () => {
  it.each(['removed', 'replaced'])('because its file was %s is not held, and its release does no harm', async (how) => {
    const { directory, open } = site()
    const [one, other] = [await open({ ttl: 400 }), await open({ ttl: 400 })]
    const lock = await take(one, 'a')
    const file = join(directory, '.locks', 'a.lock')
    unlinkSync(file)
    const heir = how === 'replaced' ? await other.tryAcquire(A) : null
    await vi.waitFor(() => expect(lock.revoked.reason).toMatchObject({ code: 'lock_lost' }), 60_000)
    expect(lock.held()).toBe(false)
    await lock.release()
    expect(existsSync(file)).toBe(how === 'replaced')
    expect(heir?.held() ?? true).toBe(true)
  })

  it('does not take that of its heir with it, even if it is released before anybody noticed', async () => {
    const { directory, open } = site()
    const [one, other] = [await open(), await open()]
    const lock = await take(one, 'a')
    unlinkSync(join(directory, '.locks', 'a.lock'))
    const heir = await take(other, 'a')
    await lock.release()
    expect(await one.tryAcquire(A)).toBe(null)
    expect(heir.held()).toBe(true)
    await heir.release()
  })

  it('because its process was given up is not held, and the process goes on under another name', async () => {
    const { directory, open } = site()
    const locker = await open({ ttl: 400 })
    const [first, second] = [await take(locker, 'a'), await take(locker, 'b')]
    const folder = ownerOf(directory, 'a')
    rmSync(folder, { recursive: true })
    await vi.waitFor(() => expect(first.revoked.reason).toMatchObject({ code: 'lock_lost' }), 60_000)
    expect([first.held(), second.held()]).toEqual([false, false])
    await first.release()
    const again = await take(locker, 'a')
    expect(again.held()).toBe(true)
    expect(ownerOf(directory, 'a')).not.toBe(folder)
  })
})
