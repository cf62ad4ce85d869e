import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { grpcHooks } from '../../src/hooks/grpc.ts'
import { occasion, request, upload, wanted } from './support/calls.ts'

const pathOf = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

beforeAll(() => {
  const { status, stderr } = spawnSync(process.execPath, [pathOf('scripts/prepare.js')], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`cannot build: ${stderr}`)
})

const children: ChildProcess[] = []
afterAll(async () => {
  for (const child of children) await kill(child)
})

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

/** Runs a script until it prints its first line. */
async function run(path: string, env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [pathOf(path)], { env: { ...process.env, ...env }, stdio: 'pipe' })
  children.push(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  await vi.waitFor(() => expect(output).toMatch(/\n/), { timeout: 60_000 })
  return { child, output: () => output }
}

describe('examples/hooks/grpc-server.js', () => {
  async function example(port = '0') {
    const script = await run('examples/hooks/grpc-server.js', { PORT: port })
    const address = /^listening on (\S+)$/m.exec(script.output())?.[1]
    if (address === undefined) throw new Error(`it does not listen: ${script.output()}`)
    return { ...script, address }
  }

  it('decides about uploads, and survives being killed', async () => {
    const first = await example()
    const hooks = grpcHooks({ address: first.address, backoff: 50, attempts: 200 })
    expect(await hooks.preCreate?.({ ...wanted, metadata: new Map() }, request)).toEqual({
      reject: true,
      reply: { status: 422, body: 'a filename is needed\n' },
    })
    expect(await hooks.preCreate?.(wanted, request)).toEqual({
      metadata: new Map(Object.entries({ filename: 'wörld.txt', checked: 'yes' })),
      maxSize: 10_000_000,
    })
    expect(await hooks.preFinish?.(upload, request)).toEqual({ reply: { headers: { 'X-Stored-As': 'abc' } } })
    expect(await hooks.preTerminate?.(upload, request)).toEqual({ reject: true })
    const really = { ...request, headers: () => ({ 'x-really': 'yes' }) }
    expect(await hooks.preTerminate?.(upload, really)).toBeNull()
    await hooks.postReceive?.(upload, request)
    await hooks.postFinish?.(upload, request, occasion)
    await hooks.postTerminate?.(upload, request, occasion)
    await vi.waitFor(() => expect(first.output()).toContain('event event-7'))
    expect(first.output()).toContain('received abc 4 of 11')

    await kill(first.child)
    const pending = hooks.preFinish?.(upload, request)
    const second = await example(first.address.split(':')[1])
    expect(await pending).toEqual({ reply: { headers: { 'X-Stored-As': 'abc' } } })
    expect(second.address).toBe(first.address)
    hooks.close()
  })

  it('a process whose hooks are at rest comes to its end', async () => {
    const { address } = await example()
    const { child, output } = await run('test/hooks/fixtures/grpc-idle.mjs', { ADDRESS: address })
    // Without close(), and long before the connection is closed because nobody uses it
    await vi.waitFor(() => expect(child.exitCode).toBe(0), { timeout: 30_000 })
    expect(output()).toBe('{"reply":{"headers":{"X-Stored-As":"abc"}}}\n')
  })
})
