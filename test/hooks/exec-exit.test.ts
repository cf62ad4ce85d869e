import { once } from 'node:events'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { newFolder, setUp, start } from '../cli/program.ts'

setUp()

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** A hook that never ends, and a child of its own; once both run, their ids. */
async function endless(folder: string): Promise<readonly number[]> {
  const pids = join(folder, 'pids')
  await vi.waitFor(() => expect(existsSync(pids) && readFileSync(pids, 'utf8')).toMatch(/^\d+ \d+\n$/), 60_000)
  return readFileSync(pids, 'utf8').trim().split(' ').map(Number)
}

it('a hook that runs when the server exits at once is ended with it, and so is what it started', async () => {
  const folder = newFolder()
  writeFileSync(join(folder, 'post-create'), '#!/bin/sh\nsleep 600 &\necho $! $$ > pids\nwait\n')
  chmodSync(join(folder, 'post-create'), 0o755)
  const program = await start('-hooks-dir', folder, '-hooks-dir-timeout', '0', '-upload-dir', join(folder, 'up'))
  await fetch(program.url, { method: 'POST', headers: { 'Tus-Resumable': '1.0.0', 'Upload-Length': '5' } })
  const pids = await endless(folder)
  expect(pids.every(alive)).toBe(true)
  const exited = once(program.process, 'exit')
  program.kill('SIGTERM')
  await vi.waitFor(() => expect(program.output()).toContain('stopping'), 60_000)
  program.kill('SIGTERM')
  expect(await exited).toEqual([1, null])
  try {
    await vi.waitFor(() => expect(pids.some(alive)).toBe(false), 60_000)
  } finally {
    for (const pid of pids.filter(alive)) process.kill(pid)
  }
})
