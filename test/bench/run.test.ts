import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test, vi } from 'vitest'
import type { Report } from '../../bench/types.ts'
import { setUp } from '../cli/program.ts'

const BENCH = fileURLToPath(new URL('../../bench/bench.js', import.meta.url))
const MIB = 1 << 20

setUp()
// Whole runs, each with several processes to start: seconds, but not on a busy machine
vi.setConfig({ testTimeout: 90_000 })

const running = new Set<ChildProcess>()
const folders = new Set<string>()

afterEach(() => {
  for (const child of running) child.kill('SIGTERM')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  running.clear()
  folders.clear()
})

test('a row against one peer gives a result file with its figures, and leaves nothing behind', async () => {
  const [directory, out] = [newFolder(), newFolder()]
  const bench = start(['--rows', 'patch', '--peers', 'tusker', '--rounds', '1', '--size', '4MiB'], directory, out)
  expect(await bench.ended, bench.errors()).toBe(0)

  const { facts, rows }: Report = JSON.parse(readFileSync(join(out, 'result.json'), 'utf8'))
  expect(facts).toMatchObject({ node: process.version, rounds: 1, size: 4 * MIB })
  expect(facts.durability).toContain('none')
  expect(Object.keys(facts.peers)).toEqual(['tusker'])
  expect(rows.map(({ row, unit }) => [row, unit])).toEqual([['patch', 'GiB']])
  const [series] = rows[0]?.series ?? []
  expect(series).toMatchObject({ peer: 'tusker', unsupported: null, failed: null })
  const [measurement, ...others] = series?.measurements ?? []
  expect(others).toEqual([])
  expect(measurement).toMatchObject({ round: 1, amount: 4 / 1024, note: null })
  expect(measurement?.seconds).toBeGreaterThan(0)
  expect(measurement?.cpu).toBeGreaterThanOrEqual(0)
  expect(measurement?.peak).toBeGreaterThan(20 * MIB)

  const table = readFileSync(join(out, 'result.md'), 'utf8')
  expect(table).toMatch(/\| one PATCH of 4 MiB \| \d+\.\d\d s\/GiB \(/)
  expect(bench.output()).toContain(table.trim())
  expect(readdirSync(directory)).toEqual([])
})

test('an interrupted run ends its servers and removes what they stored', async () => {
  const directory = newFolder()
  const bench = start(
    ['--rows', 'patch', '--peers', 'tusker', '--rounds', '1000', '--size', '4MiB'],
    directory,
    newFolder(),
  )
  await vi.waitFor(() => expect(bench.errors()).toContain('patch 1/1000'), { timeout: 60_000 })
  await vi.waitFor(() => expect(childrenOf(bench.pid).length).toBeGreaterThan(1), { timeout: 60_000, interval: 5 })
  const children = childrenOf(bench.pid)
  process.kill(bench.pid, 'SIGINT')
  expect(await bench.ended).toBe(130)
  await vi.waitFor(() => expect(children.filter(isAlive)).toEqual([]), { timeout: 60_000 })
  expect(readdirSync(directory)).toEqual([])
})

test('a peer that is not installed is an error that says how to get it', async () => {
  const bench = start(['--peers', 'tusd'], newFolder(), newFolder(), { PATH: '' })
  expect(await bench.ended).toBe(1)
  expect(bench.errors()).toContain('no tusd on PATH: get it from https://github.com/tus/tusd/releases')
})

test('an unknown row is an error that names all rows', async () => {
  const bench = start(['--rows', 'patch,tny'], newFolder(), newFolder())
  expect(await bench.ended).toBe(1)
  expect(bench.errors()).toMatch(/there is no row tny: patch, patch8, .*http2/)
})

interface Bench {
  readonly pid: number
  /** Its exit code. */
  readonly ended: Promise<number | null>
  output(): string
  errors(): string
}

function start(args: readonly string[], directory: string, out: string, env: NodeJS.ProcessEnv = process.env): Bench {
  const child = spawn(process.execPath, [BENCH, '--dir', directory, '--out', out, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return {
    pid: child.pid ?? 0,
    ended: once(child, 'close').then(([code]: readonly unknown[]) => (typeof code === 'number' ? code : null)),
    output: () => stdout,
    errors: () => stderr,
  }
}

function childrenOf(pid: number): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
}

/** A zombie is dead: nobody has asked for its exit code yet. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tusker-bench-test-'))
  folders.add(folder)
  return folder
}
