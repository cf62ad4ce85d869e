import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, vi } from 'vitest'
import type { Lock, Locker } from '../../src/core/locker.ts'
import { parseUploadId } from '../../src/core/upload.ts'
import { type FileLockerOptions, fileLocker } from '../../src/lockers/file.ts'

export function temporary(): string {
  return mkdtempSync(join(tmpdir(), 'tusker-locks-'))
}

/** A folder, and lockers on it that are closed when the test ends. */
export function site() {
  const directory = temporary()
  const lockers: Locker[] = []
  onTestFinished(async () => {
    for (const locker of lockers) await locker.close?.()
    rmSync(directory, { recursive: true })
  })
  return {
    directory,
    async open(options: Omit<FileLockerOptions, 'directory'> = {}): Promise<Locker> {
      const locker = fileLocker({ poll: 20, ...options, directory })
      lockers.push(locker)
      await locker.start?.()
      return locker
    },
  }
}

export function take(locker: Locker, id: string): Promise<Lock> {
  return locker.acquire(parseUploadId(id), new AbortController().signal)
}

export async function askEachOther(one: Locker, other: Locker): Promise<void> {
  const holder = await take(one, 'bell')
  const waiting = take(other, 'bell')
  await vi.waitFor(() => expect(holder.revoked.aborted).toBe(true), 60_000)
  await holder.release()
  await (await waiting).release()
}

export function everything(directory: string): string[] {
  return readdirSync(join(directory, '.locks'), { recursive: true, encoding: 'utf8' })
}

export function lockFiles(directory: string): string[] {
  return readdirSync(join(directory, '.locks')).filter((file) => file !== 'owners')
}

/** The folder of the locker that holds `name`. */
export function ownerOf(directory: string, name: string): string {
  const { token } = JSON.parse(readFileSync(join(directory, '.locks', `${name}.lock`), 'utf8'))
  return join(directory, '.locks', 'owners', token)
}

/** What this process would write, but for the token. */
export async function ownIdentity(locker: Locker, directory: string): Promise<object> {
  const lock = await take(locker, 'own')
  const { token: _, ...rest } = JSON.parse(readFileSync(join(directory, '.locks', 'own.lock'), 'utf8'))
  await lock.release()
  return rest
}

/** A process of this machine that has ended: its number was given to this one. */
export function identity(token: string) {
  return {
    token,
    host: hostname(),
    pid: process.pid,
    start: '1',
    namespace: readlinkSync('/proc/self/ns/pid'),
    boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
  }
}

/** What a process leaves that dies while it holds a lock (or none, if null). `gone`: somebody has removed its folder. */
export function leave(
  directory: string,
  name: string | null,
  how: Readonly<Record<string, unknown>> = {},
  rest: object = {},
) {
  const token = randomBytes(8).toString('hex')
  const { gone, ...fields } = how
  const text = `${JSON.stringify({ ...identity(token), ...rest, ...fields })}\n`
  const folder = join(directory, '.locks', 'owners', token)
  if (gone !== true) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, '0'), text)
  }
  if (name !== null) writeFileSync(join(dirname(dirname(folder)), `${name}.lock`), text)
  return { token, text, folder }
}

/** The claim of a process with this identity to the lock that `dead` left. */
export function claim(directory: string, name: string, dead: string, text: string): void {
  writeFileSync(join(directory, '.locks', `${name}.${dead}.claim`), text)
}
