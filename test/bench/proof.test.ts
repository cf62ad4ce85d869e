import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { startClient } from '../../bench/client.js'
import { measure } from '../../bench/measure.js'
import { cpuOf } from '../../bench/processes.js'
import { many } from '../../bench/rows/many.js'
import { tiny } from '../../bench/rows/tiny.js'
import type { Peer } from '../../bench/types.ts'

const SERVER = fileURLToPath(new URL('fixtures/losing-server.mjs', import.meta.url))
const MIB = 1 << 20

// Each starts a client and a server: a second, but not on a busy machine
vi.setConfig({ testTimeout: 90_000 })

const owed = new Set<() => void>()
const ending = {
  owe(undo: () => void): () => void {
    owed.add(undo)
    return undo
  },
}

afterEach(() => {
  for (const undo of owed) undo()
  owed.clear()
})

function server(deed: 'keep' | 'lose' | 'change'): Peer {
  return {
    name: deed,
    about: 'a server of this test',
    command: (folder, port) => [process.execPath, SERVER, folder, String(port), deed],
    missing: () => null,
  }
}

describe('every byte is compared', () => {
  const patch = many('patch', 1)

  test('a server that keeps all bytes is measured', async () => {
    const { folder, client } = place()
    const measured = await measure(patch, server('keep'), { folder, client, ending, size: 2 * MIB })
    expect(measured.seconds).toBeGreaterThan(0)
    expect(measured.peak).toBeGreaterThan(10 * MIB)
    expect(readdirSync(folder)).toEqual([])
  })

  for (const row of [patch, tiny('tiny2', 2, 20)]) {
    test(`a server that loses a byte and acknowledges it is found out (${row.name})`, async () => {
      const { folder, client } = place()
      const measured = measure(row, server('lose'), { folder, client, ending, size: 2 * MIB })
      await expect(measured).rejects.toThrow(/holds \d+ bytes, and \d+ were sent/)
      expect(readdirSync(folder)).toEqual([])
    })
  }

  test('a server that changes one bit is found out', async () => {
    const { folder, client } = place()
    const measured = measure(patch, server('change'), { folder, client, ending, size: 2 * MIB })
    await expect(measured).rejects.toThrow('is not what was sent')
  })
})

test('the CPU time of a process is what the process knows of itself', () => {
  const known = (): number => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  }
  const outerBegin = known()
  const before = cpuOf(process.pid)
  const innerBegin = known()
  while (known() - innerBegin < 0.2);
  const innerEnd = known()
  const told = cpuOf(process.pid) - before
  const outerEnd = known()
  // Two readings, each cut to a tick of 10 ms
  expect(told).toBeGreaterThan(innerEnd - innerBegin - 0.03)
  expect(told).toBeLessThan(outerEnd - outerBegin + 0.03)
})

function place(): { readonly folder: string; readonly client: ReturnType<typeof startClient> } {
  const folder = mkdtempSync(join(tmpdir(), 'tusker-bench-test-'))
  owed.add(() => rmSync(folder, { recursive: true, force: true }))
  return { folder, client: startClient(ending) }
}
