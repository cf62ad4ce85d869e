import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  askEachOther,
  claim,
  everything,
  leave,
  lockFiles,
  ownerOf,
  site,
  take,
  temporary,
} from '../../test/lockers/folders.ts'
import { afterStalls } from '../../test/support/calm.ts'
import { parseUploadId } from '../core/upload.ts'
import { lockerSuite } from '../testing/locker-suite.ts'
import { fileLocker } from './file.ts'

const A = parseUploadId('a')

describe('the file locker', () => {
  lockerSuite({ describe, it }, async () => {
    const directory = temporary()
    return { locker: fileLocker({ directory }), close: async () => rmSync(directory, { recursive: true }) }
  })
})

describe('two file lockers on one folder', () => {
  lockerSuite({ describe, it }, async () => {
    const directory = temporary()
    return {
      locker: fileLocker({ directory }),
      another: () => fileLocker({ directory }),
      close: async () => rmSync(directory, { recursive: true }),
    }
  })
})

describe('the lock folder', () => {
  it('shows who holds what, and nothing once everything is released and closed', async () => {
    const { directory, open } = site()
    const locker = await open()
    const locks = [await take(locker, 'a'), await take(locker, 'folder/b'), await take(locker, 'l'.repeat(200))]
    const files = lockFiles(directory)
    expect(files).toHaveLength(3)
    expect(files).toContain('a.lock')
    expect(files).toContain('folder%b.lock')
    const holder = JSON.parse(readFileSync(join(directory, '.locks', 'a.lock'), 'utf8'))
    expect(holder).toMatchObject({ pid: process.pid, host: hostname() })
    for (const lock of locks) await lock.release()
    expect(lockFiles(directory)).toEqual([])
    await locker.close?.()
    expect(readdirSync(join(directory, '.locks'), { recursive: true })).toEqual(['owners'])
  })

  it('holds no more than the lock after others asked for it and went away', async () => {
    const { directory, open } = site()
    const [one, other] = [await open(), await open()]
    const holder = await take(one, 'a')
    const patience = new AbortController()
    const waiting = other.acquire(A, patience.signal)
    await vi.waitFor(() => expect(holder.revoked.aborted).toBe(true), 60_000)
    patience.abort(new Error('impatient'))
    await expect(waiting).rejects.toThrow('impatient')
    expect(everything(directory).filter((file) => file.endsWith('.stop'))).toEqual([])
    await holder.release()
    expect(lockFiles(directory)).toEqual([])
  })

  it('is made when it is first needed, and made again if somebody removes it', { retry: afterStalls }, async () => {
    const { directory } = site()
    const locker = fileLocker({ directory: join(directory, 'not', 'yet'), ttl: 200 })
    onTestFinished(async () => locker.close?.())
    const lock = await take(locker, 'a')
    rmSync(join(directory, 'not'), { recursive: true })
    await vi.waitFor(() => expect(lock.held()).toBe(false), 60_000)
    await lock.release()
    const next = await take(locker, 'a')
    expect(next.held()).toBe(true)
    await next.release()
  })

  it('is cleared at the start of what dead processes left, and of nothing else', async () => {
    const { directory, open } = site()
    const living = await take(await open(), 'living')
    const dead = leave(directory, 'dead')
    leave(directory, 'silent', { boot: 'another' })
    const claimant = leave(directory, null)
    claim(directory, 'forgotten', dead.token, claimant.text)
    await open()
    expect(lockFiles(directory).sort()).toEqual(['living.lock', 'silent.lock'])
    expect(existsSync(dead.folder)).toBe(false)
    expect(existsSync(claimant.folder)).toBe(false)
    expect(living.held()).toBe(true)
  })
})

describe('messages between processes', () => {
  it('one from a process that died does not interrupt holder after holder', async () => {
    const { directory, open } = site()
    const [one, other] = [await open(), await open()]
    const holder = await take(one, 'a')
    writeFileSync(join(ownerOf(directory, 'a'), '0123456789abcdef~a.stop'), '')
    await vi.waitFor(() => expect(holder.revoked.aborted).toBe(true), 60_000)
    await holder.release()
    const next = await vi.waitUntil(() => one.tryAcquire(A), 10_000)
    // Until a message has certainly been read that was sent after the lock was taken.
    await askEachOther(one, other)
    expect(next.revoked.aborted).toBe(false)
  })

  it('one for a lock that is not held is thrown away', async () => {
    const { directory, open } = site()
    const locker = await open()
    await take(locker, 'a')
    const message = join(ownerOf(directory, 'a'), '0123456789abcdef~b.stop')
    writeFileSync(message, '')
    await vi.waitFor(() => expect(existsSync(message)).toBe(false), 60_000)
    const next = await take(locker, 'b')
    expect(next.revoked.aborted).toBe(false)
  })

  it('whoever asked from another process comes before those who came later to this one', async () => {
    const { open } = site()
    const [one, other] = [await open(), await open()]
    for (let round = 0; round < 3; round++) {
      const served: string[] = []
      const holder = await vi.waitUntil(() => one.tryAcquire(A), 10_000)
      const there = take(other, 'a').then((lock) => {
        served.push('there')
        return lock.release()
      })
      await vi.waitFor(() => expect(holder.revoked.aborted).toBe(true), 60_000)
      const here = take(one, 'a').then((lock) => {
        served.push('here')
        return lock.release()
      })
      await holder.release()
      await Promise.all([there, here])
      expect(served).toEqual(['there', 'here'])
    }
  })
})

describe('a file system that', () => {
  it('makes no more links to a file is no obstacle', async () => {
    const { directory, open } = site()
    const [one, other] = [await open(), await open()]
    const first = await take(one, 'a')
    const owner = ownerOf(directory, 'a')
    await first.release()
    // Linux allows 65,000 on ext4, and any number on tmpfs.
    const beat = join(owner, readdirSync(owner)[0] ?? '')
    mkdirSync(join(directory, 'links'))
    try {
      for (let link = 0; link < 65_001; link++) linkSync(beat, `${directory}/links/${link}`)
    } catch (error) {
      expect(error).toMatchObject({ code: 'EMLINK' })
    }
    const holder = await take(one, 'a')
    expect(await other.tryAcquire(A)).toBe(null)
    const waiting = take(other, 'a')
    await vi.waitFor(() => expect(holder.revoked.aborted).toBe(true), 60_000)
    expect(holder.held()).toBe(true)
    await holder.release()
    await (await waiting).release()
    expect(lockFiles(directory)).toEqual([])
  }, 60_000)

  it('has no such folder fails the start', async () => {
    const { directory } = site()
    writeFileSync(join(directory, 'file'), '')
    const locker = fileLocker({ directory: join(directory, 'file') })
    await expect(locker.start?.()).rejects.toMatchObject({ code: 'storage_failed' })
    await expect(locker.tryAcquire(A)).rejects.toMatchObject({ code: 'storage_failed' })
    await expect(locker.acquire(A, new AbortController().signal)).rejects.toMatchObject({
      code: 'storage_failed',
      details: { hint: expect.stringContaining('.locks') },
    })
    await locker.close?.()
  })

  it('fails while somebody waits ends the wait, and works again when it does', { retry: afterStalls }, async () => {
    const { directory, open } = site()
    const [one, other] = [await open({ ttl: 400 }), await open({ ttl: 400 })]
    const holder = await take(one, 'a')
    const waiting = take(other, 'a')
    await vi.waitFor(() => expect(holder.revoked.aborted).toBe(true), 60_000)
    rmSync(join(directory, '.locks'), { recursive: true })
    writeFileSync(join(directory, '.locks'), 'not a folder')
    await expect(waiting).rejects.toMatchObject({ code: 'storage_failed' })
    await vi.waitFor(() => expect(holder.held()).toBe(false), 60_000)
    await holder.release()
    unlinkSync(join(directory, '.locks'))
    await (await take(other, 'a')).release()
    await (await take(one, 'a')).release()
  })
})
