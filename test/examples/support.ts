import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, vi } from 'vitest'

/** A script that runs for all tests of a `describe`. */
export interface Script {
  /** The folder that it was started in; empty at first, removed afterwards. */
  readonly folder: string
  /** What it printed. */
  output(): string
  /** What it says it listens on, under this name if it has several. */
  url(name?: string): string
}

/** Builds what the scripts import, and runs one of this repository on a free port until the tests around the call are over. */
export function runScript(path: string): Script {
  const folder = mkdtempSync(join(tmpdir(), 'tusker-examples-'))
  let output = ''
  let end = async (): Promise<void> => undefined
  const url = (name = ''): string => {
    const lines = [...output.matchAll(/^(?:(.*): )?listening on (http:\S+)$/gm)]
    const found = lines.find((line) => name === (line[1] ?? ''))?.[2]
    if (found === undefined) throw new Error(`it does not say where it listens:\n${output}`)
    return found
  }
  beforeAll(async () => {
    const { status, stderr } = spawnSync(process.execPath, [pathOf('scripts/prepare.js')], { encoding: 'utf8' })
    if (status !== 0) throw new Error(`cannot build: ${stderr}`)
    const env = { ...process.env, PORT: '0' }
    const child = spawn(process.execPath, [pathOf(path)], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const exited = once(child, 'exit')
    end = async () => {
      child.kill('SIGKILL')
      await exited
    }
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
    await vi.waitFor(() => expectListening(child.exitCode, output), { timeout: 60_000, interval: 20 })
  }, 180_000)
  afterAll(async () => {
    await end()
    rmSync(folder, { recursive: true })
  })
  return { folder, output: () => output, url }
}

/** What waits for this goes on waiting as long as it throws. */
function expectListening(exitCode: number | null, output: string): void {
  if (exitCode === null && !/listening on http/.test(output)) throw new Error(`it does not listen:\n${output}`)
}

function pathOf(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url))
}
