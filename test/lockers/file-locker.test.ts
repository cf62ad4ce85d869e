import { execFileSync } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { afterStalls, timed } from '../support/calm.ts'
import { compileLocker, createSite, type LockerProcess, type Site, type Words } from './processes.ts'

/** Each process is number 1 in a world of its own, and cannot see the others. */
const CONTAINER = ['unshare', '--fork', '--pid', '--mount-proc', '--kill-child'] as const

const build = mkdtempSync(join(tmpdir(), 'tusker-build-'))
let module = ''

beforeAll(() => {
  module = compileLocker(build)
}, 180_000)

afterAll(() => rmSync(build, { recursive: true }))

describe('file lockers in several processes', () => {
  it('a holder asked by another process hears of it, and the other has the lock right after the release', async ({
    annotate,
  }) => {
    const site = newSite()
    const [one, other] = await Promise.all([site.start(), site.start()])
    const takeovers: number[] = []
    for (let round = 0; round < 6; round++) {
      const [holder, asker] = round % 2 === 0 ? [one, other] : [other, one]
      if (round === 0) await holder.ask('take a', 'taken')
      const { took } = await timed(async () => {
        asker.order('take a')
        expect(await holder.hear('revoked')).toEqual({ revoked: 'a', code: 'upload_interrupted' })
        await holder.ask('free a', 'freed')
        await asker.hear('taken')
      })
      takeovers.push(took)
    }
    await annotate(`takeovers between processes, ms: ${takeovers.map((time) => time.toFixed()).join(', ')}`)
    // Most of them: a disk that stalls holds up one of many
    expect(takeovers.sort((one, other) => one - other)[3]).toBeLessThan(1000)
  })

  it('the lock of a process that was killed is free at once, for those who try and those who wait', {
    retry: afterStalls,
  }, async ({ annotate }) => {
    const site = newSite()
    const other = await site.start()
    const first = await site.start()
    await first.ask('take a', 'taken')
    expect(await other.ask('try a', 'tried')).toMatchObject({ taken: false })
    await first.kill()
    expect(await other.ask('try a', 'tried')).toMatchObject({ taken: true })
    await other.ask('free a', 'freed')

    const second = await site.start()
    await second.ask('take a', 'taken')
    other.order('take a')
    await second.hear('revoked')
    const { took } = await timed(async () => {
      await second.kill()
      await other.hear('taken')
    })
    await annotate(`lock of a killed process free after ${took.toFixed()} ms`)
    expect(took).toBeLessThan(1000)
  })

  it('a frozen process loses its lock, knows it in the instant it wakes, and does not take it from its heir', {
    retry: afterStalls,
  }, async ({ annotate }) => {
    const site = newSite()
    const options = { ttl: 600 }
    const [frozen, heir] = await Promise.all([site.start(options), site.start(options)])
    await frozen.ask('take a', 'taken')
    frozen.order('freeze a')
    await vi.waitFor(() => expect(readFileSync(`/proc/${frozen.pid}/stat`, 'utf8')).toMatch(/\) T /), 60_000)
    const begun = performance.now()
    await heir.ask('take a', 'taken')
    const took = performance.now() - begun
    await annotate(`lock of a frozen process taken over after ${took.toFixed()} ms, ttl 600`)
    expect(took).toBeGreaterThan(590)

    const before = readFileSync(lockFile(site, 'a'), 'utf8')
    frozen.signal('SIGCONT')
    expect(await frozen.hear('frozen')).toMatchObject({ held: false })
    expect(await frozen.hear('revoked')).toEqual({ revoked: 'a', code: 'lock_lost' })
    await frozen.ask('free a', 'freed')
    expect(readFileSync(lockFile(site, 'a'), 'utf8')).toBe(before)
    expect(await heir.ask('ask a', 'asked')).toMatchObject({ held: true })
    expect(await frozen.ask('try a', 'tried')).toMatchObject({ taken: false })

    await heir.ask('free a', 'freed')
    expect(await frozen.ask('try a', 'tried')).toMatchObject({ taken: true })
    expect(await heir.ask('try a', 'tried')).toMatchObject({ taken: false })
  })

  it('a process that was frozen for less than the time to live keeps its lock', { retry: afterStalls }, async () => {
    const site = newSite()
    const [frozen, other] = await Promise.all([site.start({ ttl: 4000 }), site.start({ ttl: 4000 })])
    await frozen.ask('take a', 'taken')
    frozen.order('freeze a')
    other.order('take a')
    // Long enough for it to doubt its lock.
    const begun = performance.now()
    await vi.waitFor(() => expect(performance.now() - begun).toBeGreaterThan(2100), { timeout: 60_000 })
    frozen.signal('SIGCONT')
    expect(await frozen.hear('frozen')).toMatchObject({ held: true })
    expect(await frozen.hear('revoked')).toMatchObject({ code: 'upload_interrupted' })
    await frozen.ask('free a', 'freed')
    await other.hear('taken')
  })

  it('a container that starts again as process 1 does not take the lock of its predecessor for its own', {
    retry: afterStalls,
  }, async ({ annotate }) => {
    const site = newSite()
    const options = { ttl: 600 }
    const killed = await site.start(options, container())
    await killed.ask('take a', 'taken')
    await killed.kill()
    const heir = await site.start(options, container())
    const { took } = await timed(() => heir.ask('take a', 'taken'))
    await annotate(`lock of a container's predecessor free after ${took.toFixed()} ms, ttl 600`)
    expect(took).toBeLessThan(3000)
    expect(await heir.ask('ask a', 'asked')).toMatchObject({ held: true })
  })

  it('of two containers, each process 1 to itself, none breaks the lock of the other while that one lives', {
    retry: afterStalls,
  }, async () => {
    const site = newSite()
    const options = { ttl: 1000 }
    const [one, other] = await Promise.all([site.start(options, container()), site.start(options, container())])
    await one.ask('take a', 'taken')
    const begun = performance.now()
    other.order('take a')
    await one.hear('revoked')
    await vi.waitFor(() => expect(performance.now() - begun).toBeGreaterThan(2500), { timeout: 60_000 })
    expect(await one.ask('ask a', 'asked')).toMatchObject({ held: true })
    expect(other.heard.some((words) => 'taken' in words)).toBe(false)
    await one.ask('free a', 'freed')
    await other.hear('taken')
  })

  it('when several find the same dead lock at once, one takes it and the others wait', {
    retry: afterStalls,
  }, async () => {
    const site = newSite()
    const options = { ttl: 1500, poll: 5 }
    const all = await Promise.all([1, 2, 3, 4].map(() => site.start(options)))
    // Those known to be dead, a few at a time; then all that have to be found silent, which takes a while, together.
    for (const { count, silent } of [...Array(8).fill({ count: 3, silent: false }), { count: 24, silent: true }]) {
      const ids = Array.from({ length: count }, () => `dead-${randomUUID()}`)
      for (const [index, id] of ids.entries()) leaveDead(site, id, { silent, claimed: index % 3 === 0 })
      await Promise.all(all.flatMap((one) => shuffled(ids).map((id) => one.ask(`visit ${id}`, 'visited'))))
    }
    expect(complaints(all)).toEqual([])
    expect(readdirSync(join(site.directory, '.locks'))).toEqual(['owners'])
    expect(readdirSync(join(site.directory, '.locks', 'owners'))).toHaveLength(all.length)
  })

  it('under fire: no two are ever inside together, nobody is stuck, and nothing is left behind', async ({
    annotate,
  }) => {
    const site = newSite()
    const ids = 'a,b,folder/c'
    const everybody: LockerProcess[] = []
    const until = performance.now() + 3000
    /** Starts a process, and kills it after a few rounds, in whatever it is doing; again and again. */
    const live = async (): Promise<void> => {
      while (everybody.length < 20 || performance.now() < until) {
        const one = await site.start({ poll: 5 })
        everybody.push(one)
        one.order(`hammer ${ids}`)
        for (let rounds = Math.floor(Math.random() * 4); rounds >= 0; rounds--) await one.hear('round')
        await one.kill()
      }
    }
    await Promise.all([1, 2, 3, 4].map(live))
    const rounds = everybody.flatMap((one) => one.heard).filter((words) => 'round' in words).length
    await annotate(`${rounds} rounds over 3 locks by 4 processes at a time, ${everybody.length} killed`)
    expect(complaints(everybody)).toEqual([])

    const last = await site.start()
    for (const id of ids.split(',')) expect(await last.ask(`try ${id}`, 'tried')).toMatchObject({ taken: true })
    for (const id of ids.split(',')) await last.ask(`free ${id}`, 'freed')
    expect(await last.end()).toBe(0)
    expect(readdirSync(join(site.directory, '.locks'))).toEqual(['owners'])
    expect(readdirSync(join(site.directory, '.locks', 'owners'))).toEqual([])
  })

  it('a process with nothing to do but hold a lock may end, and its lock is free', async () => {
    const site = newSite()
    const [holder, other] = await Promise.all([site.start(), site.start()])
    await holder.ask('take a', 'taken')
    expect(await holder.end()).toBe(0)
    expect(await other.ask('try a', 'tried')).toMatchObject({ taken: true })
  })
})

function newSite(): Site {
  const site = createSite(module)
  onTestFinished(() => site.remove())
  return site
}

/** Where containers are not to be had, processes do: then it is not about process 1, but all the rest must hold too. */
function container(): readonly string[] {
  const [command, ...args] = CONTAINER
  try {
    execFileSync(command, [...args, 'true'], { stdio: 'ignore' })
    return CONTAINER
  } catch {
    return []
  }
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item)
}

function complaints(processes: readonly LockerProcess[]): Words[] {
  return processes
    .flatMap((one) => one.heard)
    .filter((words) => ['violation', 'lost', 'failed'].some((key) => key in words))
}

function lockFile(site: Site, name: string): string {
  return join(site.directory, '.locks', `${name}.lock`)
}

/** What a process leaves that was killed while it held a lock: of this machine, or of one where nobody can look. */
function leaveDead(site: Site, name: string, how: { readonly silent: boolean; readonly claimed: boolean }): void {
  const locks = join(site.directory, '.locks')
  const make = (): { readonly token: string; readonly text: string } => {
    const token = randomBytes(8).toString('hex')
    const known = { start: '1', namespace: readlinkSync('/proc/self/ns/pid'), boot: how.silent ? 'another' : bootId() }
    const text = `${JSON.stringify({ token, host: 'a.test', pid: process.pid, ...known })}\n`
    mkdirSync(join(locks, 'owners', token), { recursive: true })
    writeFileSync(join(locks, 'owners', token, '7'), text)
    return { token, text }
  }
  const holder = make()
  if (how.claimed) {
    writeFileSync(join(locks, `${name}.${holder.token}.claim`), make().text)
    rmSync(join(locks, 'owners', holder.token), { recursive: true })
  }
  writeFileSync(lockFile(site, name), holder.text)
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}
